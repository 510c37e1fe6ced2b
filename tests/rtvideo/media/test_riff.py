"""Chunks of AVI files that FFmpeg does not read are named."""

from __future__ import annotations

from pathlib import Path

import pytest

from rtvideo.files.job import enhance_video
from rtvideo.media.riff import unread_parts
from rtvideo.options import Options, Report
from tests.helpers import clips
from tests.helpers.doubles import FakeSession, opening


def chunk(name: bytes, content: bytes) -> bytes:
    return name + len(content).to_bytes(4, "little") + content + bytes(len(content) % 2)


def add(path: Path, *, end: bytes = b"", header: bytes = b"", behind: bytes = b"") -> Path:
    """Add chunks at the end of the file and of its header's list, in place."""
    data = bytearray(path.read_bytes())
    place = data.index(b"LIST") + 8 + int.from_bytes(data[data.index(b"LIST") + 4 :][:4], "little")
    data[16:20] = (int.from_bytes(data[16:20], "little") + len(header)).to_bytes(4, "little")
    data[place:place] = header
    data += end
    data[4:8] = (len(data) - 8).to_bytes(4, "little")
    path.write_bytes(data + behind)
    return path


def enhance(source: Path, target: Path) -> Report:
    return enhance_video(source, target, Options(), open_engine=opening(FakeSession()))  # type: ignore[arg-type]


@pytest.mark.parametrize("ending", [".mkv", ".avi"])
def test_each_unknown_chunk_is_named(tmp_path: Path, ending: str) -> None:
    source = clips.write(tmp_path / "in.avi", codec="mpeg4", audio=1)
    end = (
        chunk(b"_PMX", b"<x:xmpmeta/>")
        + chunk(b"LIST", b"abcd" + chunk(b"efgh", b"x"))
        + chunk(b"\1\2\3\4", b"")
    )
    header = chunk(b"JUNK", b"a camera's notes") + chunk(b"WXYZ", b"odd")
    add(source, end=end, header=header, behind=b"trailer")
    report = enhance(source, tmp_path / f"out{ending}")
    (line,) = [line for line in report.warnings if "cannot hold all of it" in line]
    for words in ("XMP", "'abcd'", "01020304", "padding (JUNK)", "'WXYZ'", "7 bytes behind the end"):
        assert words in line
    assert len(clips.frames(tmp_path / f"out{ending}")) == 12


def test_what_ffmpeg_writes_and_reads_has_no_word(tmp_path: Path) -> None:
    source = clips.write(tmp_path / "in.avi", codec="mpeg4", audio=2, metadata={"title": "Night"})
    assert unread_parts(add(source, end=chunk(b"JUNK", bytes(99)), behind=bytes(4096))) == []
    assert enhance(source, tmp_path / "out.mkv").warnings == []


@pytest.mark.parametrize("cut", [0, 5, 40, 300, 2000, -9])
def test_damage_ends_nothing(tmp_path: Path, cut: int) -> None:
    source = clips.write(tmp_path / "in.avi", codec="mpeg4")
    source.write_bytes(source.read_bytes()[:cut])
    assert all(isinstance(title, str) for title in unread_parts(source))
