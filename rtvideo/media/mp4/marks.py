"""Marks of a picture, made from a frame's side data, where the input is not MP4 or says them elsewhere."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator

import av
from av.sidedata.sidedata import Type as SideDataType

from rtvideo.media.hdr import ContentLight
from rtvideo.media.mp4.boxes import Box
from rtvideo.media.mp4.known import MARKS
from rtvideo.media.side_data import side_data_of

#: FFmpeg's kinds of stereo video that a box has a number for: side by side, and on top of each other.
_STEREO = {1: 2, 2: 1}


def marks_of(frame: av.VideoFrame) -> Iterator[tuple[str, bytes]]:
    """Yield how FFmpeg calls what a box of a sample entry says, and the box."""
    for kind, data in side_data_of(frame) or ():
        name, make = _BOXES.get(kind, (b"", None))
        content = None if make is None else make(data)
        if content is not None:
            yield MARKS[name], bytes(Box(name, bytearray(content)))


def light_marks(light: ContentLight) -> bytes:
    """Return the boxes ``mdcv`` and ``clli``, as far as there is something to say."""
    boxes = b""
    if light.display is not None:
        *chroma, brightest, darkest = light.display
        red, green, blue, white = (chroma[k : k + 2] for k in (0, 2, 4, 6))
        places = [_within(50_000 * value, 16) for value in (*green, *blue, *red, *white)]
        luminance = [_within(10_000 * value, 32) for value in (brightest, darkest)]
        boxes += bytes(Box(b"mdcv", bytearray(struct.pack(">8H2I", *places, *luminance))))
    if light.largest is not None:
        levels = [_within(level, 16) for level in (light.largest, light.average or 0)]
        boxes += bytes(Box(b"clli", bytearray(struct.pack(">2H", *levels))))
    return boxes


def _stereo(data: bytes) -> bytes | None:
    """Return what Google's spherical video calls ``st3d``, of FFmpeg's AVStereo3D."""
    kind, flags = struct.unpack_from("=iI", data)
    inverted = flags & 1  # the right eye's picture comes first, which no number says
    return bytes([0, 0, 0, 0, _STEREO[kind]]) if kind in _STEREO and not inverted else None


def _spherical(data: bytes) -> bytes | None:
    """Return ``sv3d``, of FFmpeg's AVSphericalMapping."""
    kind, *pose, left, top, right, bottom, padding = struct.unpack_from("=i3i4II", data)
    if kind in (0, 2):
        projection = Box(b"equi", bytearray(struct.pack(">5I", 0, top, bottom, left, right)))
    elif kind == 1:
        projection = Box(b"cbmp", bytearray(struct.pack(">3I", 0, 0, padding)))
    else:
        return None
    head = Box(b"prhd", bytearray(struct.pack(">I3i", 0, *pose)))
    source = Box(b"svhd", bytearray(bytes(4) + b"rtvideo\0"))
    return bytes(source) + bytes(Box(b"proj", boxes=[head, projection]))


def _within(value: float, bits: int) -> int:
    return max(0, min(round(value), (1 << bits) - 1))


_BOXES: dict[SideDataType, tuple[bytes, Callable[[bytes], bytes | None]]] = {
    SideDataType.STEREO3D: (b"st3d", _stereo),
    SideDataType.SPHERICAL: (b"sv3d", _spherical),
}
