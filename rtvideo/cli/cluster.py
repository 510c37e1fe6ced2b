"""Files on the machines of a cluster, each to the end that it would have had here."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import TYPE_CHECKING

from rtvideo.cli.cluster_carried import carried_on_node, check_carried
from rtvideo.cli.cluster_node import enhance_on_node
from rtvideo.cli.cluster_progress import ClusterProgress
from rtvideo.cli.outcome import TaskResult
from rtvideo.cli.remote import RemoteTask
from rtvideo.cli.signals import SecondSignal, Stop
from rtvideo.cli.task import completed, failed, skipped
from rtvideo.cluster.board import Standing
from rtvideo.cluster.connection import connected
from rtvideo.cluster.cutting import CannotCutError
from rtvideo.cluster.film import FilmJob, worth_cutting
from rtvideo.cluster.piece_job import Interrupted
from rtvideo.cluster.scheduler import LostError, Scheduler, Unit
from rtvideo.cluster.transport import Content, all_see, stored
from rtvideo.console import line, say
from rtvideo.errors import ExitCode, RtvideoError
from rtvideo.files.kinds import Job, job_for
from rtvideo.media.images.sequence import is_sequence
from rtvideo.options import Options

if TYPE_CHECKING:
    from rtvideo.cli.inputs import Task
    from rtvideo.cli.listing import Listing

#: Seconds of a piece at least, where nothing else is asked for.
_PIECE = 120.0


def run_on_cluster(
    tasks: Listing[Task],
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
        shared = cluster.alone or _share_disk(tasks)
        run = _Run(tasks, options, scheduler, piece, done, shared=shared, verbose=verbose)
        with ClusterProgress(sys.stderr, quiet=quiet) as show:

            def tick(standing: Standing) -> bool:
                show(standing, run.ended, tasks.total, run.share(standing))
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
        tasks: Listing[Task],
        options: Options,
        scheduler: Scheduler,
        piece: float | None,
        done: Callable[[int, TaskResult], None],
        *,
        shared: bool,
        verbose: bool,
    ) -> None:
        self.ended = 0
        self._shared = shared
        self._tasks, self._options, self._verbose, self._done = tasks, options, verbose, done
        self._films: dict[int, FilmJob] = {}
        self._gpu = scheduler.gpus > 0
        # Files alone keep all processors busy where there are enough of them; what travels should be short.
        self._piece = piece or (_PIECE if not shared or not tasks.at_least(scheduler.slots) else None)

    def units(self) -> Iterator[Unit]:
        """Yield what is to be done."""
        for place, task in enumerate(self._tasks):
            try:
                if task.error is not None:
                    raise task.error
                if self._carried(task):
                    finished = check_carried(task, self._options)
                else:
                    finished = skipped(task, self._options)
                if finished is not None:
                    self._end(place, finished)
                    continue
                yield from self._units_of(place, task)
            except RtvideoError as error:
                self._end(place, failed(task, error, verbose=self._verbose))

    def _units_of(self, place: int, task: Task) -> Iterator[Unit]:
        """Yield the pieces of a long film that lies here, else the task as a whole."""
        film = not isinstance(task, RemoteTask) and job_for(task.source, task.target) is Job.VIDEO
        if film and self._piece is not None and worth_cutting(task.source, self._piece):
            try:
                yield from self._film(place, task, self._piece).units()
                return
            except CannotCutError as error:
                self._films.pop(place)
                say(f"warning: {task.source}: enhanced on one node, since it cannot be cut: {error}")
        yield self._whole(place, task)

    def share(self, standing: Standing) -> float:
        """Return which part of all is done; a file counts as much as another."""
        if self._tasks.total is None:
            return 0.0
        share = float(self.ended)
        for key, (frames, total) in standing.under_way.items():
            place = int(key.partition(".")[0]) - 1
            weight = film.weight if (film := self._films.get(place)) else 1.0
            share += weight * min(1.0, frames / total) if total else 0.0
        share += sum(film.share for film in self._films.values())
        return min(1.0, share / max(1, self._tasks.total))

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

        key, fail = f"{place + 1}", partial(self._fail, place, task)
        rest = (self._options, self._verbose)
        if not self._carried(task):
            return Unit(key, enhance_on_node, (place, task, *rest), done, fail)
        content, size = None, 0
        if not self._shared and not (isinstance(task, RemoteTask) and task.source_url):
            read = Content.of(task.source)
            content, size = stored(read), len(read.data)
        carry = partial(self._carry, place, task)
        return Unit(key, carried_on_node, (place, task, content, *rest), carry, fail, size)

    def _carried(self, task: Task) -> bool:
        """Whether a node needs to be brought the input, or the result to be taken away."""
        return not self._shared or isinstance(task, RemoteTask)

    def _carry(self, place: int, task: Task, returned: tuple[TaskResult, list[str], Content | None]) -> None:
        result, warnings, content = returned
        for warning in warnings:
            _warn(warning)
        if content is not None:
            try:
                content.publish(task.target)
            except RtvideoError as error:
                result = failed(task, error, verbose=self._verbose)
        self._end(place, result)

    def _film(self, place: int, task: Task, seconds: float) -> FilmJob:
        def ended(error: Exception | None) -> None:
            self._films.pop(place)
            if error is not None:
                self._fail(place, task, error)
            else:
                self._end(place, completed(task, film.report, verbose=self._verbose))

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

    def _fail(self, place: int, task: Task, error: Exception) -> None:
        if isinstance(error, Interrupted):
            note = f"{task.target.name}: stopped; the same command with --resume goes on"
            result = TaskResult(task.name, ExitCode.DONE, note=note, stopped=True)
        elif isinstance(error, LostError):
            name, reason = task.name, f"internal: {error}"
            result = TaskResult(name, ExitCode.INTERNAL, error=f"{name}: {reason}", reason=reason)
        else:
            result = failed(task, error, verbose=self._verbose)
        self._end(place, result)

    def _end(self, place: int, result: TaskResult) -> None:
        self.ended += 1
        self._done(place, result)


def _share_disk(tasks: Iterable[Task]) -> bool:
    """Whether all nodes see the files of the tasks, judged by one of them."""
    local = (task for task in tasks if task.error is None and not isinstance(task, RemoteTask))
    task = next(local, None)
    return task is None or all_see([task.source] * (not is_sequence(task.source)), task.target.parent)


def _warn(line: str) -> None:
    say(f"warning: {line}")
