"""The index of a finished MP4 or MOV file (boxes of ISO/IEC 14496-12), completed where FFmpeg cannot."""

from __future__ import annotations

import io
import math
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import BinaryIO, Literal

import av

#: Boxes of boxes, on the path to those that are changed here.
_NESTED = (b"moov", b"trak", b"edts", b"mdia", b"minf", b"stbl")

#: What becomes of a stream of the output: a track, a track of the separate texts, or a cover picture.
TrackKind = Literal["track", "text", "cover"]


class TextTracks:
    """The text subtitles of a file, written to a file in memory until `complete` joins the two.

    Attributes:
        container: takes their streams and packets.
    """

    def __init__(self, format: str, timescale: str) -> None:
        """Open the file in memory.

        Args:
            format: FFmpeg's short name, one of the MOV family.
            timescale: ticks a second of the other file.
        """
        self._file = io.BytesIO()
        options = {"movie_timescale": timescale}
        self.container = av.open(self._file, "w", format=format, container_options=options)

    def finish(self) -> bytes:
        """Return the whole file."""
        self.container.start_encoding()
        self.container.close()
        return self._file.getvalue()


@dataclass
class Box:
    """One box: its name, and either its data or the boxes in it."""

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


def complete(path: Path, kinds: Sequence[TrackKind], texts: bytes, video: int, length: Fraction) -> None:
    """Add text tracks to a finished file, remove those of cover pictures, and correct the video's length.

    FFmpeg's fragments fill the gaps between texts wrongly, so texts come from a file in memory. FFmpeg also
    writes an empty track for a cover picture, which belongs in the metadata only. And it ends the video with
    the last fragment, even if frames of the one before are shown after it.

    The file has an index at every moment: the new one is appended before the old one is removed.

    Args:
        path: of a file with its index at the end.
        kinds: of the streams, in order. Further tracks (time code, chapters) stay at the end.
        texts: the data of `TextTracks.finish`; empty if there are none.
        video: number of the enhanced stream.
        length: seconds from its first frame to the end of its last one.
    """
    with path.open("r+b") as file:
        place, old = _index(file)
        moov = parse(old)[0]
        tracks = [box for box in moov.boxes if box.name == b"trak"]
        written = sum(kind != "text" for kind in kinds[:video])
        if not _lengthen(moov, tracks[written], length) and set(kinds) == {"track"}:
            return
        end = file.seek(0, os.SEEK_END)
        payload, apart = _text_samples(texts, end + 8)
        _arrange(moov, kinds, apart)
        file.write(bytes(Box(b"mdat", payload)) + bytes(moov))
        file.flush()
        os.fsync(file.fileno())
        file.seek(place + 4)
        file.write(b"free")


def drop_torn_fragment(path: Path) -> None:
    """Cut off a header at the end that is incomplete: FFmpeg would not open the file."""
    with path.open("r+b") as file:
        end = file.seek(0, os.SEEK_END)
        for name, place, size in _outline(file):
            if place + size > end and name != b"mdat":
                file.truncate(place)


def _text_samples(texts: bytes, place: int) -> tuple[bytearray, list[Box]]:
    """Return the samples of the text file, and its tracks with offsets for samples at ``place``."""
    payload, tracks, before = bytearray(), [], 0
    for name, start, _ in _outline(io.BytesIO(texts)):
        if name == b"mdat":
            before = start + 8
    for box in parse(texts):
        if box.name == b"mdat":
            payload = box.data
        elif box.name == b"moov":
            tracks = [track for track in box.boxes if track.name == b"trak"]
    for track in tracks:
        _move(track, place - before)
    return payload, tracks


def _index(file: BinaryIO) -> tuple[int, bytes]:
    for name, place, size in _outline(file):
        if name == b"moov":
            file.seek(place)
            return place, file.read(size)
    raise ValueError("a finished file has an index")


