"""Inputs and outputs of runs on a cluster, which may lie at places such as ``s3://bucket/nights/``."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from rtvideo.cli.inputs import (
    VIDEOS,
    BatchPlan,
    Task,
    check_folder,
    found_in,
    is_pattern,
    make_folder,
    no_folder,
    renamed,
)
from rtvideo.cli.listing import Listing
from rtvideo.cluster.places import check_takes_files, is_remote, listed
from rtvideo.errors import RtvideoError, UsageError
from rtvideo.media.images.suffixes import NAMES
from rtvideo.media.location import redact


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
        return redact(self.source_url) if self.source_url else str(self.source)


def must_be_listed(inputs: Sequence[str], out: str) -> bool:
    """Whether there may be more files than were named, or some lie at a URL."""
    return any(os.path.isdir(text) or is_pattern(text) or is_remote(text) for text in inputs) or is_remote(
        out
    )


def plan_listing(inputs: Sequence[str], out: str) -> BatchPlan:
    """Return a plan whose tasks are looked for from now on, else as `rtvideo.cli.inputs.plan` does.

    Args:
        inputs, out: as there, or URLs.

    Raises:
        UsageError: several inputs, and ``out`` is no folder; no file can be delivered there.
    """
    named = len(inputs) == 1 and not os.path.isdir(inputs[0]) and not is_pattern(inputs[0])
    single = named and Path(out).suffix and not out.endswith("/") and not os.path.isdir(out)
    check_takes_files(out)
    if not single and not is_remote(out):
        check_folder(out)
    made = BatchPlan()
    finder = _Finder(out, single=bool(single), several=len(inputs) > 1)
    made.listing = Listing(finder.tasks(inputs, made.left_out))
    if single and made.several:
        made.listing.close()
        raise no_folder(out)
    return made


class _Finder:
    """Gives each file that is found its place in the output."""

    def __init__(self, out: str, *, single: bool, several: bool) -> None:
        self._out, self._single, self._several = out, single, several
        self._remote = is_remote(out)
        self._taken: set[int] = set()  # hashes of names: of a hundred thousand a few MiB
        self._made: Path | None = None

    def tasks(self, inputs: Sequence[str], left_out: Counter[str]) -> Iterator[Task]:
        """Yield the tasks; an input that gives none is a task with its error."""
        for text in inputs:
            remote = is_remote(text)
            try:
                if remote:
                    for url, name in listed(text, (*VIDEOS, *NAMES)):
                        yield self._task(Path(name), url, self._place(Path(name), None))
                    continue
                own = Path(os.devnull) if self._remote else Path(self._out)
                for each in found_in(text, own, left_out):
                    if each.error is not None:
                        yield Task(each.source, Path(self._out), each.error)
                    else:
                        yield self._task(each.source, None, self._place(each.place, each.source))
            except RtvideoError as error:
                yield RemoteTask(Path(text), Path(self._out), error, source_url=text if remote else None)

    def _place(self, place: Path, source: Path | None) -> Path:
        """Return a name that can be written and that no other file has."""
        new = renamed(place)
        if new != place:
            beside = source is not None and source.with_name(new.name).exists()
            if beside or hash(new) in self._taken:
                return place.with_name(place.name + new.suffix)
        return new

    def _task(self, source: Path, url: str | None, place: Path) -> Task:
        error = (
            None
            if self._single
            else self._error_of(url or str(source), place, changed=place.name != source.name)
        )
        if self._remote:
            target = self._out if self._single else f"{self._out.rstrip('/')}/{place}"
            return RemoteTask(source, Path(target.rpartition("/")[2]), error, url, target)
        path = Path(self._out) if self._single else Path(self._out) / place
        if error is None and not self._single and path.parent != self._made:
            try:
                make_folder(path.parent)
                self._made = path.parent
            except RtvideoError as reason:
                error = reason
        return Task(source, path, error) if url is None else RemoteTask(source, path, error, url, None)

    def _error_of(self, name: str, place: Path, *, changed: bool) -> RtvideoError | None:
        """Refuse a second file of one name. In one folder of this machine only changed names can meet."""
        key = hash(place)
        if key in self._taken:
            return UsageError(
                f"{name}: another input is written as {place}, too; "
                "enhance them apart, or give the folder that holds both"
            )
        if changed or self._several or self._remote:
            self._taken.add(key)
        return None
