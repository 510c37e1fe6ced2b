"""The same promises on real clips from cameras, phones and editors, where they lie beside the checkout."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from rtvideo.files.job import enhance_video
from rtvideo.options import Options
from tests.helpers import clips
from tests.helpers.doubles import FakeSession, opening


def tags(path: Path) -> tuple[object, ...]:
    with av.open(str(path)) as container:
        video = container.streams.video[0]
        codec = video.codec_context
        return (
            (codec.width, codec.height, codec.pix_fmt, video.sample_aspect_ratio or Fraction(1)),
            (codec.colorspace, codec.color_range, codec.color_primaries, codec.color_trc),
        )


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    [
        "night_dashcam_360p30_aac.mp4",
        "vfr_h264_aac.mp4",
        "two_audio_srt.mkv",
        "rot90_h264_aac.mp4",
        "nasa_dark_multistream_subs.mp4",
        "h265_10bit_200x200.mp4",
        "bt709_full_range_720p30.mp4",
        "delayed_start_mpeg4.mp4",
    ],
)
def test_everything_but_the_pictures_is_the_same(shared: Path, tmp_path: Path, name: str) -> None:
    source, target = shared / "data/video" / name, tmp_path / name
    report = enhance_video(
        source,
        target,
        Options(preset="ultrafast"),
        open_engine=opening(FakeSession()),  # type: ignore[arg-type]
    )
    assert report.warnings == [] and report.incomplete is None and report.damaged == 0
    assert clips.times(target) == clips.times(source)
    assert tags(target) == tags(source)
    assert clips.first(target).rotation == clips.first(source).rotation
    before, after = clips.streams(source), clips.streams(target)
    assert [(s.type, s.language, s.disposition) for s in after] == [
        (s.type, s.language, s.disposition) for s in before
    ]
    for old, new in zip(before[1:], after[1:], strict=True):
        assert new.codec == old.codec and new.hashes == old.hashes and new.times == old.times


def test_hlg_comes_out_as_its_tags_say(shared: Path, tmp_path: Path) -> None:
    source, target = shared / "data/video/hevc10_hlg_540p30.mp4", tmp_path / "out.mp4"
    report = enhance_video(source, target, Options(frames=3, preset="ultrafast", strength=0))
    assert report.warnings == [] and tags(target) == tags(source)
    first, lit = clips.first(source), clips.first(target)
    assert lit.format.name == "yuv420p10le"
    assert np.abs(first.to_ndarray().astype(int) - lit.to_ndarray()).mean() < 3
