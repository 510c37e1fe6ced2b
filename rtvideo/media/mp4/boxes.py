"""Boxes: where they lie in a file, and small ones in memory."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

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


def parse(data: bytes) -> list[Box]:
    """Return the boxes of ``data`` up to the first damaged one."""
    found, place = [], 0
    while place + 8 <= len(data):
        size, name = int.from_bytes(data[place : place + 4], "big"), data[place + 4 : place + 8]
        if size < 8:
            break
        content = data[place + 8 : place + size]
        nested = parse(content) if name in _NESTED else []
        found.append(Box(name, bytearray(b"" if nested else content), nested))
        place += size
    return found
