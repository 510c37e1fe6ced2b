"""Photoshop's image resources, among which most programs keep IPTC captions and keywords.

Adobe Photoshop File Formats Specification, "Image Resource Blocks".
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence

from rtvideo.media.images.metadata import Part, PartKind

#: How a resource begins; names other than the first are those of plug-ins.
BEGINNINGS = (b"8BIM", b"MeSa", b"PHUT", b"AgHg", b"DCSR")

#: Numbers of resources: the IPTC record; the thumbnails of Photoshop 4 and 5.
_IPTC, _THUMBNAILS = 0x0404, (0x0409, 0x040C)


def parts(data: bytes) -> list[Part]:
    """Return the IPTC record among resources, thumbnails, and the others in one part."""
    found, rest = [], b""
    for number, payload, whole in _resources(data):
        if number == _IPTC:
            found.append(Part(PartKind.IPTC, payload))
        elif number in _THUMBNAILS:
            found.append(Part(PartKind.STALE, payload, "Photoshop thumbnail"))
        else:
            rest += whole
    return [*found, Part(PartKind.PHOTOSHOP, rest)] if rest else found


def stored(parts: Sequence[Part]) -> bytes:
    """Return the resources that hold the IPTC records and the other resources among some parts."""
    data = b""
    for part in parts:
        if part.kind == PartKind.IPTC:
            size = len(part.data)
            data += b"8BIM" + struct.pack(">HHI", _IPTC, 0, size) + part.data + b"\0" * (size % 2)
        elif part.kind == PartKind.PHOTOSHOP:
            data += part.data
    return data


def _resources(data: bytes) -> Iterator[tuple[int, bytes, bytes]]:
    """Yield the number of each resource, its payload, and all of it as it is stored."""
    place = 0
    while place + 12 <= len(data) and data[place : place + 4] in BEGINNINGS:
        (number,) = struct.unpack_from(">H", data, place + 4)
        size_at = place + 6 + (data[place + 6] + 2) // 2 * 2  # behind a name that is padded to be even
        if size_at + 4 > len(data):
            return
        (size,) = struct.unpack_from(">I", data, size_at)
        start, end = size_at + 4, size_at + 4 + size + size % 2
        if start + size > len(data):
            return
        yield number, data[start : start + size], data[place:end].ljust(end - place, b"\0")
        place = end
