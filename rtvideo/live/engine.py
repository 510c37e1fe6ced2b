"""The engine of a live run: does what viewers ask for, as far as the machine can."""

from __future__ import annotations

import time

import av

from rtvideo.engines.session import Session
from rtvideo.live.fallback import FallbackSession
from rtvideo.live.quality import STEPS, QualityController
from rtvideo.media.pairs import FramePair, PairEnhancer
from rtvideo.stopwatch import Stopwatch
from rtvideo.viewers.base import ViewerControls


class LiveEngine:
    """Makes pairs of frames. All calls come from one thread; attributes may be read from any.

    Attributes:
        session: what runs at present.
        work: the time that it takes.
    """

    def __init__(
        self,
        enhancer: PairEnhancer,
        session: Session,
        controls: ViewerControls,
        adapter: QualityController | None = None,
        coarser: FallbackSession | None = None,
    ) -> None:
        """Begin with all that was asked for.

        Args:
            controls: read before each frame.
            adapter: decides to do less; None never does.
            coarser: what to change over to when it says so.
        """
        self.session, self.work = session, Stopwatch()
        self._enhancer, self._controls = enhancer, controls
        self._adapter, self._fine, self._coarser = adapter, session, coarser
        self._temporal = session.settings.temporal

    @property
    def share(self) -> float:
        """Of the frames that are to be enhanced."""
        return 1.0 if self._adapter is None else self._adapter.step.share

    @property
    def note(self) -> str:
        """Why less is done than was asked for, or nothing."""
        return "" if self._adapter is None or self._adapter.step is STEPS[0] else self._adapter.step.words

    def push(self, frame: av.VideoFrame, captured: float, lost: int) -> list[FramePair]:
        """Take a frame, return the pairs that are done.

        Args:
            captured: when it came.
            lost: frames that were left out so far because something was too slow.
        """
        pairs = self._change_over()
        settings, wanted = self.session.settings, self._controls
        settings.strength = min(1.0, max(0.0, wanted.strength))
        allowed = wanted.removes_noise and (self._adapter is None or self._adapter.step.denoise)
        settings.denoise = min(1.0, max(0.0, wanted.denoise)) if allowed else 0.0
        settings.temporal = self._temporal if self._adapter is None or self._adapter.step.temporal else 0.0
        began = time.monotonic()
        pairs += self._enhancer.push(frame, captured, self.session)
        now = time.monotonic()
        self.work.add(now - began)
        if self._adapter is not None:
            self._adapter.saw(now, now - began, lost)
        return pairs

    def flush(self) -> list[FramePair]:
        """Return what the engine still holds."""
        return list(self._enhancer.flush(self.session))

    def close(self) -> None:
        """Close what was opened on the way."""
        if self._coarser is not None:
            self._coarser.close()

    def _change_over(self) -> list[FramePair]:
        """Take the session that is wanted now, if it is ready; return what the other one still held."""
        session = None
        if self._coarser is not None and self._adapter is not None and self._adapter.step.coarse:
            session = self._coarser.session()
        session = session or self._fine
        if session is self.session:
            return []
        held = self.flush()
        session.settings = self.session.settings
        session.reset()
        self.session = session
        return held
