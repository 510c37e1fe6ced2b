"""Fewer frames a second, evenly spaced: for ``--max-fps``, and for machines that are too slow."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import av

from rtvideo.media.timing import Event


class FrameRateLimiter:
    """Leaves out frames beyond a number a second, so that the others are evenly spaced."""

    def __init__(self) -> None:
        self._due: float | None = None

    def takes(self, time: float, max_fps: float | None) -> bool:
        """Return whether a frame is kept.

        Args:
            time: of the frame in seconds; times may jump.
            max_fps: frames a second; None keeps all.
        """
        if max_fps is None:
            self._due = None
            return True
        step = 1 / max_fps
        # Times of cameras jitter: a frame that is nearly due counts as due.
        if self._due is not None and self._due - 4 * step < time < self._due - step / 4:
            return False
        late = self._due is None or not self._due - step <= time <= self._due + step
        self._due = time + step if late or self._due is None else self._due + step
        return True


def limited(events: Iterable[Event], max_fps: float) -> Iterator[Event]:
    """Yield all packets, and so many frames a second at most."""
    limiter = FrameRateLimiter()
    for event in events:
        if not isinstance(event, av.VideoFrame) or limiter.takes(event.time or 0.0, max_fps):
            yield event
