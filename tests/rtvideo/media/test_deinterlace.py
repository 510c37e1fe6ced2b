"""Fields into frames: one picture for two of them, or one for each."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from rtvideo.errors import UsageError
from rtvideo.live.job import enhance_live
from rtvideo.options import LiveOptions, Options
from tests.helpers import clips
from tests.helpers.matrix import enhanced


@pytest.mark.parametrize("ending", [".mp4", ".mkv", ".avi"])
@pytest.mark.parametrize("time_base", [None, Fraction(1, 90_000)])
def test_each_field_becomes_a_frame(tmp_path: Path, ending: str, time_base: Fraction | None) -> None:
    source = clips.write(
        tmp_path / "in.mov", interlaced=True, audio=1, time_base=time_base, options={"bf": "0"}
    )
    report = enhanced(source, tmp_path / f"out{ending}", deinterlace="field")
    times = clips.times(tmp_path / f"out{ending}")
    tick = Fraction(1, 1000) if ending == ".mkv" else 0
    assert report.frames_in == 12 and report.frames_out == len(times) == 24
    assert all(abs(late - early - Fraction(1, 50)) <= tick for early, late in pairwise(times))
    assert any("one frame for each field" in line for line in report.warnings)
    # Packets of sound before time zero, which players skip, are not for all containers.
    sound, before = clips.streams(tmp_path / f"out{ending}")[1].hashes, clips.streams(source)[1].hashes
    assert sound == before[len(before) - len(sound) :]
    lit, dark = clips.first(tmp_path / f"out{ending}"), clips.first(source)
    assert not lit.interlaced_frame
    assert np.abs(lit.to_ndarray(format="gray").astype(int) - dark.to_ndarray(format="gray")).mean() < 6


def test_a_frame_for_each_is_the_default_and_progressive_video_stays(tmp_path: Path) -> None:
    interlaced = clips.write(tmp_path / "in.mp4", interlaced=True)
    assert enhanced(interlaced, tmp_path / "out.mp4").frames_out == 12
    report = enhanced(clips.write(tmp_path / "plain.mp4"), tmp_path / "plain-out.mp4", deinterlace="field")
    assert report.frames_out == 12 and report.warnings == []


def test_the_limit_of_frames_holds_for_what_comes_out(tmp_path: Path) -> None:
    source = clips.write(tmp_path / "in.mp4", interlaced=True, frames=50)
    report = enhanced(source, tmp_path / "out.mp4", deinterlace="field", max_fps=25.0)
    assert 24 <= len(clips.times(tmp_path / "out.mp4")) / 2 <= 26 and report.frames_out <= 52


def test_live_input_has_a_frame_for_each(tmp_path: Path) -> None:
    source = clips.write(tmp_path / "in.mp4", interlaced=True)
    with pytest.raises(UsageError, match="--deinterlace field: is for files"):
        enhance_live(str(source), [str(tmp_path / "out.mkv")], Options(deinterlace="field"), LiveOptions())
