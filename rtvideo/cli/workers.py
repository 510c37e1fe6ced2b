"""Several files side by side, each in a process of its own.

Processes, not threads: a file that crashes a decoder or takes all memory ends its own process alone, and two
runs do not wait for each other's turn in Python.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace
from multiprocessing.connection import Connection, wait
from types import FrameType
from typing import TYPE_CHECKING

from rtvideo.cli.outcome import TaskResult
from rtvideo.cli.signals import SecondSignal, Stop, signals
from rtvideo.cli.task import TaskRunner
from rtvideo.cpus import usable_cpus
from rtvideo.errors import ExitCode
from rtvideo.options import Options
from rtvideo.processes import signals_blocked, unblock

if TYPE_CHECKING:
    from rtvideo.cli.inputs import Task

#: Tells a worker at once what a second signal tells a run.
_ABORT = getattr(signal, "SIGUSR1", None)

#: Seconds between two looks whether a signal came.
_INTERVAL = 0.1

#: Seconds that aborted workers have to take away what they wrote.
_PATIENCE = 5.0


def run_side_by_side(
    tasks: Sequence[Task],
    options: Options,
    stop: Stop,
    jobs: int,
    done: Callable[[int, TaskResult], None],
    *,
    quiet: bool,
    verbose: bool,
) -> None:
    """Run tasks in ``jobs`` processes.

    Args:
        done: called with the place of each task and how it ended.
        quiet, verbose: as `rtvideo.cli.task.TaskRunner` takes them.
    """
    if not options.threads:
        options = replace(options, threads=max(1, usable_cpus() // jobs))
    waiting = deque(enumerate(tasks))
    workers: list[_Worker] = []
    try:
        for _ in range(min(jobs, len(tasks))):
            workers.append(_Worker(options, len(tasks), quiet, verbose))
            workers[-1].take(waiting)
        told = False
        while busy := [worker for worker in workers if worker.task is not None]:
            ready = wait([worker.connection for worker in busy], timeout=_INTERVAL)
            if stop.event.is_set() and not told:
                told = True
                waiting.clear()
                for worker in busy:
                    worker.process.terminate()
            for worker in (worker for worker in busy if worker.connection in ready):
                place, outcome = worker.outcome()
                done(place, outcome)
                if not worker.alive:
                    workers.remove(worker)
                    workers.append(worker := _Worker(options, len(tasks), quiet, verbose))
                worker.take(waiting)
    except SecondSignal:
        for worker in workers:
            worker.abort()
        raise
    finally:
        for worker in workers:
            worker.close()


class _Worker:
    """A process that runs one task after the other.

    Attributes:
        task: what it is doing; None if nothing.
        alive: whether it can take another one.
    """

    def __init__(self, options: Options, total: int, quiet: bool, verbose: bool) -> None:
        self.task: tuple[int, Task] | None = None
        self.alive = True
        context = multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe()
        self.process = context.Process(
            target=_serve, args=(theirs, options, total, quiet, verbose), name="rtvideo worker"
        )
        with signals_blocked():
            self.process.start()
        theirs.close()

    def take(self, waiting: deque[tuple[int, Task]]) -> None:
        """Begin the next task, if there is one."""
        self.task = waiting.popleft() if waiting else None
        if self.task is not None:
            self.connection.send(self.task)

    def outcome(self) -> tuple[int, TaskResult]:
        """Return the place of the task, and how it ended; a process that died is an internal error."""
        assert self.task is not None
        place, task = self.task
        try:
            found = self.connection.recv()
        except (EOFError, OSError):
            self.process.join()
            self.alive = False
            code = self.process.exitcode or 0
            cause = signal.Signals(-code).name if code < 0 else f"exit code {code}"
            error = f"internal: {task.source}: the process that enhanced it died ({cause})"
            found = TaskResult(str(task.source), ExitCode.INTERNAL, error=error, reason=error)
        return place, found

    def abort(self) -> None:
        """Abort its task."""
        if self.process.pid is not None and self.process.is_alive():
            if _ABORT is None:  # Windows
                self.process.terminate()
            else:
                os.kill(self.process.pid, _ABORT)

    def close(self) -> None:
        """End the process: close its pipe, and kill it if it does not end."""
        self.connection.close()
        self.process.join(_PATIENCE)
        if self.process.is_alive():
            self.process.kill()
            self.process.join()


def _serve(orders: Connection, options: Options, total: int, quiet: bool, verbose: bool) -> None:
    """Run tasks until the pipe closes; end with the parent process."""
    threading.Thread(target=_follow_parent, daemon=True).start()
    if _ABORT is not None:
        signal.signal(_ABORT, _abort)
    try:
        with (
            signals() as stop,
            TaskRunner(options, stop, total, quiet=quiet, verbose=verbose, alone=False) as runner,
        ):
            unblock(signal.SIGTERM)  # as `signals_blocked` left it
            while True:
                orders.send(runner.run(*orders.recv()))
    except (EOFError, BrokenPipeError, ConnectionResetError, SecondSignal):
        return


def _abort(number: int, frame: FrameType | None) -> None:
    raise SecondSignal(ExitCode.INTERRUPTED)


def _follow_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)
