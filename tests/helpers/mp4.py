"""MP4 files with boxes that FFmpeg does not write."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from rtvideo.media.mp4.boxes import Box, parse, spans

#: A place in a file, in the words of `rtvideo.media.mp4.parts`, and whether it is in the first track.
Place = tuple[str, bool]


def box(name: bytes, content: bytes, *, large: bool = False) -> bytes:
    """Return a box; with ``large`` its size has 64 bits."""
    if large:
        return (1).to_bytes(4, "big") + name + (16 + len(content)).to_bytes(8, "big") + content
    return (8 + len(content)).to_bytes(4, "big") + name + content


def add(path: Path, boxes: Iterable[tuple[Place, bytes]]) -> Path:
    """Add boxes to a file, in place. The index moves to the end, so that all offsets stay right."""
    data = path.read_bytes()
    with path.open("rb") as file:
        old = next(span for span in spans(file) if span.name == b"moov")
    moov = parse(data[old.start : old.end])[0]
    front, tail = b"", b""
    for (place, in_track), added in boxes:
        around = next(b for b in moov.boxes if b.name == b"trak") if in_track else moov
        if place == "file":
            front += added
        elif place == "tail":
            tail += added
        elif place == "video":
            entries = around.find(b"mdia", b"minf", b"stbl", b"stsd")
            assert entries is not None
            size = int.from_bytes(entries.data[8:12], "big") + len(added)
            entries.data += added
            entries.data[8:12] = size.to_bytes(4, "big")
        else:
            _around(around, place).boxes.append(_Raw(added))
    free = box(b"free", bytes(old.end - old.start - 8))
    path.write_bytes(data[: old.start] + free + data[old.end :] + front + bytes(moov) + tail)
    return path


def top_level(path: Path) -> Mapping[bytes, bytes]:
    """Return the boxes of a file by name, whole."""
    data = path.read_bytes()
    with path.open("rb") as file:
        return {span.name: data[span.start : span.end] for span in spans(file)}


def _around(box: Box, place: str) -> Box:
    """Return the box of a place; user data is made if there is none."""
    names = {"udta": (b"udta",), "mdia": (b"mdia",), "minf": (b"mdia", b"minf"), "moov": (), "trak": ()}[
        place
    ]
    found = box.find(*names) if names else box
    if found is None:
        box.boxes.append(found := Box(b"udta"))
    if found.data:
        found.boxes, found.data = [_Raw(bytes(found.data))], bytearray()
    return found


class _Raw(Box):
    """Bytes that stand for a box, whatever they are."""

    def __init__(self, data: bytes) -> None:
        super().__init__(b"", bytearray(data))

    def __bytes__(self) -> bytes:
        return bytes(self.data)
