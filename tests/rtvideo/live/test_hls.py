"""HLS: segments of even length, which no other list and no other file shares."""

from __future__ import annotations

import re
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import pytest

from rtvideo.errors import UsageError
from rtvideo.options import Options
from tests.helpers.servers import pictures
from tests.rtvideo.live.test_job import CAMERA, LAVFI, decoded, live, numbered

pytestmark = pytest.mark.timeout(60)


@pytest.mark.slow
def test_lists_of_similar_names_share_no_segment(tmp_path: Path) -> None:
    source = str(numbered(tmp_path / "in.mkv", 560))
    names = ["cam.m3u8", "cam1.m3u8", "cam1_1.m3u8", "100%d.m3u8"]
    live(source, *(tmp_path / name for name in names), options=Options(preset="ultrafast"))
    segments = [re.findall(r"^[^#].*$", (tmp_path / name).read_text(), re.MULTILINE) for name in names]
    assert all(len(of_one) > 10 for of_one in segments)
    assert len({segment for of_one in segments for segment in of_one}) == sum(map(len, segments))
    assert all(len(decoded(tmp_path / name)) == 560 for name in names)


def test_a_segment_that_exists_is_not_overwritten(tmp_path: Path) -> None:
    there = tmp_path / "cam_0.ts"
    there.write_bytes(b"mine")
    with pytest.raises(UsageError, match=r"cam_0\.ts: a segment that exists already; --overwrite"):
        live(CAMERA, tmp_path / "cam.m3u8", how=LAVFI, frames=3)
    assert there.read_bytes() == b"mine"
    live(CAMERA, tmp_path / "cam.m3u8", how=LAVFI, frames=3, options=Options(overwrite=True))
    assert len(decoded(tmp_path / "cam.m3u8")) > 0


def keys(path: Path) -> Iterator[float]:
    """Yield the times of key frames."""
    with av.open(str(path)) as file:
        for packet in file.demux(video=0):
            if packet.is_keyframe and packet.pts is not None:
                yield float(packet.pts * packet.time_base)


@pytest.mark.parametrize("codec", ["libx264", "libx265"])
def test_key_frames_come_by_time_when_the_camera_slows_down(tmp_path: Path, codec: str) -> None:
    """As a camera does in the dark: thirty frames a second are declared, and two come."""
    with av.open(str(tmp_path / "in.mkv"), "w") as out:
        stream = out.add_stream("ffv1", rate=30)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for index, frame in zip(range(31), pictures(), strict=False):
            frame.pts, frame.time_base = 15 * index, Fraction(1, 30)
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    live(str(tmp_path / "in.mkv"), tmp_path / "out.m3u8", options=Options(codec=codec))
    found = list(keys(tmp_path / "out.m3u8"))
    assert [time - found[0] for time in found] == pytest.approx([0, 2, 4, 6, 8, 10, 12, 14], abs=0.01)
    lengths = re.findall(r"#EXTINF:([\d.]+)", (tmp_path / "out.m3u8").read_text())
    assert [float(length) for length in lengths[:-1]] == pytest.approx([2] * 7, abs=0.01)
