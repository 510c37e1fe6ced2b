"""What frames carry beside their pictures: kept, or named before work starts."""

from __future__ import annotations

import io
import shutil
import subprocess
from pathlib import Path
from typing import Any

import av
import pytest
from PIL import Image

from rtvideo.files.job import enhance_video
from rtvideo.media.orientation import angle_of, matrix_of
from rtvideo.options import Options, Report
from tests.helpers import clips
from tests.helpers.doubles import FakeSession, opening

#: Eight bytes of a recorder: a user data SEI of H.264 with an identifier of its own.
RECORDER = bytes(range(16)) + b"12:34:56"
SEI = b"\0\0\0\1\6\5" + bytes([len(RECORDER)]) + RECORDER + b"\x80"


def enhance(source: Path, target: Path, **options: Any) -> Report:
    return enhance_video(source, target, Options(**options), open_engine=opening(FakeSession()))  # type: ignore[arg-type]


def motion_jpeg(path: Path, orientation: int) -> Path:
    """Write an AVI of JPEG pictures with EXIF, as some cameras do."""
    exif, data = Image.Exif(), io.BytesIO()
    exif[0x0112], exif[0x010F] = orientation, "a maker"
    Image.fromarray(clips.picture(0, 64, 48)).save(data, "JPEG", exif=exif)
    with av.open(str(path), "w") as out:
        stream = out.add_stream("mjpeg", rate=25, width=64, height=48, pix_fmt="yuvj420p")
        out.start_encoding()
        for number in range(5):
            packet = av.Packet(data.getvalue())
            packet.pts = packet.dts = number
            packet.time_base, packet.stream = stream.codec_context.time_base, stream
            out.mux(packet)
    return path


@pytest.mark.parametrize(("orientation", "turn"), [(1, 0), (6, 90), (3, 180), (8, 270)])
def test_exif_in_frames_is_named_and_turns_them(tmp_path: Path, orientation: int, turn: int) -> None:
    source = motion_jpeg(tmp_path / "in.avi", orientation)
    report = enhance(source, tmp_path / "out.mp4", codec="libx264")
    assert report.frames_out == 5
    assert any("EXIF" in line and "dropped" in line for line in report.warnings)
    assert -clips.first(tmp_path / "out.mp4").rotation % 360 == turn
    if turn:
        assert angle_of(matrix_of(turn)) == turn


def test_data_of_a_recorder_inside_the_stream_is_named(tmp_path: Path) -> None:
    plain = clips.write(tmp_path / "plain.h264")
    (tmp_path / "in.h264").write_bytes(SEI + plain.read_bytes())
    report = enhance(tmp_path / "in.h264", tmp_path / "out.mp4")
    expected = "data of 8 bytes inside the pictures (SEI 00010203-0405-0607-0809-0a0b0c0d0e0f)"
    assert any(expected in line for line in report.warnings)
    assert not any("SEI" in line for line in enhance(plain, tmp_path / "other.mp4").warnings)


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("ffprobe") is None, reason="program ffprobe: not installed")
@pytest.mark.parametrize(
    ("ending", "kept"), [(".mkv", True), (".webm", True), (".mp4", True), (".avi", False)]
)
def test_stereo_video_is_named_only_where_it_is_lost(tmp_path: Path, ending: str, kept: bool) -> None:
    plain = clips.write(tmp_path / "plain.mkv")
    clips.tagged(plain, tmp_path / "in.mkv", {"stereo_mode": "left_right"})
    report = enhance(tmp_path / "in.mkv", tmp_path / f"out{ending}")
    assert ("side by side" in probe(tmp_path / f"out{ending}")) == kept
    assert any("tereo" in line for line in report.warnings) != kept


def test_video_that_is_not_stereo_has_no_word(tmp_path: Path) -> None:
    plain = clips.write(tmp_path / "plain.mkv")
    source = clips.tagged(plain, tmp_path / "in.mkv", {"stereo_mode": "mono"})
    assert enhance(source, tmp_path / "out.mp4").warnings == []


def probe(path: Path) -> str:
    command = ["ffprobe", "-v", "error", "-show_streams", str(path)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60).stdout
