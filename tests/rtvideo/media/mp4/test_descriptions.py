"""Tracks of data, which cameras write beside the picture: copied to MP4 and MOV whole, or named."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import av
import pytest

from rtvideo.files.job import enhance_video
from rtvideo.media.describe import Summary
from rtvideo.media.mp4.boxes import Box, parse
from rtvideo.options import Options, Report
from tests.helpers import clips, mp4
from tests.helpers.doubles import FakeSession, opening

KEYS = mp4.box(b"keys", mp4.box(b"\0\0\0\1", mp4.box(b"keyd", b"mdtacom.apple.quicktime.detected-face")))
PACKETS = [bytes([number]) * 60 for number in range(4)]


def enhance(source: Path, target: Path) -> Report:
    options = Options(preset="ultrafast")
    return enhance_video(source, target, options, open_engine=opening(FakeSession()))  # type: ignore[arg-type]


def kinds(path: Path) -> list[str]:
    with av.open(str(path)) as container:
        summary = Summary(container)
        return [summary.kind_of_data(stream) for stream in container.streams.data]


def tracks(path: Path) -> list[Box]:
    (moov,) = parse(mp4.top_level(path)[b"moov"])
    return [box for box in moov.boxes if box.name == b"trak"]


@pytest.mark.parametrize("ending", [".mp4", ".mov"])
@pytest.mark.parametrize(
    ("kind", "description"), [(b"camm", b""), (b"mebx", KEYS), (b"gpmd", bytes(4)), (b"zzzz", bytes(99))]
)
def test_data_is_copied_with_its_description(
    tmp_path: Path, kind: bytes, description: bytes, ending: str
) -> None:
    source = mp4.with_data(tmp_path / "in.mp4", kind, PACKETS, description)
    report = enhance(source, tmp_path / f"out{ending}")
    assert report.warnings == []
    before, after = clips.streams(source), clips.streams(tmp_path / f"out{ending}")
    (old,), (new,) = ([s for s in found if s.type == "data"] for found in (before, after))
    assert (new.hashes, new.times) == (old.hashes, old.times) and len(new.hashes) == 4
    assert kinds(tmp_path / f"out{ending}") == kinds(source) and kind.decode() in kinds(source)[0]
    entries = [
        box.find(b"mdia", b"minf", b"stbl", b"stsd")
        for box in (tracks(source)[0], tracks(tmp_path / f"out{ending}")[0])
    ]
    assert entries[0] == entries[1]


def test_other_containers_name_it(tmp_path: Path) -> None:
    source = mp4.with_data(tmp_path / "in.mp4", b"camm", PACKETS)
    report = enhance(source, tmp_path / "out.mkv")
    assert any("data #0 (camm" in line and "is dropped" in line for line in report.warnings)


def test_data_beside_chapters_is_no_title(tmp_path: Path) -> None:
    """A GoPro's highlights are chapters for FFmpeg; its GPS went with the titles."""
    source = mp4.with_data(tmp_path / "in.mp4", b"gpmd", PACKETS)
    highlights = mp4.box(
        b"HMMT", (2).to_bytes(4, "big") + (100).to_bytes(4, "big") + (300).to_bytes(4, "big")
    )
    mp4.add(source, [(("udta", False), highlights)])
    report = enhance(source, tmp_path / "out.mp4")
    assert report.warnings == [] and "bin_data (gpmd" in kinds(tmp_path / "out.mp4")
    with av.open(str(tmp_path / "out.mp4")) as container:
        assert len(container.chapters()) == 2


def test_references_between_tracks_follow_their_numbers(tmp_path: Path) -> None:
    source = clips.write(tmp_path / "in.mp4", second_video=True, audio=1, cover=True)
    (moov,) = parse(mp4.top_level(source)[b"moov"])
    numbers = [box.find(b"tkhd").data[12:16] for box in moov.boxes if box.name == b"trak"]  # type: ignore[union-attr]
    reference = mp4.box(b"cdsc", bytes(numbers[-1]) + b"\0\0\0\x63")
    mp4.add(source, [(("trak", True), mp4.box(b"tref", reference))])
    enhance(source, tmp_path / "out.mp4")
    written = tracks(tmp_path / "out.mp4")
    found = written[0].find(b"tref")
    assert found is not None
    assert bytes(found.data) == mp4.box(b"cdsc", bytes(written[-1].find(b"tkhd").data[12:16]))  # type: ignore[union-attr]


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="program ffmpeg: not installed")
@pytest.mark.parametrize("ending", [".mp4", ".mov"])
@pytest.mark.parametrize("name", ["mp4_camm.mp4", "mp4_gpmd.mp4"])
def test_what_ffmpeg_copies_is_the_same(shared: Path, tmp_path: Path, name: str, ending: str) -> None:
    source = shared / "cases" / name
    copy = ["ffmpeg", "-v", "error", "-i", source, "-map", "0", "-c", "copy", tmp_path / f"copy{ending}"]
    copied = subprocess.run(copy, timeout=60, capture_output=True).returncode == 0
    assert enhance(source, tmp_path / f"out{ending}").warnings == []
    reference = clips.streams(tmp_path / f"copy{ending}" if copied else source)[1]
    ours = clips.streams(tmp_path / f"out{ending}")[1]
    assert (ours.hashes, ours.times) == (reference.hashes, reference.times)
    assert kinds(tmp_path / f"out{ending}") == kinds(source)
