"""MP4 files with boxes that FFmpeg does not write."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fractions import Fraction
from pathlib import Path

import av

from rtvideo.media.mp4.boxes import Box, parse, spans
from tests.helpers import clips

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


def with_data(path: Path, kind: bytes, packets: Iterable[bytes], description: bytes = b"") -> Path:
    """Write a clip with a track of data, four packets a second, as cameras write places and motion."""
    clips.write(path.with_name("plain.mp4"), audio=1)
    with av.open(str(path.with_name("plain.mp4"))) as plain, av.open(str(path), "w", format="mp4") as out:
        data = out.add_data_stream("bin_data")
        data.time_base = Fraction(1, 1000)
        copies = {s.index: out.add_stream_from_template(s, opaque=True) for s in plain.streams}
        for packet in plain.demux():
            if packet.size:
                packet.stream = copies[packet.stream_index]
                out.mux_one(packet)
        for number, content in enumerate(packets):
            packet = av.Packet(content)
            packet.pts = packet.dts = 250 * number
            packet.duration, packet.time_base, packet.stream = 250, Fraction(1, 1000), data
            out.mux_one(packet)
    written = path.read_bytes()
    start = written.index(b"moov") - 4
    moov = parse(written[start:])[0]
    for track in moov.boxes:
        entries = track.find(b"mdia", b"minf", b"stbl", b"stsd")
        if entries is not None and entries.data[12:16] == b"gpmd":
            entries.data[8:] = box(kind, bytes(6) + b"\0\1" + description)
    path.write_bytes(written[:start] + bytes(moov))
    return path
