"""The box structure of MP4 and MOV files (ISO/IEC 14496-12), as far as a finished file must be put right."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO


def hide_empty_pictures(path: Path) -> None:
    """Take video tracks without a sample out of the index of a complete file.

    A muxer of fragments, which cannot know what will come, gives a cover picture a track besides its place in
    the metadata. Renamed to ``free`` readers pass it over, and nothing moves.
    """
    with path.open("r+b") as file:
        end = file.seek(0, 2)
        for name, start, stop in _boxes(file, 0, end):
            if name != b"moov":
                continue
            for inner, begin, close in list(_boxes(file, start, stop)):
                if inner == b"trak" and _is_empty_picture(file, begin, close):
                    file.seek(begin - 4)
                    file.write(b"free")


def _is_empty_picture(file: BinaryIO, start: int, stop: int) -> bool:
    found = dict(_leaves(file, start, stop))
    if not {b"hdlr", b"stsz"} <= set(found):
        return False
    # Both begin with version and flags; then a predefined word and the handler, or one size and the count.
    return _word(file, found[b"hdlr"] + 8) == b"vide" and _word(file, found[b"stsz"] + 8) == bytes(4)


def _leaves(file: BinaryIO, start: int, stop: int) -> Iterator[tuple[bytes, int]]:
    for name, begin, close in _boxes(file, start, stop):
        if name in (b"mdia", b"minf", b"stbl"):
            yield from _leaves(file, begin, close)
        elif name == b"stsz" or (name == b"hdlr" and _word(file, begin + 4) != b"dhlr"):
            yield name, begin  # a MOV has a second handler, of its data


def _boxes(file: BinaryIO, start: int, stop: int) -> Iterator[tuple[bytes, int, int]]:
    """Yield name, first byte and end of what each box in a range holds."""
    while start + 8 <= stop:
        file.seek(start)
        head = file.read(16)
        size, body = int.from_bytes(head[:4], "big"), start + 8
        if size == 1:
            size, body = int.from_bytes(head[8:16], "big"), start + 16
        end = start + size if size else stop
        if not body <= end <= stop:
            return
        yield head[4:8], body, end
        start = end


def _word(file: BinaryIO, place: int) -> bytes:
    file.seek(place)
    return file.read(4)
