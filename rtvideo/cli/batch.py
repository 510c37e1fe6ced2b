"""All tasks of one call: one after the other, or side by side."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from rtvideo.cli.outcome import TaskResult, summary, table
from rtvideo.cli.signals import SecondSignal, Stop
from rtvideo.console import internal, line, printable, say
from rtvideo.errors import ExitCode, RtvideoError
from rtvideo.media.partial_file import read_record
from rtvideo.options import Options, Report

if TYPE_CHECKING:
    from rtvideo.cli.inputs import Plan, Task
    from rtvideo.engines.session_cache import SessionCache


class TaskRunner:
    """Runs tasks, each to its own end; what they can share is made once. Use it in a ``with`` statement."""

    def __init__(
        self, options: Options, stop: Stop, *, quiet: bool, verbose: bool, alone: bool = True
    ) -> None:
        """Begin.

        Args:
            alone: nobody else draws on the terminal.
            quiet: neither progress nor a line for what is done.
            verbose: show where internal errors come from.
        """
        self._options, self._stop = options, stop
        self._quiet, self._verbose, self._alone = quiet, verbose, alone
        self._sessions: SessionCache | None = None

    def __enter__(self) -> TaskRunner:
        return self

    def __exit__(self, *error: object) -> None:
        if self._sessions is not None:
            self._sessions.close()

    def run(self, task: Task) -> TaskResult:
        """Do one task, and say how it ended; errors do not come out of here."""
        name = str(task.source)
        try:
            if self._options.resume and is_finished(task):
                if not self._quiet:
                    say(f"{task.target}: exists already and is complete; skipped")
                return TaskResult(name, ExitCode.DONE)
            return self._outcome(name, self._enhance(task))
        except RtvideoError as error:
            say(f"error: {error}")
            return TaskResult(name, error.exit_code)
        except Exception as error:
            return TaskResult(name, internal(error, self._verbose))

    def _enhance(self, task: Task) -> Report:
        from rtvideo.cli.progress import progress
        from rtvideo.media.images import becomes_image

        if task.error is not None:
            raise task.error
        if becomes_image(task.source, task.target):
            return self._enhance_image(task)
        from rtvideo.files.job import enhance_video

        name = printable(task.source.name)
        with progress(name, sys.stderr, quiet=self._quiet, bar=self._alone) as on_progress:
            return enhance_video(
                task.source,
                task.target,
                self._options,
                on_progress=on_progress,
                on_warning=_warn,
                stop=self._stop.event,
            )

    def _enhance_image(self, task: Task) -> Report:
        from rtvideo.files.image_job import enhance_image, sessions_for

        if self._sessions is None:
            self._sessions = sessions_for(self._options)
        return enhance_image(task.source, task.target, self._options, self._sessions, _warn)

    def _outcome(self, name: str, report: Report) -> TaskResult:
        if not self._quiet:
            line(summary(report))
        if report.incomplete is None or self._stop.code is not None:
            return TaskResult(name, ExitCode.DONE, report)
        say(f"error: {report.output}: incomplete: {report.incomplete}")
        return TaskResult(name, ExitCode.INCOMPLETE, report)


def _warn(line: str) -> None:
    say(f"warning: {line}")


def is_finished(task: Task) -> bool:
    """Whether the output is there, and no signal ended the run that wrote it."""
    return task.error is None and os.path.isfile(task.target) and read_record(task.target) is None


def run_all(
    plan: Plan, options: Options, stop: Stop, *, jobs: int = 1, quiet: bool, verbose: bool
) -> tuple[list[ExitCode], list[Report]]:
    """Run all tasks; a failure does not keep the others from running, a signal does.

    Args:
        jobs: how many side by side.

    Returns:
        The exit code of each, and of the signal if there was one; the reports in the order of the tasks.
    """
    tasks, codes = plan.tasks, []
    outcomes: dict[int, TaskResult] = {}
    try:
        if min(jobs, len(tasks)) > 1:
            from rtvideo.cli.workers import run_side_by_side

            run_side_by_side(tasks, options, stop, jobs, outcomes.__setitem__, quiet=quiet, verbose=verbose)
        else:
            with TaskRunner(options, stop, quiet=quiet, verbose=verbose) as attempts:
                _in_turn(tasks, attempts, stop, outcomes.__setitem__)
    except SecondSignal:
        kept = "what is done is kept for --resume" if options.resume else "nothing was written"
        say(f"error: aborted; {kept}")
    if stop.code is not None:
        codes.append(stop.code)
    done = [outcomes[place] for place in sorted(outcomes)]
    if (len(tasks) > 1 or plan.left_out) and not quiet:
        for row in table(done, len(tasks), plan.left_out):
            line(row)
    codes += [outcome.code for outcome in done]
    return codes, [outcome.report for outcome in done if outcome.report is not None]


def _in_turn(
    tasks: Sequence[Task], attempts: TaskRunner, stop: Stop, done: Callable[[int, TaskResult], None]
) -> None:
    for place, task in enumerate(tasks):
        if stop.event.is_set():
            return
        done(place, attempts.run(task))
