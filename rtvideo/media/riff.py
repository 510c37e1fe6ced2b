"""The parts of an AVI file (RIFF) that FFmpeg does not read: data of camera makers, XMP, what nobody knows.

They are listed to be named: no other container has a place for them, and the muxer of AVI writes none.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import BinaryIO

from rtvideo.media.reading import is_blank, read, read_errors

#: Chunks in a list that are looked at, at most: a file may be made of nothing else.
_MOST = 1 << 20

#: Names in each list that FFmpeg reads, or that are an index. Those of INFO all become metadata.
_ORDINARY = {
    b"AVI ": b"hdrl INFO movi ncdt idx1",
    b"AVIX": b"movi idx1",
    b"hdrl": b"avih strl odml IDIT ISMP",
    b"strl": b"strh strf strn indx vprp",
}

#: What messages call chunks that have a name among people.
_NAMES = {b"_PMX": "XMP", b"JUNK": "data in padding (JUNK)", b"strd": "data of the camera's maker (strd)"}

#: How chunks begin that FFmpeg reads, and those that muxers leave as room for an index.
_READ = {b"strd": (b"AVIF",), b"JUNK": (b"odml", b"\4\0\0\0")}


@dataclass(frozen=True)
class _Chunk:
    """A chunk or list: its name (of a list its type), and the offsets of its content and of its end."""

    name: bytes
    body: int
    end: int


def unread_parts(path: Path) -> list[str]:
    """Return what messages call the parts of an AVI file that FFmpeg does not read, in their order.

    Raises:
        InputError: it cannot be read any more.
    """
    with read_errors(path), path.open("rb") as file:
        length, known = file.seek(0, os.SEEK_END), 0
        found: list[str] = []
        for chunk in islice(_chunks(file, 0, length), _MOST):
            if chunk.name not in (b"AVI ", b"AVIX"):
                break
            found += islice(_unread(file, chunk), _MOST)
            known = chunk.end
        if known < length and not is_blank(file, known, length):
            found.append(f"data of {length - known} bytes behind the end")
        return found


def _unread(file: BinaryIO, around: _Chunk) -> Iterator[str]:
    for chunk in islice(_chunks(file, around.body, around.end), _MOST):
        if chunk.name in _ORDINARY:
            yield from _unread(file, chunk)
        elif not _is_read(file, chunk) and chunk.name not in _ORDINARY[around.name].split():
            shown = chunk.name.decode("latin-1")
            shown = repr(shown) if shown.isascii() and shown.isprintable() else chunk.name.hex()
            yield _NAMES.get(chunk.name, f"chunk {shown}")


def _is_read(file: BinaryIO, chunk: _Chunk) -> bool:
    if chunk.name == b"JUNK" and is_blank(file, chunk.body, chunk.end):
        return True
    return read(file, chunk.body, 4) in _READ.get(chunk.name, ())


def _chunks(file: BinaryIO, start: int, end: int) -> Iterator[_Chunk]:
    """Yield the chunks between two offsets, up to the first damaged one."""
    while start + 8 <= end:
        name, size = read(file, start, 4), int.from_bytes(read(file, start + 4, 4), "little")
        body, stop = start + 8, start + 8 + size
        if name == b"RIFF" and (size == 0 or stop > end):  # its writer was cut off
            stop = end
        if name in (b"RIFF", b"LIST"):
            name, body = read(file, body, 4), body + 4
        if not any(name) or stop > end or body > stop:
            return
        yield _Chunk(name, body, stop)
        start = stop + stop % 2