def _outline(file: BinaryIO) -> Iterator[tuple[bytes, int, int]]:
    place, end = 0, file.seek(0, os.SEEK_END)
    while place < end:
        file.seek(place)
        head = file.read(16)
        size = int.from_bytes(head[:4], "big")
        if size == 1:
            size = int.from_bytes(head[8:], "big")
        yield head[4:8], place, size
        place += max(8, size)


def _arrange(moov: Box, kinds: Sequence[TrackKind], apart: Sequence[Box]) -> None:
    tracks = iter([box for box in moov.boxes if box.name == b"trak"])
    texts = iter(apart)
    header = moov.find(b"mvhd")
    assert header is not None
    arranged = []
    for kind in kinds:
        track = next(texts if kind == "text" else tracks, None)
        if track is not None and kind == "text":
            _enlist(track, header)
        if track is not None and kind != "cover":
            arranged.append(track)
    arranged += tracks
    first = next(place for place, box in enumerate(moov.boxes) if box.name == b"trak")
    others = [box for box in moov.boxes if box.name != b"trak"]
    moov.boxes = others[:first] + arranged + others[first:]


def _enlist(track: Box, header: Box) -> None:
    """Give a track the next free number, and make the movie at least as long as the track."""
    track_header = track.find(b"tkhd")
    assert track_header is not None
    number = header.data[-4:]
    header.data[-4:] = (int.from_bytes(number, "big") + 1).to_bytes(4, "big")
    place = 20 if track_header.data[0] else 12
    track_header.data[place : place + 4] = number
    lasts = _number(track_header, 28, 20)
    if header.data[0] == 0 and lasts > _number(header, 24, 16):
        _set_number(header, 24, 16, lasts)


def _lengthen(moov: Box, track: Box, length: Fraction) -> bool:
    """Let a track be shown for ``length`` seconds. Return whether it was shorter."""
    movie, header, media = moov.find(b"mvhd"), track.find(b"tkhd"), track.find(b"mdia", b"mdhd")
    edits = track.find(b"edts", b"elst")
    if movie is None or header is None or media is None or edits is None:
        return False
    count = int.from_bytes(edits.data[4:8], "big")
    last_edit = 8 + 20 * (count - 1), 8 + 12 * (count - 1)
    missing = math.floor(length * _timescale(movie)) - _number(edits, *last_edit)
    if missing <= 0:
        return False
    _set_number(edits, *last_edit, _number(edits, *last_edit) + missing)
    _set_number(header, 28, 20, _number(header, 28, 20) + missing)
    _set_number(movie, 24, 16, max(_number(movie, 24, 16), _number(header, 28, 20)))
    in_media = round(Fraction(missing * _timescale(media), _timescale(movie)))
    _set_number(media, 24, 16, _number(media, 24, 16) + in_media)
    return True


def _timescale(header: Box) -> int:
    """Return the ticks a second of a movie or media header."""
    place = 20 if header.data[0] else 12
    return int.from_bytes(header.data[place : place + 4], "big")


def _number(box: Box, place64: int, place32: int) -> int:
    """Return a number whose place and size depend on the version of a box."""
    place, size = (place64, 8) if box.data[0] else (place32, 4)
    return int.from_bytes(box.data[place : place + size], "big")


def _set_number(box: Box, place64: int, place32: int, value: int) -> None:
    place, size = (place64, 8) if box.data[0] else (place32, 4)
    box.data[place : place + size] = value.to_bytes(size, "big")


def _move(track: Box, distance: int) -> None:
    """Add ``distance`` to the chunk offsets of a track, and store them in 64 bits."""
    table = track.find(b"mdia", b"minf", b"stbl")
    assert table is not None
    for box in table.boxes:
        if box.name in (b"stco", b"co64"):
            width = 4 if box.name == b"stco" else 8
            places = [box.data[at : at + width] for at in range(8, len(box.data), width)]
            moved = [(int.from_bytes(place, "big") + distance).to_bytes(8, "big") for place in places]
            box.name, box.data = b"co64", box.data[:8] + b"".join(moved)
