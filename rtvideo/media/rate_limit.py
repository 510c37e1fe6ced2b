"""Fewer frames, evenly: what ``--max-fps`` and a machine that is too slow ask for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import av

from rtvideo.media.timing import Event


class FrameRateLimiter:
    """Picks frames so that no more than a given number a second go on, as evenly as they come."""

    def __init__(self) -> None:
        self._due: float | None = None

    def takes(self, time: float, most: float | None) -> bool:
        """Say whether a frame goes on.

        Args:
            time: of the frame in seconds; times that jump are fine.
            most: frames a second; None takes all.
        """
        if most is None:
            self._due = None
            return True
        step = 1 / most
        # Times of cameras tremble: a frame that is nearly due counts as due.
        if self._due is not None and self._due - 4 * step < time < self._due - step / 4:
            return False
        late = self._due is None or not self._due - step <= time <= self._due + step
        self._due = time + step if late or self._due is None else self._due + step
        return True


def limited(events: Iterable[Event], most: float | None) -> Iterator[Event]:
    """Yield packets, and of the frames at most so many a second (None: all)."""
    cadence = FrameRateLimiter()
    for event in events:
        if not isinstance(event, av.VideoFrame) or cadence.takes(event.time or 0.0, most):
            yield event
