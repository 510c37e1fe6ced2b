"""Parts of an MP4 or MOV file that its output takes over, byte for byte, where it is MP4 or MOV, too."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from rtvideo.media.containers import MOV_FAMILY
from rtvideo.media.hdr import SIDE_DATA
from rtvideo.media.mp4.boxes import Box, extend_entry, number_of, parse
from rtvideo.media.mp4.keys import add_metadata
from rtvideo.media.mp4.parts import Part, parts_of
from rtvideo.media.reading import read_errors

#: Bytes that the index may grow by: it is in memory as a whole.
_IN_INDEX = 64 << 20

#: Bytes that are copied at once.
_PIECE = 1 << 20

#: Bytes of a list of sample entries before the boxes in the first one, which is of a video.
_ENTRY = 8 + 8 + 78

#: Boxes of which a place may hold several.
_MANY = (b"uuid", b"free", b"skip", b"meta")

#: Places outside the index.
_OUTSIDE = ("file", "gps", "tail")

#: Places whose boxes mean the same in another file.
_KEPT_PLACES = (*_OUTSIDE, "moov", "trak", "tref", "mdia", "udta", "video")


@dataclass
class Fitted:
    """What becomes of the parts of a file in an output.

    Attributes:
        kept: those that are taken over.
        lost: what messages call the others, each once.
        says: how FFmpeg calls those of both that are in its list of side data, too.
        marks: boxes that are made for what the input says of its picture in another way.
    """

    kept: list[Part] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    says: set[str] = field(default_factory=set)
    marks: bytes = b""

    def __bool__(self) -> bool:
        """Whether there is anything to take over."""
        return bool(self.kept or self.marks)


def fit(path: Path, container: str, tracks: Collection[int], *, marks: bool) -> Fitted:
    """Sort the parts of an MP4 or MOV file by what becomes of them.

    Args:
        container: FFmpeg's short name of the output's format.
        tracks: IDs of the tracks that the output has, too. (Others are named as streams.)
        marks: whether the pictures still are what marks such as ``sv3d`` say of them.

    Raises:
        InputError: the file cannot be read any more.
    """
    fitted, size = Fitted(), 0
    lost: list[str] = []
    with read_errors(path):
        parts = parts_of(path)
    for part in parts:
        if (part.track is not None and part.track not in tracks) or set(part.says) & {*SIDE_DATA}:
            continue  # what it says of light is written anew, see `rtvideo.media.mp4.marks.light_marks`
        fitted.says.update(part.says)
        if part.place not in _OUTSIDE:
            size += part.end - part.start
        if _is_kept(part, container, marks) and size <= _IN_INDEX:
            fitted.kept.append(part)
        elif not part.read and not (part.place == "values" and container in MOV_FAMILY):
            lost.append(part.title + f" ({part.reason})" * bool(part.reason))
    fitted.lost = counted(lost)
    return fitted


def _is_kept(part: Part, container: str, marks: bool) -> bool:
    if part.says or part.place == "video":
        return container in MOV_FAMILY and marks and bool(part.says)
    return container in MOV_FAMILY and not part.reason and part.place in _KEPT_PLACES


def counted(titles: Iterable[str]) -> list[str]:
    """Return each title once, with how often it is there."""
    counts = Counter(titles)
    return [title if count == 1 else f"{count} times {title}" for title, count in counts.items()]


class Copies:
    """Copies parts from one file to another, and adds marks.

    Attributes:
        changed: whether a part could not be read again as it was; then zeros stand in its place.
    """

    def __init__(self, path: Path, fitted: Fitted) -> None:
        """Open the file, which may be renamed or deleted from now on.

        Raises:
            InputError: it cannot be opened any more.
        """
        self.changed = False
        self._moved: dict[int, int] = {}
        with read_errors(path):
            self._parts, self._marks, self._file = fitted.kept, fitted.marks, path.open("rb")

    def insert(self, moov: Box, tracks: Mapping[int, Box], video: Box) -> None:
        """Add those of the index to a new one; blocks that it points to have been written.

        Args:
            tracks: IDs in the old file, and tracks in the new one.
            video: the track of the enhanced stream, which gets the marks.
        """
        extend_entry(video, self._marks)
        numbers = {
            old: number_of(header.data) for old, box in tracks.items() if (header := box.find(b"tkhd"))
        }
        written: dict[tuple[int | None, str], set[bytes]] = {}
        for part in self._parts:
            around = moov if part.track is None else tracks.get(part.track)
            if around is None or part.place in _OUTSIDE:
                continue
            place = part.track, part.place
            if place not in written:
                written[place] = _names_in(around, part.place)
            content = self._read(part.body, part.end - part.body)
            if part.place == "tref":
                content = _renumbered(content, numbers)
            elif part.name == b"gps ":
                content = _redirected(content, self._moved)
            free = part.name not in written[place] or (part.name in _MANY and not part.read)
            if free and (content or part.place != "tref"):
                _insert(Box(part.name, bytearray(content)), around, part)

    def write(self, file: BinaryIO, *places: str) -> None:
        """Write the parts of some places, ``file``, ``gps`` or ``tail``, where another file is."""
        for part in self._parts:
            if part.place in places:
                self._moved[part.start] = file.tell()
                for start in range(part.start, part.end, _PIECE):
                    file.write(self._read(start, min(_PIECE, part.end - start)))

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _read(self, start: int, size: int) -> bytes:
        data = b""
        # Hours of work on the video must not be lost for a part of the input.
        with contextlib.suppress(OSError):
            self._file.seek(start)
            data = self._file.read(size)
        self.changed |= len(data) < size
        return data.ljust(size, b"\0")


def _redirected(index: bytes, moved: Mapping[int, int]) -> bytes:
    """Return an index of blocks (offset and size of each, after eight bytes) with their new offsets."""
    changed = bytearray(index)
    for at in range(8, len(changed) - 7, 8):
        offset = moved.get(int.from_bytes(changed[at : at + 4], "big"), 0)
        changed[at : at + 4] = (offset if offset < 1 << 32 else 0).to_bytes(4, "big")
    return bytes(changed)


def _renumbered(references: bytes, numbers: Mapping[int, int]) -> bytes:
    """Return references to tracks by their numbers in the new file, without those of tracks that it lacks."""
    places = (references[at : at + 4] for at in range(0, len(references), 4))
    found = filter(None, (numbers.get(int.from_bytes(place, "big")) for place in places))
    return b"".join(number.to_bytes(4, "big") for number in found)


def _names_in(around: Box, place: str) -> set[bytes]:
    """Return the names of the boxes that the muxer wrote in a place of a track or of the whole index."""
    if place == "video":
        entries = around.find(b"mdia", b"minf", b"stbl", b"stsd")
        inside = b"" if entries is None else bytes(entries.data[_ENTRY:])
        return {box.name for box in parse(inside, nested=False)}
    parent = around if place in ("moov", "trak") else around.find(place.encode())
    if parent is None:
        return set()
    return {box.name for box in parent.boxes or parse(bytes(parent.data), nested=False)}


def _insert(box: Box, around: Box, part: Part) -> None:
    """Put the box of a part into its place in a track or in the whole index."""
    if part.place == "moov" and part.name == b"meta" and part.read:
        add_metadata(around, box)
    elif part.place == "video":
        extend_entry(around, bytes(box))
    elif part.place in ("moov", "trak"):
        around.boxes.append(box)
    else:
        name = part.place.encode()
        parent = around.find(name)
        if parent is None:
            around.boxes.append(parent := Box(name))
        if parent.boxes:
            parent.boxes.append(box)
        else:
            parent.data += bytes(box)
