"""The index of a finished MP4 or MOV file, completed where FFmpeg cannot."""

from __future__ import annotations

import io
import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import BinaryIO, Literal

import av

from rtvideo.media.mp4.boxes import Box, parse, spans
from rtvideo.media.mp4.copies import Copies
from rtvideo.media.mp4.descriptions import Description, describe

#: What becomes of a stream of the output: a track, a track of the separate texts, or a cover picture.
TrackKind = Literal["track", "text", "cover"]


@dataclass(frozen=True)
class OutputTrack:
    """A stream of the output.

    Attributes:
        kind: what becomes of it.
        source: ID of the stream that it was in the input.
        description: of data that the muxer could not describe.
    """

    kind: TrackKind
    source: int
    description: Description | None = None


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


def complete(
    path: Path,
    tracks: Sequence[OutputTrack],
    texts: bytes,
    video: int,
    length: Fraction,
    *,
    shape: Fraction = Fraction(1),
    copies: Copies | None = None,
) -> None:
    """Add text tracks to a finished file, remove those of cover pictures, and correct the video's length.

    FFmpeg's fragments fill the gaps between texts wrongly, so texts come from a file in memory. FFmpeg also
    writes an empty track for a cover picture, which belongs in the metadata only. And it ends the video with
    the last fragment, even if frames of the one before are shown after it. PyAV does not tell it the shape of
    pixels, which it writes into the track's header in MP4 beside that of the video.

    The file has an index at every moment: the new one is appended before the old one is removed.

    Args:
        path: of a file with its index at the end.
        tracks: the streams, in order. Further tracks (time code, chapters) stay at the end.
        texts: the data of `TextTracks.finish`; empty if there are none.
        video: number of the enhanced stream.
        length: seconds from its first frame to the end of its last one.
        shape: width of a pixel of the enhanced stream, its height being 1, where it is in the track's header.
        copies: what the file takes over from the input.
    """
    with path.open("r+b") as file:
        place, old = _index(file)
        moov = parse(old)[0]
        written = [box for box in moov.boxes if box.name == b"trak"]
        number = sum(track.kind != "text" for track in tracks[:video])
        longer = _lengthen(moov, written[number], length)
        plain = all(track.kind == "track" and track.description is None for track in tracks)
        if plain and not longer and copies is None and shape == 1:
            return
        _stretch(written[number], shape)
        end = file.seek(0, os.SEEK_END)
        payload, apart = _text_samples(texts, end + 8)
        boxes = _arrange(moov, [track.kind for track in tracks], apart)
        for track, box in zip(tracks, boxes, strict=True):
            if track.description is not None and box is not None:
                describe(box, track.description)
        if payload:
            file.write(bytes(Box(b"mdat", payload)))
        if copies is not None:
            sources = [track.source for track in tracks]
            copies.write(file, "file", "gps")
            known = {id: box for id, box in zip(sources, boxes, strict=True) if box}
            copies.insert(moov, known, written[number])
        file.write(bytes(moov))
        if copies is not None:
            copies.write(file, "tail")
        file.flush()
        os.fsync(file.fileno())
        file.seek(place + 4)
        file.write(b"free".ljust(len(old) - 4, b"\0"))


def drop_torn_fragment(path: Path) -> None:
    """Cut off a header at the end that is incomplete: FFmpeg would not open the file."""
    with path.open("r+b") as file:
        end = file.seek(0, os.SEEK_END)
        complete = 0
        for span in spans(file):
            if span.end > end and span.name != b"mdat":
                file.truncate(span.start)
            complete = span.end
        if end - 8 < complete < end:
            file.truncate(complete)


def _text_samples(texts: bytes, place: int) -> tuple[bytearray, list[Box]]:
    """Return the samples of the text file, and its tracks with offsets for samples at ``place``."""
    payload, tracks, before = bytearray(), [], 0
    for span in spans(io.BytesIO(texts)):
        if span.name == b"mdat":
            before = span.body
    for box in parse(texts):
        if box.name == b"mdat":
            payload = box.data
        elif box.name == b"moov":
            tracks = [track for track in box.boxes if track.name == b"trak"]
    for track in tracks:
        _move(track, place - before)
    return payload, tracks


def _index(file: BinaryIO) -> tuple[int, bytes]:
    for span in spans(file):
        if span.name == b"moov":
            file.seek(span.start)
            return span.start, file.read(span.end - span.start)
    raise ValueError("a finished file has an index")


def _arrange(moov: Box, kinds: Sequence[TrackKind], apart: Sequence[Box]) -> list[Box | None]:
    """Put the tracks in order, and return them; None for cover pictures."""
    tracks = iter([box for box in moov.boxes if box.name == b"trak"])
    texts = iter(apart)
    header = moov.find(b"mvhd")
    assert header is not None
    arranged: list[Box | None] = []
    for kind in kinds:
        track = next(texts if kind == "text" else tracks, None)
        if track is not None and kind == "text":
            _enlist(track, header)
        arranged.append(None if kind == "cover" else track)
    first = next(place for place, box in enumerate(moov.boxes) if box.name == b"trak")
    others = [box for box in moov.boxes if box.name != b"trak"]
    moov.boxes = [*others[:first], *filter(None, arranged), *tracks, *others[first:]]
    return arranged


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


def _stretch(track: Box, shape: Fraction) -> None:
    """Multiply the width on a screen, the last number but one of a track's header."""
    header = track.find(b"tkhd")
    assert header is not None
    width = round(int.from_bytes(header.data[-8:-4], "big") * shape)
    header.data[-8:-4] = min(width, (1 << 32) - 1).to_bytes(4, "big")


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
