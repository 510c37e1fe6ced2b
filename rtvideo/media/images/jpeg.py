"""The segments of JPEG files, and what cameras and phones put behind the picture.

ITU-T T.81 annex B; JFIF 1.02; EXIF 3.0; ICC.1 annex B.4; XMP part 3; CIPA DC-007 (multi-picture format).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence

from rtvideo.media.images import photoshop
from rtvideo.media.images.metadata import Part, PartKind, density, density_of

#: Bytes that a segment holds.
_ROOM = 65_533

_SOI, _EOI, _SOS, _APP0, _COM = 0xD8, 0xD9, 0xDA, 0xE0, 0xFE

#: Markers without a segment: TEM, the restarts, and those around a picture.
_BARE = (0x01, *range(0xD0, 0xDA))

_JFIF, _EXIF, _XMP = b"JFIF\0", b"Exif\0\0", b"http://ns.adobe.com/xap/1.0/\0"
_EXTENDED_XMP, _ICC, _PHOTOSHOP = (
    b"http://ns.adobe.com/xmp/extension/\0",
    b"ICC_PROFILE\0",
    b"Photoshop 3.0\0",
)

#: What describes the picture as it was, by number of the APP segment and its beginning.
_STALE = {
    (0, b"JFXX\0"): "JFIF thumbnail",
    (2, b"MPF\0"): "further pictures",
    (2, b"urn:iso:std:iso:ts:21496:-1\0"): "gain map",
    (11, b"JP"): "content credentials (C2PA)",
}

#: How many bytes of one part fit.
HOLDS = {
    PartKind.EXIF: _ROOM - len(_EXIF),
    PartKind.XMP: _ROOM - len(_XMP),
    PartKind.EXTENDED_XMP: 1 << 30,
    PartKind.IPTC: 1 << 30,
    PartKind.PHOTOSHOP: 1 << 30,
    PartKind.ICC: 255 * (_ROOM - len(_ICC) - 2),
    PartKind.DENSITY: 1 << 30,
    PartKind.COMMENT: _ROOM,
    PartKind.TRAILER: 1 << 30,
    PartKind.OTHER: _ROOM,
}


def parts(data: bytes) -> list[Part]:
    """Return all that a file holds besides its pixels.

    Raises:
        ValueError: a segment reaches beyond the end.
    """
    found: list[Part] = []
    joined: dict[PartKind, bytearray] = {}
    end = len(data)
    for marker, start, stop in _segments(data, 0):
        body = data[start:stop]
        if marker == _EOI:
            end = stop
        elif marker == _COM:
            found.append(Part(PartKind.COMMENT, body))
        elif _APP0 <= marker < _APP0 + 16:
            kind, rest = _application(marker - _APP0, body)
            if kind == PartKind.EXTENDED_XMP and kind in joined:
                joined[kind] += rest[40:]
            elif kind == PartKind.EXTENDED_XMP:
                joined[kind] = bytearray(rest[:32] + rest[40:])
            elif kind in (PartKind.ICC, PartKind.PHOTOSHOP):
                joined.setdefault(kind, bytearray()).extend(rest)
            elif kind == PartKind.DENSITY:
                found += _density(body)
            elif kind is not None:
                found.append(Part(kind, rest, _name(kind, marker - _APP0, body)))
    found += [Part(kind, bytes(whole)) for kind, whole in joined.items() if kind != PartKind.PHOTOSHOP]
    found += photoshop.parts(bytes(joined.get(PartKind.PHOTOSHOP, b"")))
    return found + _behind(data[end:])


def with_parts(data: bytes, parts: Sequence[Part]) -> bytes:
    """Return a file that Pillow wrote with the parts in it."""
    place = data.index(_JFIF) + 14 if data[6:11] == _JFIF else 2
    head, picture, behind = bytearray(data[:place]), data[place:], b""
    segments: list[bytes] = []
    for part in parts:
        if part.kind == PartKind.DENSITY:
            unit, x, y = density_of(part)
            struct.pack_into(">BHH", head, 13, unit, *(min(65535, max(1, round(value))) for value in (x, y)))
        elif part.kind == PartKind.EXIF:
            segments.insert(0, _segment(_APP0 + 1, _EXIF + part.data))  # EXIF asks for the first place
        elif part.kind == PartKind.XMP:
            segments.append(_segment(_APP0 + 1, _XMP + part.data))
        elif part.kind == PartKind.EXTENDED_XMP:
            segments += [_segment(_APP0 + 1, _EXTENDED_XMP + piece) for piece in _extended(part.data)]
        elif part.kind == PartKind.ICC:
            pieces = _pieces(part.data, _ROOM - len(_ICC) - 2)
            segments += [
                _segment(_APP0 + 2, _ICC + bytes([number, len(pieces)]) + piece)
                for number, piece in enumerate(pieces, 1)
            ]
        elif part.kind == PartKind.COMMENT:
            segments.append(_segment(_COM, part.data))
        elif part.kind == PartKind.OTHER:
            segments.append(_segment(part.data[0], part.data[1:]))
        elif part.kind == PartKind.TRAILER:
            behind += part.data
    segments += [
        _segment(_APP0 + 13, _PHOTOSHOP + piece)
        for piece in _pieces(photoshop.stored(parts), _ROOM - len(_PHOTOSHOP))
    ]
    return bytes(head) + b"".join(segments) + picture + behind


def _segments(data: bytes, place: int) -> Iterator[tuple[int, int, int]]:
    """Yield the marker of each segment up to the EOI, and where its body begins and ends."""
    while place + 2 <= len(data):
        if data[place] != 0xFF:  # rubbish between segments, which decoders skip
            place += 1
            continue
        marker = data[place + 1]
        place += 1 if marker == 0xFF else 2  # any number of FF may stand before a marker
        if marker == _EOI:
            yield marker, place, place
            return
        if marker == 0xFF or marker in _BARE:
            continue
        stop = place + int.from_bytes(data[place : place + 2], "big")
        if stop < place + 2 or stop > len(data):
            raise ValueError(f"the JPEG segment at byte {place - 2} reaches beyond the end")
        yield marker, place + 2, stop
        place = _after_scan(data, stop) if marker == _SOS else stop


def _after_scan(data: bytes, place: int) -> int:
    """Return where the first marker is that ends a scan: neither a stuffed FF nor a restart."""
    while (place := data.find(b"\xff", place)) >= 0:
        if data[place + 1 : place + 2] and data[place + 1] not in (0, *range(0xD0, 0xD8), 0xFF):
            return place
        place += 1
    return len(data)


def _application(number: int, body: bytes) -> tuple[PartKind | None, bytes]:
    """Return the kind of an APP segment and its data; no kind if the new file has its own."""
    for beginning in (beginning for place, beginning in _STALE if place == number):
        if body.startswith(beginning):
            return PartKind.STALE, body
    if number == 0 and body.startswith(_JFIF):
        return PartKind.DENSITY, body
    if number == 14 and body.startswith(b"Adobe"):
        return None, b""
    known = (
        (1, _EXIF, len(_EXIF), PartKind.EXIF),
        (1, _XMP, len(_XMP), PartKind.XMP),
        (1, _EXTENDED_XMP, len(_EXTENDED_XMP), PartKind.EXTENDED_XMP),
        (2, _ICC, len(_ICC) + 2, PartKind.ICC),
        (13, _PHOTOSHOP, len(_PHOTOSHOP), PartKind.PHOTOSHOP),
    )
    for place, beginning, skipped, kind in known:
        if place == number and body.startswith(beginning):
            return kind, body[skipped:]
    return PartKind.OTHER, bytes([_APP0 + number]) + body


def _name(kind: PartKind, number: int, body: bytes) -> str:
    if kind == PartKind.STALE:
        return next(
            name for (place, start), name in _STALE.items() if place == number and body.startswith(start)
        )
    if kind == PartKind.OTHER:
        beginning = body[:32].split(b"\0")[0].decode("latin-1")
        word = f" {beginning!r}" if beginning.isprintable() and beginning else ""
        return f"unknown segment APP{number}{word} of {len(body)} bytes"
    return ""


def _density(body: bytes) -> list[Part]:
    """Return the resolution of a JFIF segment, where it says more than that pixels are square."""
    if len(body) < 12:
        return []
    unit, x, y = struct.unpack_from(">BHH", body, 7)
    return [density(unit, x, y)] if unit in (0, 1, 2) and x and y and (unit or x != y) else []


def _behind(data: bytes) -> list[Part]:
    found = []
    while (rest := data.lstrip(b"\0")).startswith(b"\xff\xd8\xff"):
        try:
            size = max((stop for marker, _, stop in _segments(rest, 0) if marker == _EOI), default=len(rest))
        except ValueError:
            break
        name = "gain map" if b"hdrgm" in rest[:size] or b"21496" in rest[:size] else "further pictures"
        found.append(Part(PartKind.STALE, rest[:size], name))
        data = rest[size:]
    if data.strip(b"\0\r\n"):
        name = "motion video" if b"ftyp" in data else "data behind the picture"
        found.append(Part(PartKind.TRAILER, data, f"{name} of {len(data)} bytes"))
    return found


def _extended(data: bytes) -> Iterator[bytes]:
    name, packet = data[:32], data[32:]
    for place in range(0, len(packet), 65_000):
        yield name + struct.pack(">II", len(packet), place) + packet[place : place + 65_000]


def _pieces(data: bytes, size: int) -> list[bytes]:
    return [data[place : place + size] for place in range(0, len(data), size)]


def _segment(marker: int, body: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body
