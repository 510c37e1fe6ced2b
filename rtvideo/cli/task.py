"""One task of a run: a file to a file, and how it ends."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from rtvideo.cli.outcome import TaskResult, summary
from rtvideo.cli.progress import Progress, progress
from rtvideo.cli.signals import Stop
from rtvideo.console import internal, printable, say
from rtvideo.errors import ExitCode, RtvideoError
from rtvideo.files.kinds import Job, job_for
from rtvideo.files.resume import can_go_on
from rtvideo.media.partial_file import read_record
from rtvideo.models import find
from rtvideo.options import Options, Report

if TYPE_CHECKING:
    from rtvideo.cli.inputs import Task
    from rtvideo.engines.session_cache import SessionCache


class TaskRunner:
    """Runs tasks, each to its own end; images of one size share an engine. Use it in a ``with`` statement."""

    def __init__(
        self,
        options: Options,
        stop: Stop,
        total: int,
        *,
        quiet: bool,
        verbose: bool,
        alone: bool = True,
        show: Callable[[str], Progress] | None = None,
        warn: Callable[[str], None] | None = None,
    ) -> None:
        """Begin.

        Args:
            total: how many tasks there are, here and elsewhere.
            quiet: no progress.
            verbose: show where internal errors come from, and which engine ran.
            alone: nobody else draws on the terminal.
            show: makes the progress of a name, in place of one on stderr.
            warn: is told each warning, in place of stderr.
        """
        self._options, self._stop, self._total = options, stop, total
        self._verbose = verbose
        self._show = show or partial(progress, stream=sys.stderr, quiet=quiet, bar=alone)
        self._warn = warn or _warn
        self._sessions: SessionCache | None = None
        self._expected: int | None = None

    def __enter__(self) -> TaskRunner:
        return self

    def __exit__(self, *error: object) -> None:
        if self._sessions is not None:
            self._sessions.close()

    def run(self, place: int, task: Task) -> TaskResult:
        """Do one task; errors do not come out of here.

        Args:
            place: of the task among all, from 0.
        """
        name = task.name
        if self._stop.event.is_set():
            return TaskResult(name, ExitCode.DONE, note=_nothing_of(task), stopped=True)
        try:
            return skipped(task, self._options) or self._result(task, self._enhance(place, task))
        except Exception as error:
            return failed(task, error, verbose=self._verbose)

    def _enhance(self, place: int, task: Task) -> Report:
        if task.error is not None:
            raise task.error
        source, target, options = task.source, task.target, self._options
        job = job_for(source, target)
        if job is Job.IMAGE:
            from rtvideo.files.image_job import enhance_image

            return enhance_image(source, target, options, self._image_sessions(), self._warn)
        name = printable(source.name)
        if self._total > 1:
            name += f" ({place + 1} of {self._total})"
        with self._show(name) as show:

            def on_progress(done: int, expected: int | None) -> None:
                self._expected = expected
                show(done, expected)

            self._expected = None
            if job is Job.VIDEO:
                from rtvideo.files.job import enhance_video

                enhance = partial(enhance_video, source, target, options)
            else:
                from rtvideo.files.sequence_job import enhance_sequence, enhance_to_images

                if job is Job.SEQUENCE:
                    enhance = partial(enhance_sequence, source, target, options, self._image_sessions())
                else:
                    enhance = partial(enhance_to_images, source, target, options)
            return enhance(on_progress=on_progress, on_warning=self._warn, stop=self._stop.event)

    def _image_sessions(self) -> SessionCache:
        from rtvideo.files.image_job import sessions_for

        if self._sessions is None:
            self._sessions = sessions_for(self._options)
        return self._sessions

    def _result(self, task: Task, report: Report) -> TaskResult:
        if report.incomplete is not None and self._stop.event.is_set():
            note = self._how_far(task, report)
            return TaskResult(task.name, ExitCode.DONE, report, note, stopped=True)
        return completed(task, report, verbose=self._verbose)

    def _how_far(self, task: Task, report: Report) -> str:
        """Return the line about a task that a signal ended: how far it came, and how to go on."""
        target = task.target
        if not report.frames_out:
            return _nothing_of(task)
        frames = f"{report.frames_out} frames"
        if self._expected:
            frames = f"{min(99, 100 * report.frames_out // self._expected)} % ({frames})"
        if job_for(task.source, target) is Job.SEQUENCE or can_go_on(target):
            return f"{target.name}: stopped at {frames}; the same command with --resume goes on"
        return f"{target.name}: stopped at {frames}; the same command with --overwrite starts anew"


def skipped(task: Task, options: Options) -> TaskResult | None:
    """Return the end of a task that need not be done: ``--resume`` finds the output that it would make.

    Raises:
        UsageError: it is another file.
    """
    if not options.resume or task.error is not None or not os.path.isfile(task.target):
        return None
    if read_record(task.target) is not None:  # ended early by a signal
        return None
    from rtvideo.files.finished import check_finished

    if not check_finished(task.source, task.target, options, find(options.model)):
        return None
    note = f"{task.target}: exists already and is complete; skipped"
    return TaskResult(task.name, ExitCode.DONE, note=note)


def completed(task: Task, report: Report, *, verbose: bool) -> TaskResult:
    """Return the end of a task that came to the end of its input."""
    name, note = task.name, summary(report, verbose=verbose)
    if report.incomplete is None:
        return TaskResult(name, ExitCode.DONE, report, note)
    error = f"{report.output}: incomplete: {report.incomplete}"
    return TaskResult(name, ExitCode.INCOMPLETE, report, note, error=error, reason=report.incomplete)


def failed(task: Task, error: Exception, *, verbose: bool) -> TaskResult:
    """Return the end of a task that an error ended."""
    name = task.name
    if isinstance(error, RtvideoError):
        text = str(error)
        reason = text.removeprefix(f"{task.source}: ").removeprefix(f"{task.target}: ")
        return TaskResult(name, error.exit_code, error=text, reason=reason)
    text = internal(error, verbose)
    return TaskResult(name, ExitCode.INTERNAL, error=text, reason=text)


def _nothing_of(task: Task) -> str:
    return f"{task.target.name}: stopped before the first frame; nothing was written"


def _warn(line: str) -> None:
    say(f"warning: {line}")
