"""All parts of an MP4 or MOV file that FFmpeg does not read: boxes, and bytes behind the last one.

A part is whatever `_ORDINARY` does not list for its place. So a box that nobody thought of is one, too.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import BinaryIO

from rtvideo.media.mp4.boxes import MOST, Span, children, handler_of, spans, track_id
from rtvideo.media.reading import is_blank, read

#: Parts that are listed, at most.
_MOST = 1 << 16

#: What the sample entry of a video says of its picture, and how FFmpeg calls that in its list of side data.
_MARKS = {
    b"st3d": "stereo 3d",
    b"sv3d": "spherical mapping",
    b"vexu": "stereo 3d",
    b"hfov": "stereo 3d",
    b"mdcv": "mastering display",
    b"clli": "content light level",
    b"amve": "ambient viewing",
}

_XMP = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")
_SPHERICAL = bytes.fromhex("ffcc8263f8554a938814587a02521fdd")
_CREDENTIALS = bytes.fromhex("d8fec3d61b0e483c92975828877ec481")
_SMOOTH_STREAMING = (
    bytes.fromhex("6d1d9b0542d544e680e2141daff757b2"),
    bytes.fromhex("d4807ef2ca3946958e5426cb9e46a79f"),
    bytes.fromhex("a2394f525a9b4f14a2446c427c648df4"),
)

#: What messages call boxes that have a name among people.
_NAMES = {
    _XMP: "XMP",
    b"XMP_": "XMP",
    _SPHERICAL: "the marks of spherical video",
    b"sv3d": "the marks of spherical video (sv3d)",
    b"st3d": "the marks of stereo video (st3d)",
    b"vexu": "the marks of spatial video (vexu)",
    b"mdcv": "the mastering display (mdcv)",
    b"clli": "the light level of the content (clli)",
    _CREDENTIALS: "content credentials",
    b"GPMF": "GoPro's settings (GPMF)",
    b"gps ": "the index of GPS data (gps)",
    b"prft": "recording time (prft)",
    b"cmov": "what only a compressed index says (cmov)",
}

#: Why some cannot be kept.
_REASONS = {
    _CREDENTIALS: "they sign the old file",
    b"iloc": "it points to places in the old file",
    b"prft": "it belongs to a fragment of the old file",
    b"cmov": "the new one is not compressed",
}


def _names(text: bytes) -> frozenset[bytes]:
    return frozenset(name.rjust(4, b"\xa9") for name in text.split())


#: User data that FFmpeg makes metadata of. Names of three letters begin with a copyright sign.
_METADATA = b"""
    @PRM @PRQ FIRM aART akID apID catg cpil cprt desc disk egid gnre hdvd keyw ldes loci manu modl pcst pgap
    purd rtng soaa soal soar soco sonm sosn stik trkn tven tves tvnn tvsh tvsn
    ART PRD alb aut cmt com cpy day dir dis ed1 fmt gen grp hst inf lyr mak mod nam ope prd prf req src st3
    trk url wrn wrt xyz
"""

#: User data about the old file, and what an output has in another form: chapters, names and kinds of tracks.
_OWN = b"HMMT chpl name kind hnti hinf chp enc swr too"

#: Names in each place that FFmpeg reads, that describe the old index, or that hold boxes which are listed.
_ORDINARY: dict[str, frozenset[bytes]] = {
    place: _names(names)
    for place, names in {
        "file": b"ftyp styp moov moof mdat wide mfra sidx ssix pdin",
        "moov": b"mvhd trak udta mvex iods",
        "trak": b"tkhd edts mdia udta",
        "tref": b"chap tmcd hint",
        "mdia": b"mdhd hdlr minf",
        "minf": b"vmhd smhd hmhd sthd nmhd gmhd hdlr dinf stbl",
        "stbl": b"""
            stsd stts ctts cslg stsc stsz stz2 stco co64 stss stps stsh sdtp sgpd sbgp csgp subs padb stdp
            saiz saio
        """,
        "video": b"""
            avcC hvcC vpcC av1C apvC evcC vvcC lhvC avcE hvcE esds m4ds glbl d263 dvc1 jp2h strf alis ACLR
            AALP APRG ARES pasp colr chrm fiel btrt clap gama ccst SmDm CoLL dvcC dvvC dvwC sinf
        """,
        "udta": _OWN,
        "meta": b"hdlr keys ilst",
        "ilst": _METADATA + _OWN + b" covr ----",
        "moof": b"mfhd traf",
        "traf": b"tfhd tfdt trun sbgp sgpd csgp subs saiz saio senc sdtp",
    }.items()
}

_READ_IN_PLACE = _names(_METADATA)

#: Places that have places in them: names there, and what the place is called.
_ENTERED = {
    "file": {b"moov": "moov", b"moof": "moof"},
    "moov": {b"trak": "trak", b"udta": "udta"},
    "trak": {b"mdia": "mdia", b"udta": "udta", b"tref": "tref"},
    "mdia": {b"minf": "minf"},
    "minf": {b"stbl": "stbl"},
    "moof": {b"traf": "traf"},
}

#: Kinds of values of QuickTime's metadata that FFmpeg reads; integers of at most four bytes.
_READ_VALUES = (0, 1, 3, 4, 21, 22, 23)
_INTEGERS = ((21).to_bytes(4, "big"), (22).to_bytes(4, "big"))

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
        read_to = max((s.end for s in islice(spans(file), MOST) if s.name in _ORDINARY["file"]), default=0)
        found = list(islice(_Listing(file).parts("file", 0, length), _MOST))
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
        known = start
        for span in islice(spans(self._file, start, end), MOST):
            cut_off = span.end > end and not (place == "file" and span.name in _ORDINARY["file"])
            if cut_off or not any(span.name):
                break
            known = span.end
            if span.name in _PADDING and is_blank(self._file, span.body, span.end):
                continue
            if inner := _ENTERED.get(place, {}).get(span.name):
                yield from self._inside(inner, span)
            elif span.name == b"meta":
                yield from self._metadata(place, span)
            elif place == "meta" and span.name == b"ilst":
                yield from self.parts("ilst", span.body, span.end)
            elif span.name == b"stsd" and place == "stbl":
                yield from self._sample_entry(span)
            elif span.name == b"gps " and place == "moov":
                yield from self._gps(span)
            elif not self._is_ordinary(place, span):
                yield self._part(place, span)
        if known < end and not is_blank(self._file, known, end):
            yield self._rest(place, known, end)

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
            return read(self._file, span.body, 16) in _SMOOTH_STREAMING
        return span.name in _ORDINARY[place]

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
            yield replace(part, reason=_REASONS[b"iloc"])
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
                number, kind = int.from_bytes(item.name, "big"), read(self._file, item.body + 8, 4)
                name = names[number].decode("ascii", "replace") if number < len(names) else "without a name"
                size = item.end - item.body - 16
                if int.from_bytes(kind, "big") not in _READ_VALUES or (kind in _INTEGERS and size > 4):
                    part = self._part("values" if place == "moov" else "meta", item)
                    yield replace(part, title=f"metadata {name}", reason="its kind is not known")

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
        title = _NAMES.get(kind) or _title(span.name, kind, place)
        says: tuple[str, ...] = ()
        if kind == _SPHERICAL:
            says = ("spherical mapping", "stereo 3d")
        elif place == "video" and span.name in _MARKS:
            says = (_MARKS[span.name],)
        reason = _REASONS.get(kind, "")
        places = place, self._track, span.start, span.body, span.end
        return Part(span.name, title, *places, reason, says, place == "udta" and span.name in _READ_IN_PLACE)

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
