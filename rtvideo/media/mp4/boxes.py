"""Boxes: where they lie in a file, and small ones in memory."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import BinaryIO

from rtvideo.media.reading import read

#: Boxes in a box that are looked at, at most: a file may be made of nothing else.
MOST = 1 << 20

#: Boxes of boxes, on the path to those that are changed in memory.
_NESTED = (b"moov", b"trak", b"edts", b"mdia", b"minf", b"stbl")


@dataclass(frozen=True)
class Span:
    """Where a box lies in a file.

    Attributes:
        name: its four bytes.
        start, body, end: offsets of its header, of its content, and of what follows it.
    """

    name: bytes
    start: int
    body: int
    end: int


def spans(file: BinaryIO, start: int = 0, end: int | None = None) -> Iterator[Span]:
    """Yield the boxes between two offsets, up to the first damaged header.

    The last one may reach beyond ``end``, by default the end of the file: then it is cut off.
    """
    end = file.seek(0, os.SEEK_END) if end is None else end
    while start + 8 <= end:
        file.seek(start)
        head = file.read(16)
        size, body = int.from_bytes(head[:4], "big"), start + 8
        if size == 1 and len(head) == 16:
            size, body = int.from_bytes(head[8:], "big"), start + 16
        elif size == 0:  # up to the end
            size = end - start
        if size < body - start:
            return
        yield Span(head[4:8], start, body, start + size)
        start += size


def children(file: BinaryIO, around: Span | None, name: bytes) -> Iterator[Span]:
    """Yield the whole boxes of a name directly in another, or in the file."""
    start, end = (0, None) if around is None else (around.body, around.end)
    for span in islice(spans(file, start, end), MOST):
        if span.name == name and (end is None or span.end <= end):
            yield span


def track_id(file: BinaryIO, trak: Span) -> int | None:
    """Return the number by which a file calls a track."""
    header = next(children(file, trak, b"tkhd"), None)
    return None if header is None else number_of(read(file, header.body, 24))


def number_of(track_header: bytes | bytearray) -> int:
    """Return the number of a track from the content of its header."""
    place = 20 if track_header[:1] == b"\1" else 12
    return int.from_bytes(track_header[place : place + 4], "big")


def handler_of(file: BinaryIO, media: Span) -> bytes:
    """Return which kind of media or metadata a box is of, such as ``vide``."""
    handler = next(children(file, media, b"hdlr"), None)
    return b"" if handler is None else read(file, handler.body + 8, 4)


@dataclass
class Box:
    """A box in memory: its name, and either its data or the boxes in it."""

    name: bytes
    data: bytearray = field(default_factory=bytearray)
    boxes: list[Box] = field(default_factory=list)

    def find(self, *names: bytes) -> Box | None:
        """Return the first box on a path of names."""
        box = next((box for box in self.boxes if box.name == names[0]), None)
        return box if box is None or len(names) == 1 else box.find(*names[1:])

    def __bytes__(self) -> bytes:
        content = b"".join(map(bytes, self.boxes)) if self.boxes else bytes(self.data)
        return (8 + len(content)).to_bytes(4, "big") + self.name + content


def parse(data: bytes, *, nested: bool = True) -> list[Box]:
    """Return the boxes of ``data`` up to the first damaged one.

    Args:
        nested: whether to look into boxes of boxes. What comes from an input may be nested without end.
    """
    found, place = [], 0
    while place + 8 <= len(data):
        size, name = int.from_bytes(data[place : place + 4], "big"), data[place + 4 : place + 8]
        if size < 8:
            break
        content = data[place + 8 : place + size]
        inside = parse(content) if nested and name in _NESTED else []
        found.append(Box(name, bytearray() if inside else bytearray(content), inside))
        place += size
    return found


def extend_entry(track: Box, data: bytes) -> None:
    """Append boxes to the first sample entry of a track."""
    table = track.find(b"mdia", b"minf", b"stbl", b"stsd")
    if table is not None:
        size = int.from_bytes(table.data[8:12], "big")
        table.data[8 + size : 8 + size] = data
        table.data[8:12] = (size + len(data)).to_bytes(4, "big")
