"""All parts of an MP4 or MOV file that FFmpeg does not read: boxes, and bytes behind the last one.

A part is whatever `known.ORDINARY` does not list for its place. So a box that nobody thought of is one, too.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import BinaryIO

from rtvideo.media.mp4 import known
from rtvideo.media.mp4.boxes import MOST, Span, children, handler_of, spans, track_id
from rtvideo.media.reading import is_blank, read

#: Parts that are listed, at most.
_MOST = 1 << 16

#: Places of boxes with metadata that is looked into.
_WITH_METADATA = ("file", "moov", "trak", "udta")

#: Boxes without meaning if all their bytes are zero.
_PADDING = (b"free", b"skip")


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a file.

    Attributes:
        name: the four bytes of the box, none for bytes that are no box.
        title: what messages call it.
        place: the box that it is in, such as ``udta``; ``file``, ``gps`` for blocks among the samples, or
            ``tail`` for what comes after all that FFmpeg reads.
        track: ID of the track that it is in, None for the whole file.
        start, body, end: offsets of its header, of its content, and of what follows it.
        reason: why no other file can hold it; empty if one can.
        says: what FFmpeg calls that in its list of side data, where it is there, too.
        read: whether FFmpeg makes metadata of it, so that nothing is lost without it. Other programs look for
            it in its place.
    """

    name: bytes
    title: str
    place: str
    track: int | None
    start: int
    body: int
    end: int
    reason: str = ""
    says: tuple[str, ...] = ()
    read: bool = False


