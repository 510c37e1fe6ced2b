"""Progress of a run on a cluster: one bar or line over all files, with the speed of each node."""

from __future__ import annotations

import time
from collections import Counter, deque
from types import TracebackType
from typing import TYPE_CHECKING, Self, TextIO

from rtvideo.cli.progress import INTERVAL, clock

if TYPE_CHECKING:
    from rtvideo.cluster.board import Standing

#: Seconds over which speed is measured.
_WINDOW = 15.0

#: Nodes whose speed is shown, the fastest first.
_NODES = 4


class ClusterProgress:
    """Used in a ``with`` statement, and called with how far a run is."""

    def __init__(self, stream: TextIO, *, quiet: bool) -> None:
        """Begin."""
        self._stream, self._quiet = stream, quiet
        self._begin = self._last = time.monotonic()
        self._past: deque[tuple[float, Counter[str]]] = deque([(self._begin, Counter())])
        self._bar: _Bar | None = None

    def __enter__(self) -> Self:
        if not self._quiet and self._stream.isatty():
            self._bar = _Bar(self._stream)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def __call__(self, standing: Standing, ended: int, total: int | None, share: float) -> None:
        """Show it.

        Args:
            ended: files that have ended.
            total: files of the run; None while they are looked for.
            share: which part of all is done, from 0 to 1.
        """
        if self._quiet:
            return
        if self._bar is not None:
            self._bar.show(self._text(standing, ended, total), share)
        elif time.monotonic() - self._last >= INTERVAL:
            self._last = time.monotonic()
            parts = [self._text(standing, ended, total), f"{int(100 * share)} %"]
            if share:
                parts.append(f"{clock((self._last - self._begin) * (1 / share - 1))} left")
            print(", ".join(parts), file=self._stream, flush=True)

    def _text(self, standing: Standing, ended: int, total: int | None) -> str:
        speeds = self._speeds(standing.by_node)
        of, count = ("", ended) if total is None else (f" of {total}", total)
        text = f"{ended}{of} file{'s' * (count != 1)}, {standing.by_node.total()} frames, "
        text += f"{sum(speeds.values()):.1f} frames/s"
        if len(speeds) > 1:
            shown = [f"{name} {speed:.1f}" for name, speed in speeds.most_common(_NODES)]
            more = [f"{len(speeds) - _NODES} more"] if len(speeds) > _NODES else []
            text += f" ({', '.join(shown + more)})"
        if standing.retries:
            text += f", {standing.retries} begun again"
        return text

    def _speeds(self, frames: Counter[str]) -> Counter[str]:
        """Return frames a second of each node, over the last seconds."""
        now = time.monotonic()
        self._past.append((now, Counter(frames)))
        while len(self._past) > 2 and now - self._past[0][0] > _WINDOW:
            self._past.popleft()
        then, before = self._past[0]
        seconds = max(now - then, 1e-9)
        return Counter({name: (count - before[name]) / seconds for name, count in frames.items()})


class _Bar:
    def __init__(self, stream: TextIO) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

        self._progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            TaskProgressColumn(),
            TimeRemainingColumn(elapsed_when_finished=True),
            console=Console(file=stream),
            transient=True,
            redirect_stdout=False,
        )
        self._task = self._progress.add_task("", total=1.0)
        self._progress.start()

    def show(self, text: str, share: float) -> None:
        self._progress.update(self._task, description=text, completed=share)

    def stop(self) -> None:
        self._progress.stop()
