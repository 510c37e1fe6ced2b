"""The shape of pixels in Matroska and WebM, where the codec has no place for it."""

from __future__ import annotations

import shutil
import subprocess
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import pytest

from rtvideo.files.job import enhance_video
from rtvideo.media.matroska import set_shape
from rtvideo.options import Options, Report
from tests.helpers import clips
from tests.helpers.doubles import FakeSession, opening


def enhance(source: Path, target: Path, **options: Any) -> Report:
    return enhance_video(source, target, Options(**options), open_engine=opening(FakeSession()))  # type: ignore[arg-type]


def shapes(path: Path) -> list[Fraction | None]:
    with av.open(str(path)) as container:
        return [stream.sample_aspect_ratio for stream in container.streams.video]


@pytest.mark.parametrize(
    ("codec", "ending", "shape"),
    [
        ("ffv1", ".mkv", Fraction(16, 11)),
        ("ffv1", ".mkv", Fraction(1, 2)),
        ("libx264", ".mkv", Fraction(4, 3)),
        ("libvpx-vp9", ".mkv", Fraction(16, 11)),
        ("libvpx-vp9", ".webm", Fraction(3, 2)),
        ("libvpx", ".webm", Fraction(5, 4)),
    ],
)
def test_pixels_keep_their_shape(tmp_path: Path, codec: str, ending: str, shape: Fraction) -> None:
    source = clips.write(tmp_path / "in.mp4", sample_aspect_ratio=shape, audio=1, chapters=True)
    with av.open(str(source)) as container:
        assert container.streams.video[0].sample_aspect_ratio == shape
    report = enhance(source, tmp_path / f"out{ending}", codec=codec)
    assert not any("square" in line for line in report.warnings)
    assert shapes(tmp_path / f"out{ending}") == [shape]
    assert len(clips.frames(tmp_path / f"out{ending}")) == 12
    with av.open(str(tmp_path / f"out{ending}")) as container:  # the index is where the header says
        assert len(container.chapters()) == 2
        container.seek(400_000)
        assert next(container.decode(video=0)).time is not None


@pytest.mark.parametrize(
    ("mode", "ending"),
    [
        ("left_right", ".mkv"),
        ("top_bottom", ".mkv"),
        ("row_interleaved_lr", ".mkv"),
        ("mono", ".mkv"),
        ("right_left", ".webm"),
    ],
)
def test_stereo_pictures_keep_their_shape(tmp_path: Path, mode: str, ending: str) -> None:
    plain = clips.write(tmp_path / "plain.mp4", sample_aspect_ratio=Fraction(1, 2))
    clips.tagged(plain, tmp_path / "in.mkv", {"stereo_mode": mode})
    assert not set_shape(tmp_path / "in.mkv", 2, 64, 48, Fraction(1, 2))
    assert set_shape(tmp_path / "in.mkv", 1, 64, 48, Fraction(1, 2))
    assert shapes(tmp_path / "in.mkv") == [Fraction(1, 2)]
    enhance(tmp_path / "in.mkv", tmp_path / f"out{ending}")
    assert shapes(tmp_path / f"out{ending}") == [Fraction(1, 2)]


def test_only_the_enhanced_video_is_stretched(tmp_path: Path) -> None:
    source = clips.write(
        tmp_path / "in.mkv", second_video=True, attachment=b"not really a font" * 99, subtitles=2, audio=2
    )
    enhance(source, tmp_path / "out.mkv", codec="ffv1")
    before = shapes(tmp_path / "out.mkv")
    assert set_shape(tmp_path / "out.mkv", 1, 64, 48, Fraction(16, 11))
    assert shapes(tmp_path / "out.mkv") == [Fraction(16, 11), before[1]]
    after = clips.streams(tmp_path / "out.mkv")
    assert [s.hashes for s in after[1:]] == [s.hashes for s in clips.streams(source)[1:]]


def test_a_header_without_room_stays_as_it_is(tmp_path: Path) -> None:
    path = clips.write(tmp_path / "in.mkv")
    data = path.read_bytes()
    assert not set_shape(path, 7, 64, 48, Fraction(16, 11))
    assert path.read_bytes() == data
    for cut in (0, 4, 60, 200):
        path.write_bytes(data[:cut])
        assert not set_shape(path, 1, 64, 48, Fraction(16, 11))
        assert path.read_bytes() == data[:cut]


def test_what_no_container_can_say_is_named(tmp_path: Path) -> None:
    source = clips.write(tmp_path / "in.mp4", sample_aspect_ratio=Fraction(16, 11))
    report = enhance(source, tmp_path / "out.nut", codec="ffv1")
    assert any("pixels of 16:11 become square" in line for line in report.warnings)


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("mediainfo") is None, reason="program mediainfo: not installed")
def test_mediainfo_finds_no_fault(tmp_path: Path) -> None:
    source = clips.write(tmp_path / "in.mp4", sample_aspect_ratio=Fraction(16, 11), audio=1)
    enhance(source, tmp_path / "out.mkv", codec="ffv1")
    done = subprocess.run(["mediainfo", tmp_path / "out.mkv"], capture_output=True, text=True, timeout=60)
    assert "1.939" in done.stdout and "CRC" not in done.stdout and "onformance" not in done.stdout
