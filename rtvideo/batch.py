"""All tasks of one call: each run, one line out for each, exit codes."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from rtvideo.arguments import options_of
from rtvideo.console import internal, say
from rtvideo.errors import ExitCode, RtvideoError
from rtvideo.options import Report
from rtvideo.signals import Aborted, Stop

if TYPE_CHECKING:
    from rtvideo.enhancer import Enhancer
    from rtvideo.inputs import Task


class Batch:
    """All tasks of one call: the enhancer and the signals that they share."""

    def __init__(self, arguments: argparse.Namespace, stop: Stop) -> None:
        self._quiet, self._verbose = arguments.quiet, arguments.verbose
        self._options = options_of(arguments)
        self._stop = stop
        self._enhancer: Enhancer | None = None

    def all(self, tasks: Sequence[Task]) -> tuple[list[ExitCode], list[Report]]:
        """Run them one after the other; a failure does not keep the next from running, a signal does."""
        codes: list[ExitCode] = []
        reports: list[Report] = []
        try:
            for task in tasks:
                try:
                    report = self._one(task)
                    reports.append(report)
                    codes.append(self._tell(report))
                except RtvideoError as error:
                    say(f"error: {error}")
                    codes.append(error.exit_code)
                except Exception as error:
                    codes.append(internal(error, self._verbose))
                if self._stop.code is not None:
                    codes.append(self._stop.code)
                    break
        except Aborted:
            say("error: aborted; nothing was written")
            codes.append(self._stop.code or ExitCode.INTERRUPTED)
        finally:
            if self._enhancer is not None:
                self._enhancer.close()
        return codes, reports

    def _one(self, task: Task) -> Report:
        from rtvideo.enhancer import enhance, enhancer_for
        from rtvideo.inputs import IMAGES
        from rtvideo.progress import progress

        if task.error is not None:
            raise task.error
        image = task.source.suffix.lower() in IMAGES
        if image and self._enhancer is None:
            self._enhancer = enhancer_for(self._options)
        # An image is done before a bar is drawn.
        with progress(task.source.name, sys.stderr, quiet=self._quiet or image) as on_progress:
            return enhance(
                task.source,
                task.target,
                self._options,
                enhancer=self._enhancer,
                on_progress=on_progress,
                on_warning=lambda warning: say(f"warning: {warning}"),
                stop=self._stop.event,
            )

    def _tell(self, report: Report) -> ExitCode:
        if not self._quiet:
            print(summary(report), file=sys.stderr, flush=True)
        if report.incomplete is None or self._stop.code is not None:
            return ExitCode.DONE
        say(f"error: {report.output}: incomplete: {report.incomplete}")
        return ExitCode.INCOMPLETE


def summary(report: Report) -> str:
    """Return the line that a finished file ends with."""
    frames = f"{report.frames_out} frame{'' if report.frames_out == 1 else 's'}"
    parts = [f"{frames} in {report.seconds:.1f} s", f"{report.fps:.1f} frames/s", report.engine]
    if report.model:
        parts.append(f"model {report.model}")
    parts.append(f"denoise {report.denoise:g}" if report.denoise else "denoise off")
    if report.damaged:
        parts.append(f"{report.damaged} damaged skipped")
    return f"{os.path.basename(report.output)}: {', '.join(part for part in parts if part)}"
