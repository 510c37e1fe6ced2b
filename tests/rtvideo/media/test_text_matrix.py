"""Subtitles from every container into every container, held against what the program ffmpeg copies.

What ``ffmpeg -c copy`` carries over is copied packet by packet. Of the rest, text becomes text of another
kind, and what cannot is named. ``RTVIDEO_MATRIX=all`` tries all combinations, not a sample.
"""

from __future__ import annotations

import hashlib
import shutil
from dataclasses import dataclass
from pathlib import Path

import av
import pytest

from tests.helpers import pgs
from tests.helpers.matrix import enhanced, ffmpeg, sample

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="program ffmpeg: not installed"),
]

#: Suffix of the input -> its video codec, and the subtitles that ffmpeg writes into it.
INPUTS = {
    "mkv": ("libx264", "subrip ass webvtt text dvd_subtitle dvb_subtitle hdmv_pgs_subtitle"),
    "mp4": ("libx264", "mov_text"),
    "mov": ("libx264", "mov_text"),
    "3gp": ("libx264", "mov_text"),
    "webm": ("libvpx", "webvtt"),
    "nut": ("mpeg4", "ass text dvd_subtitle dvb_subtitle"),
    "flv": ("libx264", "text"),
    "ts": ("libx264", "dvb_subtitle"),
    "m2ts": ("libx264", "hdmv_pgs_subtitle"),
    "mpg": ("mpeg2video", "dvd_subtitle"),
    "vob": ("mpeg2video", "dvd_subtitle"),
}
OUTPUTS = ("mp4", "mov", "mkv", "webm", "avi", "ts", "m2ts", "mpg", "wmv", "flv", "mxf", "nut")
#: Text without an end, which FFmpeg's readers of Matroska call by another name.
PLAIN = {"text": "subrip"}

#: PyAV asks the muxer's list, which lacks it.
NOT_LISTED = ("flv", "text")
PICTURES = ("dvd_subtitle", "dvb_subtitle", "hdmv_pgs_subtitle")

LINES = """1
00:00:00,100 --> 00:00:00,300
A street at night

2
00:00:00,400 --> 00:00:00,700
A <i>car</i> comes
"""


@dataclass
class Text:
    """The first subtitles of a file."""

    codec: str
    packets: list[str]


def text_of(path: Path) -> Text | None:
    with av.open(str(path)) as container:
        if not container.streams.subtitles:
            return None
        stream = container.streams.subtitles[0]
        packets = [bytes(packet) for packet in container.demux(stream) if packet.size]
        codec = stream.codec_context.codec.canonical_name if stream.codec_context else ""
        # MP4 fills the time between two lines with empty ones.
        return Text(codec, [hashlib.sha1(data).hexdigest() for data in packets if data != b"\0\0"])


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], Path]:
    """Make the inputs that the sample needs."""
    folder, found = tmp_path_factory.mktemp("inputs"), {}
    (folder / "text.srt").write_text(LINES)
    (folder / "picture.sup").write_bytes(pgs.sup([(0.1, 0.3), (0.4, 0.7)]))
    for suffix, codec in {(suffix, codec) for suffix, codec, _ in COMBINATIONS}:
        path = folder / f"{codec}.{suffix}"
        given = folder / ("picture.sup" if codec in PICTURES else "text.srt")
        made = ffmpeg(
            *("-f", "lavfi", "-i", "testsrc=size=128x96:rate=25", "-fix_sub_duration", "-i", given),
            *("-map", 0, "-map", 1, "-t", 1),
            *("-c:v", INPUTS[suffix][0], "-pix_fmt", "yuv420p", "-g", 8),
            *("-c:s", "copy" if codec.startswith("hdmv") else codec, path),
        )
        if made and text_of(path) is not None:
            found[suffix, codec] = path
    return found


ALL = [(i, s, o) for i, (_, codecs) in INPUTS.items() for s in codecs.split() for o in OUTPUTS]
#: What went wrong once; always tried.
FOUND = [("nut", "ass", "mp4"), ("flv", "text", "mov"), ("ts", "dvb_subtitle", "m2ts")]
COMBINATIONS = sample(ALL, 32, seed=9) + FOUND


@pytest.mark.parametrize(("source", "codec", "target"), COMBINATIONS)
def test_subtitles_are_copied_where_ffmpeg_copies_them(
    source: str, codec: str, target: str, inputs: dict[tuple[str, str], Path], tmp_path: Path
) -> None:
    path = inputs[source, codec]
    report = enhanced(path, tmp_path / f"out.{target}")
    ours, before = text_of(tmp_path / f"out.{target}"), text_of(path)
    assert before is not None
    reference = tmp_path / f"reference.{target}"
    copied = ffmpeg("-i", path, "-map", "0:v", "-map", "0:s", "-c:s", "copy", reference)
    theirs = text_of(reference) if copied else None
    named = any(f"({before.codec}" in line for line in report.warnings)
    same = theirs is not None and theirs.codec in (before.codec, PLAIN.get(before.codec))
    if theirs is not None and same and (target, before.codec) != NOT_LISTED:
        assert ours is not None and ours.codec == theirs.codec and not named, report.warnings
        # ffmpeg 5.1 leaves out a picture without an end.
        assert ours.packets in (theirs.packets, before.packets)
    elif before.codec in PICTURES:
        assert named, report.warnings
    else:
        assert named, report.warnings
        assert ours is None or len(ours.packets) == len(before.packets)
