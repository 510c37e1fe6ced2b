"""A task on a node of a cluster."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from rtvideo.cli.outcome import TaskResult
from rtvideo.cli.progress import Silent
from rtvideo.cli.signals import Stop
from rtvideo.cli.task import TaskRunner
from rtvideo.cluster.board import Notes
from rtvideo.options import Options

if TYPE_CHECKING:
    from rtvideo.cli.inputs import Task


def enhance_on_node(
    board: Any, key: str, gpu: bool, place: int, task: Task, options: Options, verbose: bool
) -> tuple[TaskResult, list[str]]:
    """Run a task whose files this node sees under their own names; return its end and its warnings."""
    notes = Notes(board, key)
    warnings: list[str] = []
    if not gpu and options.device == "auto":
        options = replace(options, device="cpu")
    if notes.attempt > 1:
        options = replace(options, resume=True)  # what was lost left its frames here, or nothing
    stop = Stop()
    stop.event = notes.stop
    with TaskRunner(
        options,
        stop,
        1,
        quiet=True,
        verbose=verbose,
        show=lambda name: _Noted(notes),
        warn=warnings.append,
    ) as runner:
        result = runner.run(place, task)
    frames = 0 if result.report is None else result.report.frames_out
    if result.report is not None:
        result.report.retries = notes.attempt - 1
    notes.finish(frames)
    return result, warnings


class _Noted(Silent):
    """Progress that goes to the board."""

    def __init__(self, notes: Notes) -> None:
        self._notes = notes

    def __call__(self, done: int, total: int | None) -> None:
        """Note it."""
        self._notes(done, total)
