"""Files on the machines of a cluster, each to the end that it would have had here."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from rtvideo.cli.cluster_progress import ClusterProgress
from rtvideo.cli.outcome import TaskResult
from rtvideo.cli.progress import Silent
from rtvideo.cli.signals import SecondSignal, Stop
from rtvideo.cli.task import TaskRunner
from rtvideo.cluster.board import Notes, Standing
from rtvideo.cluster.connection import connected
from rtvideo.cluster.scheduler import LostError, Scheduler, Unit
from rtvideo.console import internal, line, say
from rtvideo.errors import ExitCode, RtvideoError
from rtvideo.options import Options

if TYPE_CHECKING:
    from rtvideo.cli.inputs import Task


def run_on_cluster(
    tasks: Sequence[Task],
    options: Options,
    stop: Stop,
    address: str,
    done: Callable[[int, TaskResult], None],
    *,
    quiet: bool,
    verbose: bool,
) -> None:
    """Run tasks on a cluster.

    Args:
        address: as ``--cluster`` takes it.
        done: called with the place of each task and how it ended.
        quiet, verbose: as `rtvideo.cli.task.TaskRunner` takes them.

    Raises:
        UsageError, UnavailableError: there is no such cluster, or it went away.
    """
    with connected(address) as cluster:
        if not quiet:
            line(f"cluster {address}: {cluster}")
        scheduler = Scheduler(cluster, device=options.device, threads=options.threads)
        run = _Run(tasks, options, verbose, done)
        with ClusterProgress(sys.stderr, len(tasks), quiet=quiet) as show:

            def tick(standing: Standing) -> bool:
                show(standing, run.ended)
                return stop.event.is_set()

            try:
                scheduler.run(run.units(), tick)
            except SecondSignal:
                scheduler.abort()
                raise


class _Run:
    """The tasks of one call as units of a cluster.

    Attributes:
        ended: how many tasks have ended.
    """

    def __init__(
        self, tasks: Sequence[Task], options: Options, verbose: bool, done: Callable[[int, TaskResult], None]
    ) -> None:
        self.ended = 0
        self._tasks, self._options, self._verbose, self._done = tasks, options, verbose, done

    def units(self) -> Iterator[Unit]:
        """Yield what is to be done."""
        for place, task in enumerate(self._tasks):
            yield self._unit(place, task)

    def _unit(self, place: int, task: Task) -> Unit:
        def done(returned: tuple[TaskResult, list[str]]) -> None:
            result, warnings = returned
            for warning in warnings:
                say(f"warning: {warning}")
            self._end(place, result)

        def failed(error: Exception) -> None:
            self._end(place, _failure(task, error, self._verbose))

        arguments = (place, task, self._options, len(self._tasks), self._verbose)
        return Unit(f"{place + 1}", enhance_on_node, arguments, done, failed)

    def _end(self, place: int, result: TaskResult) -> None:
        self.ended += 1
        self._done(place, result)


def enhance_on_node(
    board: Any, key: str, gpu: bool, place: int, task: Task, options: Options, total: int, verbose: bool
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
        total,
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


def _failure(task: Task, error: Exception, verbose: bool) -> TaskResult:
    """Return the end of a task that no node brought to its end."""
    name = str(task.source)
    if isinstance(error, RtvideoError):
        return TaskResult(name, error.exit_code, error=str(error), reason=str(error))
    reason = f"internal: {error}" if isinstance(error, LostError) else internal(error, verbose)
    return TaskResult(name, ExitCode.INTERNAL, error=f"{name}: {reason}", reason=reason)
