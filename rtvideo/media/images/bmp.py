"""What BMP files hold besides pixels (BITMAPV5HEADER)."""

from __future__ import annotations

import struct
from collections.abc import Sequence

from rtvideo.media.images.metadata import Part, PartKind, density, density_of

HOLDS = {PartKind.DENSITY: 1 << 30}

_HEADER = 14


def parts(data: bytes) -> list[Part]:
    """Return the resolution and the colour profile, where a file has them."""
    found = []
    (size,) = struct.unpack_from("<I", data, _HEADER)
    if size >= 40:
        x, y = struct.unpack_from("<2i", data, _HEADER + 24)
        if x > 0 and y > 0:
            found.append(density(1, x * 0.0254, y * 0.0254))
    if size >= 124 and data[_HEADER + 56 : _HEADER + 60] == b"DEBM":  # an embedded profile, as a number
        place, length = struct.unpack_from("<2I", data, _HEADER + 112)
        found.append(Part(PartKind.ICC, data[_HEADER + place : _HEADER + place + length]))
    return found


def with_parts(data: bytes, parts: Sequence[Part]) -> bytes:
    """Return a file that Pillow wrote with the resolution in it."""
    changed = bytearray(data)
    for part in parts:
        unit, x, y = density_of(part)
        scale = (1, 1 / 0.0254, 100)[unit]  # to pixels a metre
        struct.pack_into("<2i", changed, _HEADER + 24, round(x * scale), round(y * scale))
    return bytes(changed)