def parts_of(path: Path) -> list[Part]:
    """Return the parts of an MP4 or MOV file in their order; of a damaged one, those that can be found.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        length = file.seek(0, os.SEEK_END)
        ordinary = (span for span in islice(spans(file), MOST) if span.name in known.ORDINARY["file"])
        read_to = max((span.end for span in ordinary), default=0)
        found = list(islice(_Listing(file).parts("file", 0, length), _MOST + 1))
    if len(found) > _MOST:
        found[-1] = replace(found[-1], name=b"", title="all further boxes", reason="there are too many")
    blocks = {part.start for part in found if part.place == "gps"}
    found = [part for part in found if part.place != "file" or part.start not in blocks]
    return [replace(p, place="tail") if p.place == "file" and p.start >= read_to else p for p in found]


class _Listing:
    """Walks through the boxes of one file."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._track: int | None = None
        self._handler = b""

    def parts(self, place: str, start: int, end: int) -> Iterator[Part]:
        """Yield the parts in a place."""
        read_to = start
        for span in islice(spans(self._file, start, end), MOST):
            cut_off = span.end > end and not (place == "file" and span.name in known.ORDINARY["file"])
            if cut_off or not any(span.name):
                break
            read_to = span.end
            if span.name in _PADDING and is_blank(self._file, span.body, span.end):
                continue
            if inner := known.ENTERED.get(place, {}).get(span.name):
                yield from self._inside(inner, span)
            elif span.name == b"meta" and place in _WITH_METADATA:
                yield from self._metadata(place, span)
            elif place == "meta" and span.name == b"ilst":
                yield from self.parts("ilst", span.body, span.end)
            elif span.name == b"stsd" and place == "stbl":
                yield from self._sample_entry(span)
            elif span.name == b"gps " and place == "moov":
                yield from self._gps(span)
            elif not self._is_ordinary(place, span):
                yield self._part(place, span)
        if read_to < end and not is_blank(self._file, read_to, end):
            yield self._rest(place, read_to, end)

    def _inside(self, place: str, span: Span) -> Iterator[Part]:
        if place == "trak":
            self._track, self._handler = track_id(self._file, span), b""
        if place == "mdia":
            self._handler = handler_of(self._file, span)
        yield from self.parts(place, span.body, span.end)
        if place == "trak":
            self._track = None

    def _is_ordinary(self, place: str, span: Span) -> bool:
        if place == "traf" and span.name == b"uuid":
            return read(self._file, span.body, 16) in known.SMOOTH_STREAMING
        return span.name in known.ORDINARY[place]

    def _metadata(self, place: str, span: Span) -> Iterator[Part]:
        """FFmpeg reads the metadata of iTunes, and QuickTime's of the whole file. Others are kept whole."""
        # QuickTime leaves out the version that other files have before the boxes.
        inner = replace(span, body=span.body + 4 * (read(self._file, span.body + 4, 4) != b"hdlr"))
        handler, part = handler_of(self._file, inner), self._part(place, span)
        if handler == b"mdir":
            yield from self.parts("meta", inner.body, inner.end)
        elif handler == b"mdta" and self._track is None:
            if place == "moov":  # the muxer has another place for it
                yield replace(part, read=True)
            yield from self._unread_values(place, inner)
        elif any(children(self._file, inner, b"iloc")):
            yield replace(part, reason=known.REASONS[b"iloc"])
        else:
            yield part

    def _unread_values(self, place: str, meta: Span) -> Iterator[Part]:
        """List the metadata of QuickTime whose values are of kinds that FFmpeg skips."""
        names = [b""]
        for keys in children(self._file, meta, b"keys"):
            inside = islice(spans(self._file, keys.body + 8, keys.end), _MOST)
            names += [read(self._file, key.body, min(key.end - key.body, 99)) for key in inside]
        for values in children(self._file, meta, b"ilst"):
            for item in islice(spans(self._file, values.body, min(values.end, meta.end)), _MOST):
                number = int.from_bytes(item.name, "big")
                kind = int.from_bytes(read(self._file, item.body + 8, 4), "big")
                if not known.reads_value(kind, item.end - item.body - 16):
                    name = names[number] if number < len(names) else b"without a name"
                    part = self._part("values" if place == "moov" else "meta", item)
                    title = f"metadata {name.decode('ascii', 'replace')}"
                    yield replace(part, title=title, reason="its kind is not known")

    def _gps(self, span: Span) -> Iterator[Part]:
        """List the blocks with places that dash cameras write among the samples, and their index."""
        table = read(self._file, span.body + 8, min(span.end - span.body - 8, 8 * _MOST))
        for at in range(0, len(table) - 7, 8):
            start, size = (int.from_bytes(table[k : k + 4], "big") for k in (at, at + 4))
            if size > 8 and read(self._file, start, 8) == size.to_bytes(4, "big") + b"free":
                yield Part(b"free", "block of GPS data", "gps", None, start, start + 8, start + size)
        yield self._part("moov", span)

    def _sample_entry(self, span: Span) -> Iterator[Part]:
        """List what the first description of a video says."""
        entry = next(spans(self._file, span.body + 8, span.end), None)
        if entry is not None and self._handler == b"vide":
            yield from self.parts("video", entry.body + 78, min(entry.end, span.end))

    def _part(self, place: str, span: Span) -> Part:
        kind = read(self._file, span.body, 16) if span.name == b"uuid" else span.name
        title = known.NAMES.get(kind) or _title(span.name, kind, place)
        says: tuple[str, ...] = ()
        if kind == known.SPHERICAL:
            says = ("spherical mapping", "stereo 3d")
        elif place == "video" and span.name in known.MARKS:
            says = (known.MARKS[span.name],)
        reason = known.REASONS.get(kind, "")
        places = place, self._track, span.start, span.body, span.end
        return Part(span.name, title, *places, reason, says, place == "udta" and span.name in known.METADATA)

    def _rest(self, place: str, start: int, end: int) -> Part:
        what = "data" if place == "file" else f"unreadable data in {place}"
        title = f"{what} of {end - start} bytes" + " behind the last box" * (place == "file")
        reason = "" if place == "file" else "no box can be found in it"
        return Part(b"", title, place, self._track, start, start, end, reason)


def _title(name: bytes, kind: bytes, place: str) -> str:
    shown = name.decode("latin-1").replace("\xa9", "(c)")
    shown = repr(shown) if shown.isascii() and shown.isprintable() else name.hex()
    if name == b"uuid":
        shown += f" {kind.hex()}"
    return f"box {shown}" + f" in {place}" * (place != "file")
