from __future__ import annotations

import io
import json
from fractions import Fraction

import av
import numpy as np
import pytest
from PIL import Image

from rtvideo.media.tags import Tags
from rtvideo.viewers.web.encoder import H264, LARGEST, Jpeg, SideBySide
from rtvideo.viewers.web.fragments import codec_name, fragment
from tests.helpers import clips
from tests.rtvideo.viewers.web.frames import halves, pair, yuv


def encode(count: int, keys: tuple[int, ...] = ()) -> tuple[bytes, list[bool]]:
    compose, encoder, data, found = SideBySide(), None, b"", []
    for index in range(count):
        wide = compose(*pair(index))
        encoder = encoder or H264(wide)
        (chunk,) = encoder.encode(wide, key=index in keys)
        compose.release(wide)
        data = (data or chunk.stream.header) + chunk.data
        found.append(chunk.key)
    return data, found


def units(data: bytes) -> list[int]:
    """Return the types of the NAL units in a fragment."""
    place, types = data.index(b"mdat") + 4, []
    while place < len(data):
        types.append(data[place + 4] & 31)
        place += 4 + int.from_bytes(data[place : place + 4], "big")
    return types


def test_each_frame_gives_a_fragment_at_once_and_players_read_them() -> None:
    data, keys = encode(8, keys=(5,))
    assert [index for index, key in enumerate(keys) if key] == [0, 5]
    with av.open(io.BytesIO(data)) as container:
        packets = [packet for packet in container.demux(video=0) if packet.size]
        assert [packet.is_keyframe for packet in packets] == keys
        # Browsers stop at gaps between the end of one frame and the beginning of the next.
        ends = [packet.pts + packet.duration for packet in packets]
        assert [packet.pts for packet in packets] == [0, *ends[:-1]]
        assert packets[0].time_base == Fraction(1, 1000)
    with av.open(io.BytesIO(data)) as container:
        frames = list(container.decode(video=0))
    assert len(frames) == 8 and (frames[0].width, frames[0].height) == (128, 48)
    for index, frame in enumerate(frames):
        dark, lit = halves(frame)
        want_dark, want_lit = (clips.planes(f)[0].mean() for f in pair(index))
        assert abs(dark - want_dark) < 3 and abs(lit - want_lit) < 3


def test_times_follow_the_clock_without_gaps_and_without_the_hours_when_nobody_looked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = iter([50.0, 50.04, 50.04, 50.1, 3650.1, 3650.14])
    monkeypatch.setattr("rtvideo.viewers.web.encoder.time.monotonic", lambda: next(clock))
    data, _ = encode(6)
    monkeypatch.undo()
    with av.open(io.BytesIO(data)) as container:
        packets = [packet for packet in container.demux(video=0) if packet.size]
    assert [packet.duration for packet in packets] == [33, 40, 1, 60, 1000, 40]
    assert [packet.pts for packet in packets] == [0, 33, 73, 74, 134, 1134]


def test_the_stream_begins_at_any_picture_that_stands_by_itself() -> None:
    compose = SideBySide()
    encoder = H264(compose(*pair(0)))
    chunks = [encoder.encode(compose(*pair(index)), key=index == 3)[0] for index in range(6)]
    # Browsers begin at an IDR picture (NAL unit type 5); other decoders are less strict.
    assert [5 in units(chunk.data) for chunk in chunks] == [True, False, False, True, False, False]
    late = io.BytesIO(chunks[0].stream.header + b"".join(chunk.data for chunk in chunks[3:]))
    with av.open(late) as container:
        assert len(list(container.decode(video=0))) == 3


def test_the_page_is_told_profile_level_and_size() -> None:
    wide = SideBySide()(*pair(0))
    (chunk,) = H264(wide).encode(wide, key=False)
    told = json.loads(chunk.stream.description)
    with av.open(io.BytesIO(chunk.stream.header + chunk.data)) as container:
        extradata = container.streams.video[0].codec_context.extradata
    # Of avcC (ISO/IEC 14496-15): version, then profile, compatibility and level.
    assert told["mime"] == f'video/mp4; codecs="avc1.{extradata[1:4].hex()}"'
    assert (told["width"], told["height"]) == (64, 48)


def test_boxes_hold_exactly_the_frame() -> None:
    made = fragment(3, 70, 40, b"\0\0\0\1ab\0\0\1cde", key=True)
    size = int.from_bytes(made[:4], "big")
    assert made[4:8] == b"moof" and made[size + 4 : size + 8] == b"mdat"
    assert made[size + 8 :] == b"\0\0\0\2ab\0\0\0\3cde"
    assert int.from_bytes(made[size : size + 4], "big") == len(made) - size
    assert codec_name(b"\0\0\0\1\x67\x42\xc0\x1e\0\0\1\x68") == "avc1.42c01e"


@pytest.mark.slow
@pytest.mark.parametrize("pix_fmt", ["yuv420p", "nv12", "yuv422p10le", "rgb24", "gray"])
@pytest.mark.parametrize("size", [(66, 50), (65, 49), (2000, 200), (1, 1)])
def test_any_frame_becomes_one_that_browsers_play(pix_fmt: str, size: tuple[int, int]) -> None:
    width, height = size
    dark, lit = (np.full((height, width, 3), level, np.uint8) for level in (40, 160))
    wide = SideBySide()(yuv(dark, pix_fmt), yuv(lit, pix_fmt))
    assert wide.format.name == "yuv420p" and wide.width % 4 == 0 and wide.height % 2 == 0
    assert wide.width <= 2 * LARGEST[0] and wide.height <= LARGEST[1]
    tags = Tags.of(wide)
    assert (tags.matrix, tags.range) == (1, 1)
    for found, level in zip(halves(wide), (40, 160), strict=True):
        assert abs(found - (16 + level * 219 / 255)) < 3


def test_full_range_becomes_limited_and_the_matrix_stays() -> None:
    frame = yuv(np.full((48, 64, 3), 160, np.uint8)).reformat(
        src_color_range=1, dst_color_range=2, src_colorspace=5, dst_colorspace=5
    )
    frame.colorspace, frame.color_range = 5, 2
    wide = SideBySide()(frame, frame)
    assert int(wide.colorspace) == 5
    assert abs(next(halves(wide)) - (16 + 160 * 219 / 255)) < 3


def test_jpeg_shows_the_same() -> None:
    wide = SideBySide()(*pair(2))
    (chunk,) = Jpeg(wide).encode(wide, key=False)
    assert chunk.key and json.loads(chunk.stream.description)["mime"] == "image/jpeg"
    pixels = np.asarray(Image.open(io.BytesIO(chunk.data))).astype(float)
    dark = clips.picture(2, 64, 48)
    assert pixels.shape == (48, 128, 3)
    assert abs(pixels[:, :64].mean() - dark.mean()) < 4
    assert abs(pixels[:, 64:].mean() - np.clip(dark * 3.0, 0, 255).mean()) < 4
