"""How the tasks of a run ended: a line for each, and a table at the end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rtvideo.console import line, say
from rtvideo.errors import ExitCode
from rtvideo.media.images.suffixes import is_image
from rtvideo.options import Report

#: Inputs with one reason to fail that are named one by one; of more the first stands for all.
NAMED = 3


@dataclass(frozen=True)
class TaskResult:
    """How a task ended.

    Attributes:
        name: of the input.
        code: as if it had been the only one.
        report: what happened, where something was written.
        note: the line about it that ``--quiet`` leaves out.
        error: the line about it that is always printed.
        reason: the same without the name of the file, to find equal ones.
        stopped: a signal ended it.
    """

    name: str
    code: ExitCode
    report: Report | None = None
    note: str = ""
    error: str = ""
    reason: str = ""
    stopped: bool = False

    @property
    def word(self) -> str:
        """How it ended, in a word or two."""
        if self.stopped:
            return "stopped early"
        if self.report is None:
            return "failed" if self.error else "skipped"
        return "incomplete" if self.report.incomplete else "done"


class Announcer:
    """Prints the end of each task. A reason to fail is printed once, however many tasks have it."""

    def __init__(self, *, quiet: bool) -> None:
        self._quiet = quiet
        self._ended = 0
        self._reasons: set[str] = set()

    def __call__(self, result: TaskResult, total: int | None) -> None:
        """Print the lines of one task, of which there are ``total``; None while that is not known."""
        self._ended += 1
        if result.note and not self._quiet:
            number = f"{self._ended}: " if total is None else f"{self._ended} of {total}: " * (total > 1)
            line(number + result.note)
        if result.error and result.reason not in self._reasons:
            self._reasons.add(result.reason)
            say(f"error: {result.error}")


def summary(report: Report, *, verbose: bool = False) -> str:
    """Return the line that a finished file ends with; ``verbose`` adds details of the engine."""
    output = Path(report.output)
    seconds, frames = f"{report.seconds:.1f} s", f"{report.frames_out} frame{'s' * (report.frames_out != 1)}"
    photograph = report.frames_out == 1 and is_image(output)
    parts = [seconds if photograph else f"{frames} in {seconds}, {report.fps:.1f} frames/s"]
    if report.resumed:
        parts.append(f"{report.resumed} of them from an earlier run")
    if report.damaged:
        parts.append(f"{report.damaged} damaged skipped")
    parts.append(f"noise removal {_amount(report.denoise)}")
    if not photograph:
        parts.append(f"smoothing over time {_amount(report.temporal)}")
    parts += [f"model {report.model}", report.engine if verbose else f"engine {report.engine_name}"]
    return f"{output.name}: {', '.join(parts)}"


def _amount(strength: float) -> str:
    return {0.0: "off", 1.0: "on"}.get(strength, f"{strength:g}")


class Tally:
    """What a run over several inputs ends with. Of what went well it keeps no more than the number.

    Attributes:
        codes: exit codes that tasks ended with.
    """

    def __init__(self, *, reports: bool) -> None:
        """Begin.

        Args:
            reports: keep the report of each, too.
        """
        self.codes: set[ExitCode] = set()
        self._counts: Counter[str] = Counter()
        self._failed: dict[int, TaskResult] = {}
        self._reports: dict[int, Report] | None = {} if reports else None

    def add(self, place: int, result: TaskResult) -> None:
        """Count the end of the task that stands at this place among all."""
        self.codes.add(result.code)
        self._counts[result.word] += 1
        if result.error:
            self._failed[place] = result
        if self._reports is not None and result.report is not None:
            self._reports[place] = result.report

    @property
    def reports(self) -> list[Report]:
        """The reports, in the order of the tasks."""
        return [report for _, report in sorted((self._reports or {}).items())]

    def table(self, tasks: int, left_out: Counter[str]) -> list[str]:
        """Return the last lines of the run: a count of each end, and a row for each failure.

        Args:
            tasks: how many there were to do.
            left_out: how many files of each other kind the folders hold.
        """
        counts = Counter(self._counts)
        counts["not begun"] = tasks - self._counts.total()
        words = ("done", "skipped", "stopped early", "incomplete", "failed", "not begun")
        ends = [f"{counts[word]} {word}" for word in words if counts[word]]
        if left_out:
            kinds = sorted(left_out.items(), key=lambda item: (-item[1], item[0]))
            listed = ", ".join(f"{count} {kind}" for kind, count in kinds)
            ends.append(f"{left_out.total()} left out: {listed}")
        lines = [f"{tasks} input{'' if tasks == 1 else 's'}: {', '.join(ends)}"]
        rows = _rows([self._failed[place] for place in sorted(self._failed)])
        width = max((len(name) for name, _ in rows), default=0)
        lines += [f"  {name:{width}}  {one.word:10}  exit code {int(one.code)}" for name, one in rows]
        return lines


def _rows(results: Sequence[TaskResult]) -> list[tuple[str, TaskResult]]:
    """Return a name for each result; many of one reason share a row."""
    groups: dict[str, list[TaskResult]] = {}
    for result in results:
        groups.setdefault(result.reason, []).append(result)
    rows: list[tuple[str, TaskResult]] = []
    for group in groups.values():
        if len(group) > NAMED:
            rows.append((f"{group[0].name} and {len(group) - 1} more", group[0]))
        else:
            rows += [(result.name, result) for result in group]
    return rows
