"""Changes to EXIF data in place, so that nothing in it moves: maker notes hold distances from the start.

EXIF 3.0 (CIPA DC-008).
"""

from __future__ import annotations

import struct
from io import BytesIO

import numpy as np
import numpy.typing as npt
from PIL import Image

from rtvideo.media.images import ifd

ORIENTATION, X_RESOLUTION, WIDTH, HEIGHT = 274, 282, 0xA002, 0xA003

_EXIF, _THUMBNAIL, _THUMBNAIL_SIZE = 0x8769, 0x0201, 0x0202

#: Quality of a new thumbnail, from the best down, until it is no larger than the old one.
_QUALITIES = (90, 80, 70, 60, 45, 30)


def orientation(data: bytes) -> int:
    """Return 1 to 8 as EXIF counts: 1 is upright; also where nothing (sensible) is said."""
    found = next(iter(_directories(data)), ifd.Directory("<")).number(ORIENTATION, 1)
    return found if 1 <= found <= 8 else 1


def is_sound(data: bytes) -> bool:
    """Whether the first directory can be read."""
    return bool(_directories(data))


def has_density(data: bytes) -> bool:
    """Whether a resolution is said."""
    return any(X_RESOLUTION in directory.entries for directory in _directories(data)[:1])


def upright(data: bytes) -> bytes:
    """Return the data, or a whole TIFF file, saying that pictures are upright."""
    changed = bytearray(data)
    for directory in _directories(data):
        _set(changed, directory, ORIENTATION, 1)
    return bytes(changed)


def without_orientation(data: bytes) -> bytes:
    """Return the data without the orientation: the entries behind it move up."""
    changed = bytearray(data)
    for directory in _directories(data)[:1]:
        tags = sorted(directory.entries)
        if ORIENTATION in tags and not directory.damaged:
            end = directory.link + 4
            place = end - 4 - 12 * (len(tags) - tags.index(ORIENTATION))
            changed[place:end] = data[place + 12 : end] + b"\0" * 12
            start = end - 4 - 12 * len(tags) - 2
            struct.pack_into(f"{directory.order}H", changed, start, len(tags) - 1)
    return bytes(changed)


def resized(data: bytes, width: int, height: int) -> bytes:
    """Return the data with the size of the picture, where it is said."""
    changed = bytearray(data)
    for directory in _directories(data):
        below = directory.number(_EXIF)
        if below:
            try:
                sizes = ifd.read(data, below, directory.order)
            except ValueError:
                continue
            _set(changed, sizes, WIDTH, width)
            _set(changed, sizes, HEIGHT, height)
    return bytes(changed)


def has_thumbnail(data: bytes) -> bool:
    """Whether there is a second directory, whose picture is a small copy of the first."""
    return len(_directories(data)) > 1


def with_thumbnail(data: bytes, pixels: npt.NDArray[np.uint8]) -> bytes:
    """Return the data with the thumbnail, if there is one, of a new picture.

    A thumbnail that is not a JPEG is taken out.

    Args:
        pixels: the picture: (h, w) or (h, w, 3).
    """
    directories = _directories(data)
    if len(directories) < 2:
        return data
    first, second = directories[:2]
    place, size = second.number(_THUMBNAIL), second.number(_THUMBNAIL_SIZE)
    old, changed, new = data[place : place + size], bytearray(data), None
    if place > second.link or old.startswith(b"\xff\xd8"):  # else who knows what stands there
        new = _thumbnail(old, pixels)
        changed[place : place + size] = (new or b"").ljust(len(old), b"\0")
    if new is None:
        struct.pack_into(f"{first.order}I", changed, first.link, 0)
        return bytes(changed)
    _set(changed, second, _THUMBNAIL_SIZE, len(new))
    return bytes(changed)


def _thumbnail(old: bytes, pixels: npt.NDArray[np.uint8]) -> bytes | None:
    """Return a JPEG of the size of the old one, and no longer than it is; None if there is none."""
    try:
        with Image.open(BytesIO(old), formats=("JPEG",)) as image:
            size = image.size
    except (OSError, ValueError, SyntaxError):
        return None
    small = Image.fromarray(pixels)
    small.thumbnail(size)
    for quality in _QUALITIES:
        with BytesIO() as file:
            small.save(file, "JPEG", quality=quality, optimize=True)
            if file.tell() <= len(old):
                return file.getvalue()
    return None


def _directories(data: bytes) -> list[ifd.Directory]:
    try:
        return list(ifd.chain(data))
    except ValueError:
        return []


def _set(data: bytearray, directory: ifd.Directory, tag: int, value: int) -> None:
    entry = directory.entries.get(tag)
    if entry is not None and entry.type in (3, 4) and entry.count == 1:
        kind = "H" if entry.type == 3 else "I"
        struct.pack_into(f"{directory.order}{kind}", data, entry.place, value)
