"""Enhancement of live frames as viewers ask for it, with less quality where the machine is too slow."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import replace

import av

from rtvideo.engines.session import Session, Settings
from rtvideo.live.darkness import DarkSwitch
from rtvideo.live.fallback import FallbackOpener
from rtvideo.live.quality import LEVELS, QualityController, QualityLevel
from rtvideo.media.light import measure
from rtvideo.processor import FramePair, FrameProcessor
from rtvideo.stopwatch import Stopwatch
from rtvideo.viewers.base import ViewerControls

#: Seconds between two looks at how bright the scene is.
_LOOK = 0.5


class AdaptiveProcessor:
    """Changes the settings, and the session, of a `FrameProcessor` from frame to frame.

    All calls come from one thread; attributes may be read from any.

    Attributes:
        work: the time that frames take.
    """

    def __init__(
        self,
        processor: FrameProcessor,
        controls: ViewerControls,
        quality: QualityController | None = None,
        fallback: FallbackOpener | None = None,
        dark: DarkSwitch | None = None,
    ) -> None:
        """Begin with the session of ``processor`` and its settings.

        Args:
            controls: read before each frame.
            quality: lowers the quality; None never does.
            fallback: opens the session for coarser illumination; None: there is none.
            dark: pictures pass unchanged while the scene is lit; None: all are enhanced.
        """
        self.work = Stopwatch()
        self._processor, self._controls = processor, controls
        self._quality, self._fallback, self._dark = quality, fallback, dark
        self._looked: float | None = None
        self._preferred = processor.session
        self._asked = replace(self._preferred.settings)

    @property
    def session(self) -> Session:
        """What runs at present."""
        return self._processor.session

    @property
    def level(self) -> QualityLevel:
        """How much quality there is time for."""
        return LEVELS[0] if self._quality is None else self._quality.level

    @property
    def note(self) -> str:
        """What is left out at present, or nothing."""
        if self._dark is not None and self._dark.lit:
            return "bright enough: unchanged"
        return "" if self.level is LEVELS[0] else self.level.words

    def push(self, frame: av.VideoFrame, captured: float, lost: int) -> list[FramePair]:
        """Take a frame, return the pairs that are done.

        Args:
            captured: when it came.
            lost: frames dropped so far because something was too slow.
        """
        pairs = list(self._switched())
        self.session.settings = self._settings()
        began = time.monotonic()
        pairs += self._processor.push(frame, captured)
        now = time.monotonic()
        if self._dark is not None and pairs and (self._looked is None or now - self._looked >= _LOOK):
            self._looked = now
            self._dark.observe(measure(pairs[-1].original, self._processor.format).brightness, now)
        self.work.add(now - began)
        if self._quality is not None:
            self._quality.observe(now, now - began, lost, max(0.0, began - captured))
        return pairs

    def flush(self) -> list[FramePair]:
        """Return all that is held back; no more frames come."""
        return list(self._processor.flush())

    def close(self) -> None:
        """Close the fallback session, if it was opened."""
        if self._fallback is not None:
            self._fallback.close()

    def _settings(self) -> Settings:
        controls, level = self._controls, self.level
        if self._dark is not None and self._dark.lit:
            return replace(self._asked, strength=0.0, denoise=0.0, brightness=0.0, temporal=0.0, deband=0.0)
        denoise = controls.denoise if controls.removes_noise and level.denoise else 0.0
        return replace(
            self._asked,
            strength=min(1.0, max(0.0, controls.strength)),
            denoise=min(1.0, max(0.0, denoise)),
            adapts=self._asked.adapts and denoise == self._asked.denoise,
            brightness=min(1.0, max(-1.0, controls.brightness)) if controls.sets_brightness else 0.0,
            temporal=self._asked.temporal if level.temporal else 0.0,
        )

    def _switched(self) -> Iterable[FramePair]:
        """Take the session for the present level if it is ready, and return what the other one held back."""
        fallback = self._fallback.session() if self._fallback is not None and self.level.coarse else None
        session = fallback or self._preferred
        if session is self.session:
            return ()
        held = list(self._processor.drain())
        session.reset()
        self._processor.session = session
        return held
