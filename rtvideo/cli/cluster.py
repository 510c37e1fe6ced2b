"""Files on the machines of a cluster, each to the end that it would have had here."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from rtvideo.cli.cluster_progress import ClusterProgress
from rtvideo.cli.outcome import TaskResult
from rtvideo.cli.progress import Silent
from rtvideo.cli.signals import SecondSignal, Stop
from rtvideo.cli.task import TaskRunner, done, failed, skipped
from rtvideo.cluster.board import Notes, Standing
from rtvideo.cluster.connection import connected
from rtvideo.cluster.cutting import CannotCutError
from rtvideo.cluster.film import FilmJob, worth_cutting
from rtvideo.cluster.piece_job import Interrupted
from rtvideo.cluster.scheduler import LostError, Scheduler, Unit
from rtvideo.console import line, say
from rtvideo.errors import ExitCode, RtvideoError
from rtvideo.files.kinds import Job, job_for
from rtvideo.options import Options

if TYPE_CHECKING:
    from rtvideo.cli.inputs import Task

#: Seconds of a piece at least, where nothing else is asked for.
_PIECE = 120.0


def run_on_cluster(
    tasks: Sequence[Task],
    options: Options,
    stop: Stop,
    address: str,
    piece: float | None,
    done: Callable[[int, TaskResult], None],
    *,
    quiet: bool,
    verbose: bool,
) -> None:
    """Run tasks on a cluster.

    Args:
        address, piece: as ``--cluster`` and ``--piece`` take them.
        done: called with the place of each task and how it ended.
        quiet, verbose: as `rtvideo.cli.task.TaskRunner` takes them.

    Raises:
        UsageError, UnavailableError: there is no such cluster, or it went away.
    """
    with connected(address) as cluster:
        if not quiet:
            line(f"cluster {address}: {cluster}")
        scheduler = Scheduler(cluster, device=options.device, threads=options.threads)
        run = _Run(tasks, options, scheduler, piece, done, verbose=verbose)
        with ClusterProgress(sys.stderr, len(tasks), quiet=quiet) as show:

            def tick(standing: Standing) -> bool:
                show(standing, run.ended, run.share(standing))
                return stop.event.is_set()

            try:
                scheduler.run(run.units(), tick)
            except SecondSignal:
                scheduler.abort()
                raise
            finally:
                run.stop()


class _Run:
    """The tasks of one call as units of a cluster."""

    def __init__(
        self,
        tasks: Sequence[Task],
        options: Options,
        scheduler: Scheduler,
        piece: float | None,
        done: Callable[[int, TaskResult], None],
        *,
        verbose: bool,
    ) -> None:
        self.ended = 0
        self._tasks, self._options, self._verbose, self._done = tasks, options, verbose, done
        self._films: dict[int, FilmJob] = {}
        self._gpu = scheduler.gpus > 0
        # Files alone keep all processors busy where there are enough of them.
        self._piece = piece or (_PIECE if len(tasks) < scheduler.slots else None)

    def units(self) -> Iterator[Unit]:
        """Yield what is to be done."""
        for place, task in enumerate(self._tasks):
            try:
                if task.error is not None:
                    raise task.error
                if (finished := skipped(task, self._options)) is not None:
                    self._end(place, finished)
                    continue
                cut = self._piece is not None and job_for(task.source, task.target) is Job.VIDEO
            except RtvideoError as error:
                self._end(place, failed(task, error, verbose=self._verbose))
                continue
            if cut and self._piece is not None and worth_cutting(task.source, self._piece):
                try:
                    yield from self._film(place, task, self._piece).units()
                    continue
                except CannotCutError as error:
                    self._films.pop(place)
                    say(f"warning: {task.source}: enhanced on one node, since it cannot be cut: {error}")
            yield self._whole(place, task)

    def share(self, standing: Standing) -> float:
        """Return which part of all is done; a file counts as much as another."""
        share = float(self.ended)
        for key, (frames, total) in standing.under_way.items():
            place = int(key.partition(".")[0]) - 1
            weight = film.weight if (film := self._films.get(place)) else 1.0
            share += weight * min(1.0, frames / total) if total else 0.0
        share += sum(film.share for film in self._films.values())
        return min(1.0, share / max(1, len(self._tasks)))

    def stop(self) -> None:
        """Leave what is done of films for a later run."""
        for film in list(self._films.values()):
            film.stop()

    def _whole(self, place: int, task: Task) -> Unit:
        def done(returned: tuple[TaskResult, list[str]]) -> None:
            result, warnings = returned
            for warning in warnings:
                _warn(warning)
            self._end(place, result)

        arguments = (place, task, self._options, len(self._tasks), self._verbose)
        return Unit(f"{place + 1}", enhance_on_node, arguments, done, partial(self._fail, place))

    def _film(self, place: int, task: Task, seconds: float) -> FilmJob:
        def ended(error: Exception | None) -> None:
            self._films.pop(place)
            if error is not None:
                self._fail(place, error)
            else:
                self._end(place, done(task, film.report, verbose=self._verbose))

        film = self._films[place] = FilmJob(
            f"{place + 1}",
            task.source,
            task.target,
            self._options,
            seconds,
            gpu=self._gpu,
            warn=_warn,
            ended=ended,
        )
        return film

    def _fail(self, place: int, error: Exception) -> None:
        task = self._tasks[place]
        if isinstance(error, Interrupted):
            note = f"{task.target.name}: stopped; the same command with --resume goes on"
            result = TaskResult(str(task.source), ExitCode.DONE, note=note, stopped=True)
        elif isinstance(error, LostError):
            name, reason = str(task.source), f"internal: {error}"
            result = TaskResult(name, ExitCode.INTERNAL, error=f"{name}: {reason}", reason=reason)
        else:
            result = failed(task, error, verbose=self._verbose)
        self._end(place, result)

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


def _warn(line: str) -> None:
    say(f"warning: {line}")
