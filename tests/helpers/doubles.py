"""Engines for tests that need none: identity and a gain, with a delay if wanted."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

import av
import numpy as np

from rtvideo.engines.session import Session, Settings
from rtvideo.frame import Geometry, Planes
from rtvideo.media.planes import FrameFormat
from rtvideo.media.tags import Tags
from rtvideo.processor import FrameProcessor


class FakeSession:
    """Copies planes, luma times ``gain``; holds ``delay`` frames back as an engine with look-ahead does."""

    engine = "fake"
    name = "fake"
    remembers = False
    debands = False

    def __init__(self, gain: float = 1.0, delay: int = 0, fail_at: int | None = None, top: int = 255) -> None:
        self.settings = Settings()
        self.times: list[float | None] = []
        self.closed = False
        self._gain, self._delay, self._fail_at, self._top = gain, delay, fail_at, top
        self._waiting: deque[Planes] = deque()

    def submit(self, planes: Planes, out: Planes, time: float | None = None) -> None:
        if len(self.times) == self._fail_at:
            raise RuntimeError("the engine broke")
        self.times.append(time)
        for index, (taken, given) in enumerate(zip(planes, out, strict=True)):
            assert taken.shape == given.shape and taken.dtype == given.dtype
            assert not np.shares_memory(taken, given)
            given[:] = taken
            if index == 0 and self._gain != 1:
                given[:] = np.minimum(taken * float(self._gain), self._top).astype(taken.dtype)
        self._waiting.append(out)

    def receive(self) -> Planes | None:
        return self._waiting.popleft() if len(self._waiting) > self._delay else None

    def flush(self) -> None:
        self._delay = 0

    def reset(self) -> None: ...

    def close(self) -> None:
        self.closed = True

    def __str__(self) -> str:
        return self.name


def opening(session: Session) -> Callable[[Geometry, float | None], Session]:
    """Return what `rtvideo.files.job.enhance_video` takes as ``open_engine``."""
    return lambda geometry, fps: session


def live_processor(session: Session, first: av.VideoFrame) -> FrameProcessor:
    """Return a processor for untagged frames like ``first``, in their own format."""
    coding = Tags().coding(first.format.name, first.height)
    working = FrameFormat(first.format.name, first.width, first.height, coding)
    return FrameProcessor(session, working, first, Tags(), tags=Tags().coded(coding))
