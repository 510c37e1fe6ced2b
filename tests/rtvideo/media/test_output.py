"""The encoded output, whoever feeds it."""

from __future__ import annotations

import threading
import time
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import pytest

from rtvideo.files import pipeline
from rtvideo.files.job import enhance_video
from rtvideo.options import Options
from tests.helpers import clips
from tests.helpers.doubles import FakeSession, opening


@pytest.fixture(scope="module")
def ntsc(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Frames that x264 stores in another order than they are shown in."""
    path, rate = tmp_path_factory.mktemp("ntsc") / "in.mp4", Fraction(30000, 1001)
    generator = f"testsrc=size=64x48:rate={rate}:duration=2"
    with av.open(generator, format="lavfi") as source, av.open(str(path), "w") as out:
        video = out.add_stream("libx264", rate=rate)
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        for index, frame in enumerate(source.decode(video=0)):
            frame = frame.reformat(format="yuv420p")
            frame.pts, frame.time_base = index, 1 / rate
            out.mux(video.encode(frame))
        out.mux(video.encode(None))
    return path


@pytest.mark.slow
@pytest.mark.parametrize("frames", range(20, 36))
def test_a_short_mp4_has_the_rate_and_the_length_of_its_frames(
    tmp_path: Path, ntsc: Path, frames: int
) -> None:
    """Whichever frame is stored last, and also where it begins a fragment of its own."""
    target = tmp_path / "out.mp4"
    enhance_video(ntsc, target, Options(frames=frames, codec="libx264"), open_engine=opening(FakeSession()))
    with av.open(str(target)) as out:
        video = out.streams.video[0]
        assert video.average_rate is not None and video.duration is not None and out.duration is not None
        assert float(video.average_rate) == pytest.approx(30000 / 1001, rel=1e-3)
        assert float(video.duration * video.time_base) == pytest.approx(frames * 1001 / 30000, abs=0.002)
        assert out.duration / 1e6 == pytest.approx(frames * 1001 / 30000, abs=0.002)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["out.mp4", "out.mkv"])
def test_a_stop_that_may_not_wait_for_the_encoder_leaves_no_gap(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What x264 still holds is left out up to a frame before which none is missing, and made by --resume."""
    clip = clips.write(tmp_path / "in.mp4", frames=60, audio=1)
    monkeypatch.setattr(pipeline, "_PATIENCE", 0.0)
    stop, target = threading.Event(), tmp_path / name

    class Stopping(FakeSession):
        def submit(self, *arguments: Any) -> None:
            super().submit(*arguments)
            if len(self.times) == 56:
                stop.set()
                time.sleep(0.5)  # longer than a look at the clock

    options = Options(codec="libx264", resume=True)
    report = enhance_video(clip, target, options, stop=stop, open_engine=opening(Stopping()))
    with av.open(str(target)) as out:
        times = [frame.time for frame in out.decode(video=0)]
        assert out.duration is not None
        assert out.duration / 1e6 == pytest.approx(len(times) / 25, abs=0.05)  # sound ends with it
    assert 0 < report.frames_out == len(times) < 50
    assert times == pytest.approx([k / 25 for k in range(len(times))], abs=0.002)
    whole = enhance_video(clip, target, options, open_engine=opening(FakeSession()))
    assert (whole.incomplete, whole.frames_out) == (None, 60)
    with av.open(str(target)) as out:
        assert sum(1 for _ in out.decode(video=0)) == 60
        assert out.duration is not None and out.duration / 1e6 == pytest.approx(2.4, abs=0.05)
