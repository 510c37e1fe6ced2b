"""The blocks of GIF files (GIF89a)."""

from __future__ import annotations

from rtvideo.media.images.metadata import Part, PartKind

_EXTENSION, _IMAGE = 0x21, 0x2C
_PLAIN_TEXT, _COMMENT, _APPLICATION = 0x01, 0xFE, 0xFF

#: Extensions by which animations say how often they are shown.
_LOOP = (b"NETSCAPE2.0", b"ANIMEXTS1.0")

#: Bytes behind an XMP packet, so that readers that know nothing of it find its end.
_XMP_END = 257

HOLDS = {PartKind.COMMENT: 1 << 30}


def parts(data: bytes) -> list[Part]:
    """Return all that a file holds besides its pixels and their times."""
    found = []
    place = 13 + _colours(data[10])
    while place < len(data) and data[place] in (_EXTENSION, _IMAGE):
        if data[place] == _IMAGE:
            place = _joined(data, place + 11 + _colours(data[place + 9]))[1]
            continue
        label = data[place + 1]
        body, end = _joined(data, place + 2)
        if label == _COMMENT:
            found.append(Part(PartKind.COMMENT, body))
        elif label == _PLAIN_TEXT:
            found.append(Part(PartKind.STALE, body, "text drawn on the picture"))
        elif label == _APPLICATION and body[:11] == b"XMP DataXMP":
            found.append(Part(PartKind.XMP, data[place + 14 : end - _XMP_END]))
        elif label == _APPLICATION and body[:11] == b"ICCRGBG1012":
            found.append(Part(PartKind.ICC, body[11:]))
        elif label == _APPLICATION and body[:11] not in _LOOP:
            name = body[:11].decode("latin-1")
            found.append(Part(PartKind.OTHER, body, f"unknown extension {name!r} of {len(body)} bytes"))
        place = end
    return found


def _colours(flags: int) -> int:
    """Return the bytes of a colour table."""
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0


def _joined(data: bytes, place: int) -> tuple[bytes, int]:
    """Return what a chain of sub-blocks holds, and where it ends."""
    body = b""
    while place < len(data) and data[place]:
        body += data[place + 1 : place + 1 + data[place]]
        place += 1 + data[place]
    return body, place + 1
