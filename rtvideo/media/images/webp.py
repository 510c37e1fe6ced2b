"""The chunks of WebP files (WebP Container Specification, RFC 9649)."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence

from rtvideo.media.images.metadata import Part, PartKind

_KINDS = {b"ICCP": PartKind.ICC, b"EXIF": PartKind.EXIF, b"XMP ": PartKind.XMP}

#: The picture and its animation.
_PICTURE = (b"VP8 ", b"VP8L", b"VP8X", b"ALPH", b"ANIM", b"ANMF")

#: What VP8X says of the rest, a bit each.
_ICC, _ALPHA, _EXIF, _XMP, _ANIMATION = 0x20, 0x10, 0x08, 0x04, 0x02

HOLDS = dict.fromkeys((PartKind.EXIF, PartKind.XMP, PartKind.ICC, PartKind.OTHER, PartKind.TRAILER), 1 << 30)


def parts(data: bytes) -> list[Part]:
    """Return all that a file holds besides its pixels.

    Raises:
        ValueError: a chunk reaches beyond the end.
    """
    found = []
    for name, body in _chunks(data):
        if name in _KINDS:
            found.append(Part(_KINDS[name], body.removeprefix(b"Exif\0\0") if name == b"EXIF" else body))
        elif name not in _PICTURE:
            word = f"unknown chunk {name.decode('latin-1').strip()!r} of {len(body)} bytes"
            found.append(Part(PartKind.OTHER, name + body, word))
    end = 8 + int.from_bytes(data[4:8], "little")
    if data[end:].strip(b"\0"):
        found.append(
            Part(PartKind.TRAILER, data[end:], f"unknown data behind the picture of {len(data) - end} bytes")
        )
    return found


def with_parts(data: bytes, parts: Sequence[Part], size: tuple[int, int]) -> bytes:
    """Return a file without any with the parts in it.

    Args:
        size: width and height, which the header of an extended file repeats.
    """
    if not parts:
        return data
    chunks = list(_chunks(data))
    flags = next((body[0] for name, body in chunks if name == b"VP8X"), 0)
    flags |= _ALPHA * any(name == b"ALPH" or (name == b"VP8L" and body[4] & 0x10) for name, body in chunks)
    names = {kind: name for name, kind in _KINDS.items()}
    flags |= sum(
        {PartKind.ICC: _ICC, PartKind.EXIF: _EXIF, PartKind.XMP: _XMP}[part.kind]
        for part in parts
        if part.kind in names
    )
    width, height = (number - 1 for number in size)
    head = bytes([flags, 0, 0, 0]) + width.to_bytes(3, "little") + height.to_bytes(3, "little")
    before = [(b"ICCP", part.data) for part in parts if part.kind == PartKind.ICC]
    picture = [(name, body) for name, body in chunks if name != b"VP8X"]
    behind = [(names[part.kind], part.data) for part in parts if part.kind in (PartKind.EXIF, PartKind.XMP)]
    behind += [(part.data[:4], part.data[4:]) for part in parts if part.kind == PartKind.OTHER]
    body = b"".join(_chunk(*each) for each in [(b"VP8X", head), *before, *picture, *behind])
    trailer = b"".join(part.data for part in parts if part.kind == PartKind.TRAILER)
    return b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WEBP" + body + trailer


def is_lossless(data: bytes) -> bool:
    """Whether the (first) picture is stored without loss."""
    for name, body in _chunks(data):
        if name == b"ANMF":
            return b"VP8L" in body[16:24]
        if name in (b"VP8 ", b"VP8L"):
            return name == b"VP8L"
    return False


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    place, end = 12, min(len(data), 8 + int.from_bytes(data[4:8], "little"))
    while place + 8 <= end:
        name, size = struct.unpack_from("<4sI", data, place)
        if place + 8 + size > end:
            raise ValueError(f"the WebP chunk {name.decode('latin-1')!r} reaches beyond the end")
        yield name, data[place + 8 : place + 8 + size]
        place += 8 + size + size % 2


def _chunk(name: bytes, body: bytes) -> bytes:
    return name + struct.pack("<I", len(body)) + body + b"\0" * (len(body) % 2)
