"""The processor of a live run: controls, and the change to coarser illumination and back."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import av
import numpy as np
import pytest

from rtvideo.errors import UnavailableError
from rtvideo.live.adaptive import AdaptiveProcessor
from rtvideo.live.darkness import DarkSwitch
from rtvideo.live.fallback import FallbackOpener
from rtvideo.live.input import TICK
from rtvideo.live.quality import LEVELS
from rtvideo.media.light import measure
from rtvideo.media.planes import FrameFormat
from rtvideo.media.tags import Tags
from rtvideo.processor import FramePair
from rtvideo.viewers.base import ViewerControls
from tests.helpers.doubles import FakeSession, live_processor

pytestmark = pytest.mark.timeout(30)

LONG = 20.0

ALL, _, COARSE, ALONE, HALF, *_ = LEVELS


class Fine(FakeSession):
    """Opens a coarser one, which triples luma, once it is allowed to."""

    def __init__(self, open: Callable[[], FakeSession], **how: Any) -> None:
        super().__init__(**how)
        self._open = open

    def coarser(self) -> FakeSession:
        return self._open()


class Resets(FakeSession):
    """Notes after how many frames it was told to forget."""

    def __init__(self, **how: Any) -> None:
        super().__init__(**how)
        self.resets: list[int] = []

    def reset(self) -> None:
        self.resets.append(len(self.times))


def frame(index: int) -> av.VideoFrame:
    made = av.VideoFrame(32, 16, "yuv420p")
    for plane in made.planes:
        plane.update(bytes([20]) * plane.buffer_size)
    made.pts, made.time_base = 3600 * index, TICK
    return made


class Run:
    """An engine, the frames that it made, and a step that the test decides on."""

    def __init__(self, fine: FakeSession) -> None:
        processor = live_processor(fine, frame(0))  # type: ignore[arg-type]
        self.controls = ViewerControls()
        self.quality: Any = SimpleNamespace(level=ALL, observe=lambda *seen: None)
        self.fallback = FallbackOpener(fine, processor.format.geometry)  # type: ignore[arg-type]
        self.processor = AdaptiveProcessor(processor, self.controls, self.quality, self.fallback)
        self.pairs: list[FramePair] = []
        self._pushed = 0

    def push(self, count: int = 1) -> None:
        for _ in range(count):
            self.pairs += self.processor.push(frame(self._pushed), 0.0, 0)
            self._pushed += 1

    @property
    def gains(self) -> list[float]:
        """What each picture's luma was multiplied by."""
        return [round(luma(pair.lit) / luma(pair.original), 1) for pair in self.pairs]

    @property
    def order(self) -> list[int]:
        return [(pair.lit.pts or 0) // 3600 for pair in self.pairs]

    def opened(self) -> None:
        """Wait until the coarser session is there, or known not to be."""
        assert self.fallback._thread is not None
        self.fallback._thread.join(LONG)


def luma(picture: av.VideoFrame) -> int:
    return bytes(picture.planes[0])[0]


def test_it_goes_on_while_the_coarser_session_is_opened_and_loses_nothing() -> None:
    release, coarse = threading.Event(), Resets(gain=3)

    def open() -> FakeSession:
        assert release.wait(LONG)
        return coarse

    run = Run(Fine(open, gain=2, delay=2))
    run.push(3)
    run.quality.level = COARSE
    run.push(3)
    assert run.gains == [2.0] * 4, "two are held back by the engine"
    release.set()
    run.opened()
    run.push(2)
    assert run.gains == [2.0] * 6 + [3.0] * 2 and run.order == list(range(8))
    assert coarse.resets == [1], "what it was tried with is forgotten"
    run.quality.level = HALF
    run.push()
    run.quality.level = ALL
    run.push(2)
    assert run.gains[-3:] == [3.0, 2.0, 2.0] and run.order == list(range(11))
    run.processor.close()
    assert coarse.closed


def test_it_is_not_opened_before_it_is_wanted() -> None:
    run = Run(Fine(lambda: pytest.fail("not wanted")))
    run.push(3)
    run.quality.level = LEVELS[1]
    run.push(3)
    run.processor.close()
    assert run.order == list(range(6)) and run.fallback.possible


def test_frames_before_count_only_as_long_as_there_is_time() -> None:
    fine = Fine(FakeSession)
    fine.settings.temporal = 0.5
    run = Run(fine)
    for step, wanted in ((ALL, 0.5), (ALONE, 0.0), (COARSE, 0.5)):
        run.quality.level = step
        run.push()
        assert run.processor.session.settings.temporal == wanted


def test_settings_are_the_same_for_both() -> None:
    coarse = FakeSession()
    fine = Fine(lambda: coarse)
    fine.settings.temporal = 0.5
    run = Run(fine)
    run.quality.level = COARSE
    run.push()
    run.opened()
    run.controls.strength, run.controls.denoise, run.controls.brightness = 0.25, 1.0, -2.0
    run.push()
    assert run.processor.session is coarse
    assert coarse.settings.brightness == -1
    assert (coarse.settings.strength, coarse.settings.denoise, coarse.settings.temporal) == (0.25, 0.0, 0.5)
    run.quality.level = ALL
    run.push()
    assert run.processor.session is fine and (fine.settings.strength, fine.settings.denoise) == (0.25, 1.0)


def test_where_there_is_none_it_goes_on_as_before() -> None:
    def refuse() -> FakeSession:
        raise UnavailableError("no compiler")

    run = Run(Fine(refuse, gain=2))
    run.quality.level = COARSE
    run.push()
    run.opened()
    run.push()
    assert run.gains == [2.0, 2.0] and not run.fallback.possible
    run.processor.close()
    assert not Run(FakeSession()).fallback.possible, "an engine that has no coarser one"


def test_an_end_does_not_wait_for_an_opening_and_what_is_opened_then_is_closed() -> None:
    release, coarse = threading.Event(), FakeSession()

    def open() -> FakeSession:
        assert release.wait(LONG)
        return coarse

    run = Run(Fine(open))
    run.quality.level = COARSE
    run.push()
    run.fallback.close(patience=0.01)
    release.set()
    run.opened()
    assert coarse.closed and run.fallback.session() is None


def test_lit_scenes_pass_unchanged_and_dark_ones_do_not(monkeypatch: pytest.MonkeyPatch) -> None:
    """A car's lamps change nothing; a dusk between the thresholds keeps what was."""
    now = 0.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    engine = FakeSession()
    processor = AdaptiveProcessor(
        live_processor(engine, frame(0)),  # type: ignore[arg-type]
        ViewerControls(),
        dark=DarkSwitch(),
    )

    def strength(luma: int, seconds: float) -> float:
        nonlocal now
        for _ in range(round(2 * seconds)):
            now += 0.5
            shown = frame(round(2 * now))
            shown.planes[0].update(bytes([luma]) * shown.planes[0].buffer_size)
            processor.push(shown, 0.0, 0)
        return engine.settings.strength

    night, dusk, day = 30, 75, 150
    assert strength(night, 10) == 1 and processor.note == ""
    assert strength(day, 4) == 1 and strength(night, 2) == 1 and strength(day, 4) == 1
    assert strength(day, 3) == 0 and processor.note == "bright enough: unchanged"
    assert strength(dusk, 60) == 0 and strength(night, 7) == 1 and strength(dusk, 60) == 1


@pytest.mark.parametrize("pix_fmt", ["yuv420p", "nv12", "yuv420p10le", "gray", "rgb24"])
def test_brightness_and_noise_are_measured_in_every_format(pix_fmt: str) -> None:
    drawn = np.random.default_rng(1).normal(90, 4, (240, 320)).round().astype(np.uint8)
    grey = av.VideoFrame.from_ndarray(np.repeat(drawn[..., None], 3, axis=2), "rgb24")
    shown = grey.reformat(format=pix_fmt)
    coding = Tags().coding(pix_fmt, 240)
    found = measure(shown, FrameFormat(pix_fmt, 320, 240, coding))
    assert found.brightness == pytest.approx(90 / 255, abs=0.01)
    assert found.noise == pytest.approx(4, rel=0.1)
