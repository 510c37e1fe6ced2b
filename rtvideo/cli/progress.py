"""Progress on stderr: a bar with ETA on a terminal, a line every ten seconds elsewhere, or nothing."""

from __future__ import annotations

import time
from types import TracebackType
from typing import TYPE_CHECKING, Protocol, Self, TextIO

from rtvideo.console import printable

if TYPE_CHECKING:
    from rich.progress import TaskID

#: Seconds between two lines where there is no terminal.
INTERVAL = 10.0


class Progress(Protocol):
    """Used in a ``with`` statement, and called with the frames done and, where known, their total."""

    def __call__(self, done: int, total: int | None) -> None:
        """Show it. May be called from any one thread."""

    def __enter__(self) -> Self:
        """Begin."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Take the bar away: what follows starts on a line of its own."""


def progress(name: str, stream: TextIO, *, quiet: bool, bar: bool = True) -> Progress:
    """Return the kind of progress that fits the stream.

    Args:
        name: of the input, shown first.
        stream: stderr.
        quiet: show nothing.
        bar: this run has the terminal for itself.
    """
    if quiet:
        return Silent()
    name = printable(name)
    return Bar(name, stream) if bar and stream.isatty() else Lines(name, stream)


class Silent:
    """No progress."""

    def __call__(self, done: int, total: int | None) -> None:
        """Do nothing."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None


class Lines(Silent):
    """A line every ten seconds: ``night.mp4: 300 of 1110 frames, 27 %, 82.3 frames/s, 0:00:10 left``."""

    def __init__(self, name: str, stream: TextIO) -> None:
        self._name, self._stream = name, stream
        self._begin = self._last = time.monotonic()

    def __call__(self, done: int, total: int | None) -> None:
        """Print a line if the last one is long enough ago."""
        now = time.monotonic()
        if not done:  # opening an engine takes a while, and says nothing of its speed
            self._begin = now
        if now - self._last < INTERVAL:
            return
        self._last = now
        rate = done / max(now - self._begin, 1e-9)
        of = f" of {total}" if total else ""
        parts = [f"{self._name}: {done}{of} frames", f"{rate:.1f} frames/s"]
        if total and done:
            parts.insert(1, f"{100 * done // total} %")
            parts.append(f"{clock(max(0, total - done) / rate)} left")
        print(", ".join(parts), file=self._stream, flush=True)


class Bar(Silent):
    """A bar with frames, speed and ETA, which goes away in the end. Honours NO_COLOR."""

    def __init__(self, name: str, stream: TextIO) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

        self._bar = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            TaskProgressColumn(),
            TextColumn("{task.completed:.0f} frames, {task.fields[rate]}"),
            TimeRemainingColumn(elapsed_when_finished=True),
            console=Console(file=stream),
            transient=True,
            redirect_stdout=False,
        )
        self._begin = time.monotonic()
        self._task: TaskID = self._bar.add_task(name, total=None, rate="")

    def __call__(self, done: int, total: int | None) -> None:
        """Move the bar."""
        if not done:
            self._begin = time.monotonic()
        seconds = time.monotonic() - self._begin
        self._bar.update(self._task, completed=done, total=total, rate=f"{done / max(seconds, 1e-9):.1f}/s")

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()


def clock(seconds: float) -> str:
    """Return ``h:mm:ss``."""
    minutes, second = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{second:02}"
