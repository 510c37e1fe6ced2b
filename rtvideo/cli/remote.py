"""Inputs and outputs at places such as ``s3://bucket/nights/``, for runs on a cluster."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from rtvideo.cli.inputs import VIDEOS, BatchPlan, Task, found_in, renamed
from rtvideo.cluster.transport import is_remote, listed
from rtvideo.errors import OutputError, RtvideoError, UsageError
from rtvideo.media.images.suffixes import NAMES


@dataclass(frozen=True)
class RemoteTask(Task):
    """A file of which one end, at least, is no path of this machine.

    Attributes:
        source_url, target_url: where it is, and goes to; None where the path says it.
    """

    source_url: str | None = None
    target_url: str | None = None

    @property
    def name(self) -> str:
        """See `Task.name`."""
        return self.source_url or str(self.source)


def plan_remote(inputs: Sequence[str], out: str) -> BatchPlan:
    """Return a task for each file, as `rtvideo.cli.inputs.plan` does.

    Args:
        inputs, out: as there, or URLs.

    Raises:
        UsageError: several inputs, and ``out`` is no folder.
        OutputError: a folder cannot be made.
    """
    made = BatchPlan()
    single = len(inputs) == 1 and Path(out).suffix and not out.endswith("/") and not os.path.isdir(out)
    for text in inputs:
        try:
            for source, url, place in _found(text, made):
                made.tasks.append(_task(source, url, out, None if single else place))
        except RtvideoError as error:
            made.tasks.append(RemoteTask(Path(text), Path(out), error, source_url=text))
    if single and len(made.tasks) > 1:
        raise UsageError(
            f"--out {out}: looks like a file; several inputs need a folder (end it with / if it is one)"
        )
    return made


def _found(text: str, made: BatchPlan) -> Iterator[tuple[Path, str | None, Path]]:
    """Yield path, URL and place in the output folder of each file of an input."""
    if is_remote(text):
        for url, name in listed(text, (*VIDEOS, *NAMES)):
            yield Path(name), url, renamed(Path(name))
        return
    for each in found_in(text, Path(os.devnull), made.left_out):
        yield each.source, None, renamed(each.place)


def _task(source: Path, url: str | None, out: str, place: Path | None) -> RemoteTask:
    if is_remote(out):
        target = out if place is None else f"{out.rstrip('/')}/{place}"
        return RemoteTask(source, Path(target.rpartition("/")[2]), None, url, target)
    path = Path(out) if place is None else Path(out) / place
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{path.parent}: the folder cannot be made: {error.strerror}") from None
    return RemoteTask(source, path, None, url, None)
