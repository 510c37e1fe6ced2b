"""What became of each task of a run: lines while it goes on, a table at its end."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from rtvideo.errors import ExitCode
from rtvideo.options import Report


@dataclass(frozen=True)
class TaskResult:
    """How a task ended.

    Attributes:
        name: of the input.
        code: as if it had been the only one.
        report: what happened, where something was written.
    """

    name: str
    code: ExitCode
    report: Report | None = None

    @property
    def word(self) -> str:
        """What became of it, in a word."""
        if self.report is None:
            return "skipped" if self.code == ExitCode.DONE else "failed"
        return "incomplete" if self.report.incomplete else "done"


def summary(report: Report) -> str:
    """Return the line that a finished file ends with."""
    frames = f"{report.frames_out} frame{'' if report.frames_out == 1 else 's'}"
    parts = [f"{frames} in {report.seconds:.1f} s", f"{report.fps:.1f} frames/s", report.engine]
    if report.resumed:
        parts.insert(1, f"{report.resumed} of them from an earlier run")
    if report.model:
        parts.append(f"model {report.model}")
    for name, amount in (("denoise", report.denoise), ("temporal", report.temporal)):
        parts.append(f"{name} {amount:g}" if amount else f"{name} off")
    if report.damaged:
        parts.append(f"{report.damaged} damaged skipped")
    return f"{os.path.basename(report.output)}: {', '.join(part for part in parts if part)}"


def table(outcomes: Sequence[TaskResult], tasks: int, left_out: Counter[str]) -> list[str]:
    """Return what a run over several inputs ends with: a count of each end, and a row for all but the done.

    Args:
        tasks: how many there were to do.
        left_out: how many files of each other kind the folders hold.
    """
    counts = Counter(outcome.word for outcome in outcomes)
    counts["not begun"] = tasks - len(outcomes)
    words = ("done", "skipped", "incomplete", "failed", "not begun")
    ends = [f"{counts[word]} {word}" for word in words if counts[word]]
    if left_out:
        kinds = sorted(left_out.items(), key=lambda item: (-item[1], item[0]))
        listed = ", ".join(f"{count} {kind}" for kind, count in kinds)
        ends.append(f"{left_out.total()} left out: {listed}")
    lines = [f"{tasks} input{'' if tasks == 1 else 's'}: {', '.join(ends)}"]
    rows = [outcome for outcome in outcomes if outcome.word in ("incomplete", "failed")]
    width = max((len(outcome.name) for outcome in rows), default=0)
    lines += [f"  {row.name:{width}}  {row.word:10}  exit code {int(row.code)}" for row in rows]
    return lines
