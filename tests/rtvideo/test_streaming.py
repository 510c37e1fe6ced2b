"""`rtvideo.stream` on real files, a camera that FFmpeg simulates, and a server that goes away."""

from __future__ import annotations

import gc
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import rtvideo
from rtvideo.errors import InputError, SourceLostError, UsageError
from rtvideo.frame import Geometry
from rtvideo.live import fanout, job
from rtvideo.options import Options
from tests.helpers import clips
from tests.helpers.doubles import FakeSession
from tests.helpers.servers import Server, http_video
from tests.helpers.waiting import wait_until

pytestmark = pytest.mark.timeout(60)

CAMERA = "testsrc2=size=64x48:rate=50,realtime"


@pytest.fixture(autouse=True)
def engine(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[float | None]]:
    """Twice as light, whatever is asked for; the rates that engines were opened for."""
    due: list[float | None] = []

    def open_double(options: Options, geometry: Geometry, fps: float | None, lossless: bool) -> FakeSession:
        due.append(fps)
        return FakeSession(gain=2.0)

    monkeypatch.setattr(job, "open_for", open_double)
    yield due


def working() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("rtvideo")]


def test_a_file_gives_every_frame_and_its_time(tmp_path: Path, engine: list[float | None]) -> None:
    clip = clips.write(tmp_path / "in.mkv", codec="ffv1", frames=30)
    with rtvideo.stream(clip, pixels=None) as frames:
        assert frames.size == (64, 48) and frames.fps == 25 and frames.report is None
        time.sleep(0.3)  # a program that is in no hurry
        taken = [(frame, frames.time) for frame in frames]
        assert frames.stats is not None and frames.stats.engine == "fake"
    assert [shown for _, shown in taken] == [float(each) for each in clips.times(clip)]
    for (lit, _), original in zip(taken, clips.frames(clip), strict=True):
        luma, before = clips.planes(lit)[0], clips.planes(original)[0]
        np.testing.assert_array_equal(luma, np.minimum(2 * before.astype(int), 255))
    assert engine == [None]  # nobody waits for a file
    assert frames.report is not None and frames.report.frames_out == 30
    assert list(frames) == [] and working() == []


@pytest.mark.parametrize("count", range(1, 6))
def test_a_short_file_gives_every_frame(tmp_path: Path, count: int, engine: list[float | None]) -> None:
    """Its last packets are in the decoder before the first frame is out."""
    clips.write(tmp_path / "in.mp4", frames=count)
    with rtvideo.stream(str(tmp_path / "in.mp4")) as frames:
        assert len(list(frames)) == count


@pytest.mark.parametrize("rotation", [0, 90])
def test_pixels_are_upright_and_in_the_order_that_is_asked_for(tmp_path: Path, rotation: int) -> None:
    clip = clips.write(tmp_path / "in.mp4", frames=3, rotation=rotation, matrix=1, range=1)
    taken = {}
    for pixels in ("rgb", "bgr", "gray"):
        with rtvideo.stream(clip, pixels=pixels) as frames:
            taken[pixels] = next(frames)
            assert frames.size == taken[pixels].shape[1::-1]
    size = (64, 48, 3) if rotation else (48, 64, 3)
    assert taken["rgb"].shape == size and taken["rgb"].dtype == np.uint8
    np.testing.assert_array_equal(taken["rgb"], taken["bgr"][..., ::-1])
    assert taken["gray"].shape == size[:2]
    weights = (0.2126, 0.7152, 0.0722)  # of BT.709, as the clip is tagged
    assert abs(taken["rgb"] @ weights - taken["gray"]).mean() < 2
    first = clips.first(clip).to_ndarray(format="gray").astype(int)
    upright = np.rot90(first, rotation // 90)  # counter-clockwise, as FFmpeg counts
    assert np.corrcoef(upright.ravel(), taken["gray"].ravel())[0, 1] > 0.95


def test_a_slow_program_gets_the_newest_picture_of_a_camera(engine: list[float | None]) -> None:
    times = []
    with rtvideo.stream(CAMERA, input_format="lavfi", adapt=False) as frames:
        for _ in frames:
            times.append(frames.time)
            time.sleep(0.2)
            if len(times) == 5:
                break
        waiting = len(frames._run.output.pairs._items)
    assert engine == [50.0] and waiting <= 1
    first, *_, last = times
    assert first is not None and last is not None and last - first > 0.4, times  # of all frames: 0.08
    assert working() == []


def test_a_program_may_think_for_as_long_as_it_likes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fanout, "_STUCK", 0.1)
    monkeypatch.setattr("rtvideo.live.run._FINISH", 0.1)
    with rtvideo.stream(clips.write(tmp_path / "in.mp4", frames=12)) as frames:
        count = 0
        for count, _ in enumerate(frames, start=1):
            if count in (2, 10):
                time.sleep(0.5)
    assert count == 12


def test_a_stream_that_nobody_keeps_leaves_the_camera() -> None:
    frames = rtvideo.stream(CAMERA, input_format="lavfi", adapt=False)
    next(frames)
    assert working()
    del frames
    gc.collect()
    wait_until(lambda: not working(), 10)


def test_a_source_that_is_lost_is_an_error_after_its_last_frame() -> None:
    count = 0
    with Server(http_video()) as server:
        address = f"http://127.0.0.1:{server.port}/x.ts"
        with rtvideo.stream(address, reconnect=0.5) as frames, pytest.raises(SourceLostError, match="lost"):
            for count, _ in enumerate(frames, start=1):
                if count == 5:
                    server.stopped.set()
    assert count >= 5


@pytest.mark.parametrize(
    ("given", "error", "words"),
    [
        ({"input": "missing.mp4"}, InputError, "missing.mp4"),
        ({"input": 99}, SourceLostError, "/dev/video99: no such camera"),
        ({"pixels": "yuv"}, UsageError, "allowed: 'rgb', 'bgr', 'gray' or None"),
        ({"stength": 1}, TypeError, "did you mean strength?"),
        ({"codec": "libx264"}, TypeError, "codec: no such option"),
        ({"strength": 2}, UsageError, "strength: '2' is not allowed"),
        ({"reconnect": -1}, UsageError, "reconnect: '-1' is not a time"),
        ({"size": "wide"}, UsageError, "size: 'wide' is not a size"),
        ({"engine": "magic"}, UsageError, "magic"),
    ],
)
def test_mistakes_are_told_when_it_is_opened(
    tmp_path: Path, given: dict[str, object], error: type[Exception], words: str
) -> None:
    clip = clips.write(tmp_path / "in.mp4", frames=2)
    with pytest.raises(error, match=words.replace("?", r"\?")):
        rtvideo.stream(**({"input": clip} | given))  # type: ignore[arg-type]
    assert working() == []


def test_a_fork_is_told_to_open_its_own(tmp_path: Path) -> None:
    with rtvideo.stream(clips.write(tmp_path / "in.mp4", frames=12)) as frames:
        next(frames)
        told, tell = os.pipe()
        if (child := os.fork()) == 0:
            try:
                next(frames)
            except UsageError as error:
                os.write(tell, str(error).encode())
            finally:
                os._exit(0)
        os.waitpid(child, 0)
        assert b"call rtvideo.stream in this one" in os.read(told, 1000)
        assert len(list(frames)) == 11
