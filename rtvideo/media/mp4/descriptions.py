"""Tracks of data that FFmpeg's muxer cannot describe, such as camm and mebx: they are described as before."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import BinaryIO

from rtvideo.media.mp4.boxes import Box, Span, children, handler_of, spans, track_id
from rtvideo.media.reading import read

#: Handlers of media that FFmpeg's muxer describes itself.
_DESCRIBED = (b"vide", b"soun", b"text", b"sbtl", b"subt", b"subp", b"clcp", b"tmcd", b"hint")

#: Bytes of a box of a description, and headers in it, at most.
_LARGEST, _HEADERS = 1 << 20, 16


@dataclass(frozen=True)
class Description:
    """What tells readers the kind of data in a track.

    Attributes:
        handler: the box ``hdlr``; entries: the box ``stsd``.
        headers: those beside the tables, such as ``gmhd``.
    """

    handler: Box
    headers: tuple[Box, ...]
    entries: Box


def descriptions_of(path: Path) -> dict[int, Description]:
    """Return what an MP4 or MOV file says of each of its tracks of data, by the track's ID."""
    found = {}
    with contextlib.suppress(OSError), path.open("rb") as file:
        for moov in children(file, None, b"moov"):
            for trak in children(file, moov, b"trak"):
                number, description = track_id(file, trak), _description(file, trak)
                if number is not None and description is not None:
                    found[number] = description
    return found


def describe(track: Box, description: Description) -> None:
    """Replace what a muxer says of the kind of data in a track."""
    media, information = track.find(b"mdia"), track.find(b"mdia", b"minf")
    table = track.find(b"mdia", b"minf", b"stbl")
    assert media is not None and information is not None and table is not None
    _replace(media, description.handler)
    _replace(table, description.entries)
    kept = [box for box in information.boxes if box.name in (b"dinf", b"stbl")]
    information.boxes = [*description.headers, *kept]


def _replace(around: Box, box: Box) -> None:
    around.boxes = [box if other.name == box.name else other for other in around.boxes]


def _description(file: BinaryIO, trak: Span) -> Description | None:
    for media in children(file, trak, b"mdia"):
        if handler_of(file, media) in _DESCRIBED:
            return None
        for information in children(file, media, b"minf"):
            handlers = _boxes(file, children(file, media, b"hdlr"))
            tables = next(children(file, information, b"stbl"), None)
            entries = [] if tables is None else _boxes(file, children(file, tables, b"stsd"))
            inside = islice(spans(file, information.body, information.end), _HEADERS)
            headers = _boxes(file, (span for span in inside if span.name not in (b"dinf", b"stbl")))
            if handlers and entries:
                return Description(handlers[0], tuple(headers), entries[0])
    return None


def _boxes(file: BinaryIO, found: Iterable[Span]) -> list[Box]:
    fitting = [span for span in found if span.end - span.body <= _LARGEST]
    return [Box(span.name, bytearray(read(file, span.body, span.end - span.body))) for span in fitting]
