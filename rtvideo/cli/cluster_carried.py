"""A task whose files no node sees: they are brought there, and the result is taken away."""

from __future__ import annotations

import os
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from rtvideo.cli.cluster_node import enhance_on_node
from rtvideo.cli.inputs import Task
from rtvideo.cli.outcome import TaskResult
from rtvideo.cli.remote import RemoteTask
from rtvideo.cli.task import failed, skipped
from rtvideo.cluster.places import deliver, exists, fetch
from rtvideo.cluster.transport import Content
from rtvideo.errors import ExitCode, RtvideoError, UsageError
from rtvideo.files.kinds import Job, job_for
from rtvideo.options import Options


def check_carried(task: Task, options: Options) -> TaskResult | None:
    """Return the end of a task that need not be done, as `rtvideo.cli.task.skipped`.

    Raises:
        UsageError: its output exists, or it is not one file.
        OutputError: the place of the output cannot be asked.
    """
    if job_for(task.source, task.target) in (Job.SEQUENCE, Job.TO_IMAGES):
        raise UsageError(f"{task.name}: numbered images need a disk that all nodes of the cluster see")
    url = task.target_url if isinstance(task, RemoteTask) else None
    if options.overwrite:
        return None
    if url is None:
        if (finished := skipped(task, options)) is not None:
            return finished
        if os.path.exists(task.target):
            raise UsageError(f"{task.target}: exists already; --overwrite replaces it")
    elif exists(url):
        if not options.resume:
            raise UsageError(f"{url}: exists already; --overwrite replaces it")
        return TaskResult(
            task.name, ExitCode.DONE, note=f"{url}: exists already; taken for complete, skipped"
        )
    return None


def carried_on_node(
    board: Any,
    key: str,
    gpu: bool,
    place: int,
    task: Task,
    content: Content | None,
    options: Options,
    verbose: bool,
) -> tuple[TaskResult, list[str], Content | None]:
    """Run a task in a folder of this node; return its end, its warnings, and the result unless it has a URL.

    Args:
        content: of the input, where this node can neither see nor fetch it.
    """
    source_url = task.source_url if isinstance(task, RemoteTask) else None
    target_url = task.target_url if isinstance(task, RemoteTask) else None
    with tempfile.TemporaryDirectory(prefix="rtvideo-") as folder:
        here, made = task.source, None
        target = Path(folder) / "out" / task.target.name
        target.parent.mkdir()
        try:
            if content is not None or source_url is not None:
                here = Path(folder) / task.source.name
            if content is not None:
                content.write(here)
            elif source_url is not None:
                fetch(source_url, here)
            alone = replace(options, resume=False, overwrite=True)
            result, warnings = enhance_on_node(board, key, gpu, place, Task(here, target), alone, verbose)
            if target.is_file() and not result.stopped:
                if target_url is not None:
                    deliver(target, target_url)
                else:
                    made = Content.of(target)
        except RtvideoError as error:
            return failed(task, error, verbose=verbose), [], None
        names = {str(here): task.name, str(target): target_url or str(task.target)}
        return _renamed(result, names), [_with(names, warning) for warning in warnings], made


def _renamed(result: TaskResult, names: dict[str, str]) -> TaskResult:
    """Return a result that speaks of the files by the names that the user gave."""
    if (report := result.report) is not None:
        report.input, report.output = _with(names, report.input), _with(names, report.output)
        report.warnings = [_with(names, warning) for warning in report.warnings]
    return replace(
        result,
        name=_with(names, result.name),
        note=_with(names, result.note),
        error=_with(names, result.error),
        reason=_with(names, result.reason),
    )


def _with(names: dict[str, str], text: str) -> str:
    for name, given in names.items():
        text = text.replace(name, given)
    return text
