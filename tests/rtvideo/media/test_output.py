"""The encoded output, whoever feeds it."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import pytest

from rtvideo.files.job import enhance_video
from rtvideo.options import Options
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
