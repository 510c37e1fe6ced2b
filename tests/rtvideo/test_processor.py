"""Frames from decoder to encoder: the files that they pass, colour, changes of size, and the pool."""

from __future__ import annotations

import re
import threading
from collections import Counter
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

import rtvideo
from rtvideo.colour import Matrix
from rtvideo.files.job import enhance_video
from rtvideo.files.pipeline import Pipeline
from rtvideo.kernels.cpu import build
from rtvideo.media.planes import FrameFormat, FramePool, views
from rtvideo.media.tags import Tags
from rtvideo.options import Options
from rtvideo.processor import FrameProcessor
from tests.helpers import clips
from tests.helpers.doubles import FakeSession, live_processor

ROOT = Path(rtvideo.__file__).parent


def frame(index: int = 0, width: int = 32, height: int = 16, pix_fmt: str = "yuv420p") -> av.VideoFrame:
    made = av.VideoFrame(width, height, pix_fmt)
    for plane in made.planes:
        plane.update(bytes([20 + index]) * plane.buffer_size)
    made.pts, made.time_base, made.duration = index, Fraction(1, 25), 1
    return made


def documented() -> set[str]:
    """Return the files that docs/architecture.md lists for a frame of a file."""
    page = (ROOT.parent / "docs/architecture.md").read_text(encoding="utf-8")
    _, _, section = page.partition("## The way of a frame")
    table, _, _ = section.partition("**Live**")
    return set(re.findall(r"^\| `rtvideo/([\w/]+\.py)` \|", table, re.MULTILINE))


def holds_frame(value: Any) -> bool:
    if isinstance(value, av.VideoFrame) or isinstance(getattr(value, "frame", None), av.VideoFrame):
        return True
    parts = value if isinstance(value, (list, tuple)) else ()
    return any(isinstance(part, (av.VideoFrame, np.ndarray)) for part in parts)


@pytest.mark.compile
@pytest.mark.skipif(not build.compilers(), reason="no compiler: pip install ziglang")
def test_a_frame_passes_the_documented_files_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    count = 96
    passed: Counter[tuple[str, str, str]] = Counter()

    def note(called: Any, event: str, result: Any) -> None:
        path = called.f_code.co_filename
        if event not in ("call", "return") or not path.startswith(str(ROOT)):
            return
        seen = [result] if event == "return" else list(called.f_locals.values())
        if any(map(holds_frame, seen)):
            passed[str(Path(path).relative_to(ROOT)), called.f_code.co_qualname, event] += 1

    run = Pipeline.run

    def traced(self: Pipeline, *arguments: Any) -> None:
        threading.setprofile(note)
        try:
            run(self, *arguments)
        finally:
            threading.setprofile(None)

    monkeypatch.setattr(Pipeline, "run", traced)
    source = clips.write(tmp_path / "in.mp4", frames=count)
    enhance_video(source, tmp_path / "out.mp4", Options(engine="fused", preset="ultrafast", threads=1))
    # The stages of the pipeline are functions that run once; captions are looked for in the first 64 frames.
    found = {path for (path, _, _), calls in passed.items() if calls >= 0.9 * count} | {"files/pipeline.py"}
    assert found == documented() and len(found) <= 9


def test_frames_that_are_alike_share_one_coding_and_untagged_ones_go_by_their_size() -> None:
    processor = live_processor(FakeSession(), frame(height=720))  # type: ignore[arg-type]
    assert processor.format.coding.matrix == Matrix.BT709
    tall, low = frame(height=720), frame(height=480)
    (first,), (second,) = processor.push(tall), processor.push(low)
    assert first.original is tall, "it needs no conversion"
    assert (second.original.width, second.original.height) == (32, 720) and processor.changed == 1
    assert {coding.matrix for coding in processor._codings.values()} == {Matrix.BT709, Matrix.SMPTE170M}


@pytest.mark.parametrize("delay", [0, 2])
def test_frames_of_an_earlier_run_pass_as_they_are_and_the_last_are_shown(delay: int) -> None:
    session = FakeSession(gain=2, delay=delay)
    session.settings.temporal = 1.0
    working = live_processor(session, frame()).format  # type: ignore[arg-type]
    processor = FrameProcessor(session, working, frame(), Tags(), skip=70)  # type: ignore[arg-type]
    given = [frame(index % 50) for index in range(80)]
    pairs = [pair for one in given for pair in processor.push(one)] + [*processor.flush()]
    assert [pair.lit is one for pair, one in zip(pairs, given, strict=True)] == [True] * 70 + [False] * 10
    assert len(session.times) == 60 + 10, "of what is skipped the filter sees sixty frames"


def lumas(pairs: Sequence[Any]) -> list[int]:
    return [int(bytes(pair.lit.planes[0])[0]) for pair in pairs]


def test_a_session_can_be_changed_between_frames() -> None:
    first, second = FakeSession(gain=2, delay=1), FakeSession(gain=3)
    processor = live_processor(first, frame())  # type: ignore[arg-type]
    pairs = [*processor.push(frame(0)), *processor.push(frame(1)), *processor.drain()]
    processor.session = second  # type: ignore[assignment]
    pairs += processor.push(frame(2))
    assert lumas(pairs) == [40, 42, 66] and [pair.lit.pts for pair in pairs] == [0, 1, 2]


def test_results_come_from_the_pool_and_can_go_back() -> None:
    working = FrameFormat("yuv420p", 32, 16, Tags().coding("yuv420p", 16))
    pool, session = FramePool("yuv420p", 32, 16), FakeSession()
    processor = FrameProcessor(session, working, frame(), Tags(), pool=pool)  # type: ignore[arg-type]
    (pair,) = processor.push(frame(0))
    place = views(pair.lit, working.geometry)[0].ctypes.data
    pool.give(pair.lit)
    (again,) = processor.push(frame(1))
    assert again.lit is pair.lit and views(again.lit, working.geometry)[0].ctypes.data == place


def test_the_original_is_not_written_to() -> None:
    processor = live_processor(FakeSession(gain=2), frame())  # type: ignore[arg-type]
    given = frame(5)
    before = [bytes(plane) for plane in given.planes]
    (pair,) = processor.push(given, 7.5)
    assert [bytes(plane) for plane in given.planes] == before and pair.captured == 7.5
    assert (pair.lit.pts, pair.lit.time_base, pair.lit.duration) == (5, Fraction(1, 25), 1)
