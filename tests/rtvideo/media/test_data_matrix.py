"""Data streams from containers that hold them into every container, held against what ffmpeg copies.

What ``ffmpeg -c copy`` carries over as what it is, is copied packet by packet; what does not fit is named. A
time code track becomes the video's time code. ``RTVIDEO_MATRIX=all`` tries all combinations, not a sample.
"""

from __future__ import annotations

import hashlib
import shutil
from dataclasses import dataclass
from pathlib import Path

import av
import pytest

from rtvideo.media.describe import Summary
from tests.helpers import clips
from tests.helpers.matrix import enhanced, ffmpeg, sample

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="program ffmpeg: not installed"),
]

SHARED = Path(__file__).parents[4] / "shared/cases"

#: Suffix of the input -> data codecs that FFmpeg writes into it. ``time code`` is a track in MOV and MP4.
MADE = {
    "ts": ("klv", "timed_id3", "smpte_2038", "bin_data"),
    "mp4": ("bin_data", "time code"),
    "mov": ("time code",),
    "mxf": ("time code",),
}
#: Of cameras.
RECORDED = ("klv.ts", "mp4_gpmd.mp4", "mp4_camm.mp4")
OUTPUTS = ("mp4", "mov", "mkv", "webm", "avi", "ts", "m2ts", "mpg", "wmv", "flv", "mxf", "nut")


@dataclass
class Data:
    """The first data stream of a file.

    Attributes:
        kind: its codec and tag, as FFmpeg describes it.
    """

    kind: str
    packets: list[str]


def data_of(path: Path) -> Data | None:
    with av.open(str(path)) as container:
        if not container.streams.data:
            return None
        stream = container.streams.data[0]
        kind = Summary(container).kind_of_data(stream)
        packets = [bytes(packet) for packet in container.demux(stream) if packet.size]
        return Data(kind, [hashlib.sha1(data).hexdigest() for data in packets])


def timecode_of(path: Path) -> str | None:
    with av.open(str(path)) as container:
        tags = [tag for holder in (container, *container.streams) for tag in holder.metadata.items()]
        return next((value for name, value in tags if name.lower() == "timecode"), None)


def written(path: Path, codec: str) -> Path:
    """Write a second of video with a data packet each third of it."""
    if codec == "time code":
        changes = {"codec": "mpeg2video"} if path.suffix == ".mxf" else {}
        return clips.write(path, frames=25, width=128, height=96, timecode="01:02:03:04", **changes)
    with (
        av.open(str(clips.write(path.with_suffix(".mkv"), frames=25))) as given,
        av.open(str(path), "w") as out,
    ):
        video = out.add_stream_from_template(given.streams.video[0])
        data = out.add_data_stream(codec)
        for number, packet in enumerate(packet for packet in given.demux() if packet.size):
            packet.stream = video
            out.mux(packet)
            if number % 8 == 0:
                extra = av.Packet(b"\x06\x0e\x2b\x34" + bytes([number]) * 40)
                extra.pts = extra.dts = packet.pts
                extra.time_base, extra.duration, extra.stream = packet.time_base, 8 * packet.duration, data
                out.mux(extra)
    return path


ALL = [(f"{codec}.{suffix}", o) for suffix, codecs in MADE.items() for codec in codecs for o in OUTPUTS]
ALL += [(name, o) for name in RECORDED for o in OUTPUTS]


#: What went wrong once; always tried.
FOUND = [("time code.mxf", "mov"), ("time code.mxf", "ts")]


@pytest.mark.parametrize(("source", "target"), sample(ALL, 20, seed=13) + FOUND)
def test_data_is_copied_where_ffmpeg_copies_it(source: str, target: str, tmp_path: Path) -> None:
    if source in RECORDED:
        path = SHARED / source
        if not path.exists():
            pytest.skip(f"shared case {source}: not there")
    else:
        path = written(tmp_path / f"in.{source.partition('.')[2]}", source.partition(".")[0])
    report = enhanced(path, tmp_path / f"out.{target}")
    ours, before = data_of(tmp_path / f"out.{target}"), data_of(path)
    named = any("data #" in line or "the time code is dropped" in line for line in report.warnings)
    timecode = timecode_of(path)
    if timecode is not None:
        assert named or timecode_of(tmp_path / f"out.{target}") == timecode, report.warnings
        return
    assert before is not None
    reference = tmp_path / f"reference.{target}"
    copied = ffmpeg("-i", path, "-map", "0:v", "-map", "0:d", "-c:d", "copy", reference)
    theirs = data_of(reference) if copied else None
    if theirs is not None and theirs.kind == before.kind and before.kind != "bin_data":
        assert ours is not None and ours.kind == before.kind and not named, report.warnings
        assert ours.packets == before.packets
    else:
        assert named or (ours is not None and ours.packets == before.packets), report.warnings
