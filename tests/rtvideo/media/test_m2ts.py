"""The MPEG-TS of Blu-ray discs and AVCHD cameras: 192 bytes a packet, and codecs that plain TS lacks."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from rtvideo.files.job import enhance_video
from rtvideo.options import Options, Report
from tests.helpers import clips, pgs
from tests.helpers.doubles import FakeSession, opening


def enhance(source: Path, target: Path, **options: Any) -> Report:
    return enhance_video(source, target, Options(**options), open_engine=opening(FakeSession()))  # type: ignore[arg-type]


@pytest.fixture
def disc(tmp_path: Path) -> Path:
    """Make a Matroska file with TrueHD and PGS, as people make of discs."""
    if shutil.which("ffmpeg") is None:
        pytest.skip("program ffmpeg: not installed")  # PyAV has no encoder for TrueHD
    (tmp_path / "text.sup").write_bytes(pgs.sup([(0.1, 0.3), (0.4, 0.7)]))
    clips.write(tmp_path / "video.mkv", frames=25)
    sound = ["-f", "lavfi", "-i", "sine=sample_rate=48000:duration=1"]
    subprocess.run(
        [
            *("ffmpeg", "-v", "error", "-i", "video.mkv", *sound, "-i", "text.sup"),
            *("-map", "0", "-map", "1", "-map", "2", "-c", "copy"),
            *("-c:a", "truehd", "-ac", "2", "-strict", "-2", "disc.mkv"),
        ],
        check=True,
        cwd=tmp_path,
    )
    return tmp_path / "disc.mkv"


@pytest.mark.parametrize(("ending", "size"), [(".m2ts", 192), (".MTS", 192), (".m2t", 188), (".ts", 188)])
def test_the_ending_decides_the_size_of_packets(tmp_path: Path, ending: str, size: int) -> None:
    source = clips.write(tmp_path / "in.mp4", frames=30, audio=1)
    target = tmp_path / f"out{ending}"
    report = enhance(source, target)
    data = target.read_bytes()
    assert len(data) % size == 0
    assert set(data[size - 188 :: size]) == {0x47}  # each packet's first byte, behind its time
    assert report.warnings == []
    before, after = clips.times(source), clips.times(target)
    assert {late - early for early, late in zip(before, after, strict=True)} == {after[0] - before[0]}


def test_what_discs_hold_is_copied(disc: Path, tmp_path: Path) -> None:
    report = enhance(disc, tmp_path / "out.m2ts")
    back = enhance(tmp_path / "out.m2ts", tmp_path / "back.mkv")
    before, after, kept = (
        {stream.codec: stream.hashes for stream in clips.streams(path)}
        for path in (disc, tmp_path / "out.m2ts", tmp_path / "back.mkv")
    )
    assert report.warnings == []
    assert after["truehd"] == kept["truehd"] == before["truehd"]
    assert after["hdmv_pgs_subtitle"]  # each segment is a packet of its own there
    assert kept["hdmv_pgs_subtitle"] == before["hdmv_pgs_subtitle"]
    # FFmpeg announces a core in AC-3, which is not there.
    assert all("(ac3) is dropped" in line for line in back.warnings)


def test_plain_ts_names_what_only_discs_hold(disc: Path, tmp_path: Path) -> None:
    report = enhance(disc, tmp_path / "out.ts")
    assert len(report.warnings) == 1
    assert "audio #1 (truehd) becomes aac" in report.warnings[0]
    assert "subtitle #2 (hdmv_pgs_subtitle) is dropped" in report.warnings[0]
