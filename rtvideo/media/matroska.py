"""The header of a finished Matroska or WebM file (EBML, RFC 8794 and RFC 9559), completed where PyAV cannot.

FFmpeg's muxer takes the shape of pixels from a field of the stream that PyAV does not set.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import accumulate
from pathlib import Path

_SEEK_HEAD, _SEEK, _SEEK_POSITION = 0x114D9B74, 0x4DBB, 0x53AC
_TRACKS, _TRACK, _TRACK_NUMBER, _VIDEO = 0x1654AE6B, 0xAE, 0xD7, 0xE0
_DISPLAY_WIDTH, _DISPLAY_HEIGHT, _DISPLAY_UNIT = 0x54B0, 0x54BA, 0x54B2
_STEREO_MODE, _VOID, _CHECKSUM = 0x53B8, 0xEC, 0xBF

#: Kinds of stereo video with two pictures beside each other (or column by column), and on top of each other.
_SIDE_BY_SIDE, _ON_TOP = (1, 8, 9, 11), (2, 3, 6, 7)

#: DisplayUnit: the display size is a ratio, not a number of pixels.
_RATIO = 3

#: Bytes from the beginning in which the headers lie.
_HEAD = 1 << 20


@dataclass(frozen=True)
class _Element:
    """An element: its ID, its data, and the bytes that its size takes at least."""

    id: int
    data: bytes
    width: int = 1

    @property
    def children(self) -> list[_Element]:
        """The elements in it."""
        return list(_elements(self.data))

    @property
    def number(self) -> int:
        """Its value, where that is an unsigned number."""
        return int.from_bytes(self.data, "big")

    def holding(self, children: Sequence[_Element]) -> _Element:
        """Return the element with other children, and with their checksum if it has one."""
        if children[0].id == _CHECKSUM:
            checksum = zlib.crc32(b"".join(map(bytes, children[1:]))).to_bytes(4, "little")
            children = [replace(children[0], data=checksum), *children[1:]]
        return replace(self, data=b"".join(map(bytes, children)))

    def __bytes__(self) -> bytes:
        width = max(self.width, ((len(self.data) + 1).bit_length() + 6) // 7)
        return _bytes(self.id) + (1 << 7 * width | len(self.data)).to_bytes(width, "big") + self.data


def set_shape(path: Path, track: int, width: int, height: int, shape: Fraction) -> bool:
    """Say how players stretch the pictures of a video. Return whether the header has room for it.

    Args:
        path: of a finished file.
        track: number of the video's track, from 1.
        width, height: in pixels.
        shape: width of a pixel, its height being 1.
    """
    with path.open("r+b") as file:
        head = file.read(_HEAD)
        try:
            _, size, _, body = _header(head, 0)
            *_, place = _header(head, body + size)  # where the content of the segment begins
            before = _up_to_tracks(head[place:])
            wide, high, ratio = width * shape, Fraction(height), path.suffix != ".webm"
            after = _grown(before, _stretched(before[-1], track, wide, high, ratio=ratio))
        except (ValueError, IndexError):
            return False
        file.seek(place)
        file.write(b"".join(map(bytes, after)))
    return True


def _stretched(tracks: _Element, track: int, wide: Fraction, high: Fraction, *, ratio: bool) -> _Element:
    """Return the element of all tracks, with another display size of one.

    Args:
        wide, high: that size, in pixels.
        ratio: whether players know ratios, which are exact; some of WebM do not.
    """
    entries = tracks.children
    for place, entry in enumerate(entries):
        parts = entry.children if entry.id == _TRACK else []
        if any(part.id == _TRACK_NUMBER and part.number == track for part in parts):
            new = [_displayed(part, wide, high, ratio) if part.id == _VIDEO else part for part in parts]
            entries[place] = entry.holding(new)
            return tracks.holding(entries)
    raise ValueError("no such track")


def _displayed(video: _Element, wide: Fraction, high: Fraction, ratio: bool) -> _Element:
    children = video.children
    # Of two pictures in one frame the size is that of one.
    stereo = next((child.number for child in children if child.id == _STEREO_MODE), 0)
    wide, high = wide / (1 + (stereo in _SIDE_BY_SIDE)), high / (1 + (stereo in _ON_TOP))
    numbers = {_DISPLAY_WIDTH: max(1, round(wide)), _DISPLAY_HEIGHT: max(1, round(high))}
    if ratio and (wide.denominator > 1 or high.denominator > 1):
        exact = wide / high
        numbers = {_DISPLAY_WIDTH: exact.numerator, _DISPLAY_HEIGHT: exact.denominator, _DISPLAY_UNIT: _RATIO}
    old = (_DISPLAY_WIDTH, _DISPLAY_HEIGHT, _DISPLAY_UNIT)
    kept = [child for child in children if child.id not in old]
    return video.holding(kept + [_Element(id, _bytes(number)) for id, number in numbers.items()])


def _grown(before: Sequence[_Element], tracks: _Element) -> list[_Element]:
    """Return the elements of a header with another last one, so that all behind it stay at their places.

    It gets the room of padding before it. The elements between move, and so do their places in the index.
    """
    growth = len(bytes(tracks)) - len(bytes(before[-1]))
    ends = list(accumulate(len(bytes(element)) for element in before))
    padding = max((k for k, element in enumerate(before) if element.id == _VOID), default=None)
    if padding is None or len(before[padding].data) < growth:
        raise ValueError("no room")
    after = [*before[:-1], tracks]
    after[padding] = replace(before[padding], data=bytes(len(before[padding].data) - growth))
    moved = range(ends[padding], ends[-2] + 1)
    for place, element in enumerate(after):
        if element.id == _SEEK_HEAD:
            after[place] = element.holding([_moved(entry, moved, growth) for entry in element.children])
    return after


def _moved(entry: _Element, moved: range, distance: int) -> _Element:
    if entry.id != _SEEK:
        return entry
    return entry.holding(
        [
            replace(part, data=(part.number - distance).to_bytes(len(part.data), "big"))
            if part.id == _SEEK_POSITION and part.number in moved
            else part
            for part in entry.children
        ]
    )


def _up_to_tracks(data: bytes) -> list[_Element]:
    found = []
    for element in _elements(data):
        found.append(element)
        if element.id == _TRACKS:
            return found
    raise ValueError("no tracks")


def _elements(data: bytes) -> Iterator[_Element]:
    place = 0
    while place < len(data):
        id, size, width, place = _header(data, place)
        if place + size > len(data):
            raise ValueError("cut off")
        yield _Element(id, data[place : place + size], width)
        place += size


def _header(data: bytes, place: int) -> tuple[int, int, int, int]:
    """Return the ID of the element at a place, its size, the bytes of that, and where its data begins."""
    # Zeros before the first one of a number count its bytes.
    size = place + 9 - data[place].bit_length()
    width = 9 - data[size].bit_length()
    body = size + width
    if body > len(data) or width > 8:
        raise ValueError("damaged")
    number = int.from_bytes(data[size:body], "big") & ((1 << 7 * width) - 1)
    return int.from_bytes(data[place:size], "big"), number, width, body


def _bytes(number: int) -> bytes:
    return number.to_bytes((number.bit_length() + 7) // 8 or 1, "big")
