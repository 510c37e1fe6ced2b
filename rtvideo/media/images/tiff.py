"""TIFF files: their tags, and their samples where Pillow would halve the depth or leave something out.

TIFF 6.0 with Adobe's supplements. Compressed bytes are decoded by the libtiff in Pillow, which is shown a
grey 8-bit picture of as many bytes a row; what the bytes mean is worked out here.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from io import BytesIO
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from rtvideo.media.images import ifd, photoshop
from rtvideo.media.images.metadata import Part, PartKind, density, density_of

#: uint8 or uint16.
Samples = npt.NDArray[Any]

_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _PHOTOMETRIC, _FILL_ORDER = 256, 257, 258, 259, 262, 266
_STRIPS, _SAMPLES, _ROWS, _STRIP_BYTES, _PLANAR, _PREDICTOR = 273, 277, 278, 279, 284, 317
_TILE_WIDTH, _TILE_HEIGHT, _TILES, _TILE_BYTES, _EXTRA_SAMPLES, _FORMAT = 322, 323, 324, 325, 338, 339
_X_RESOLUTION, _Y_RESOLUTION, _RESOLUTION_UNIT = 282, 283, 296
_DESCRIPTION, _XMP, _IPTC, _PHOTOSHOP, _ICC = 270, 700, 33723, 34377, 34675

#: Tags that say how the pixels of one particular file are stored; a new file has its own.
_STRUCTURE = (
    *(
        _WIDTH,
        _HEIGHT,
        _BITS,
        _COMPRESSION,
        _PHOTOMETRIC,
        _FILL_ORDER,
        _STRIPS,
        _SAMPLES,
        _ROWS,
        _STRIP_BYTES,
    ),
    *(_PLANAR, _PREDICTOR, _TILE_WIDTH, _TILE_HEIGHT, _TILES, _TILE_BYTES, _EXTRA_SAMPLES, _FORMAT),
    *(
        254,
        255,
        263,
        264,
        265,
        280,
        281,
        288,
        289,
        290,
        291,
        292,
        293,
        320,
        332,
        333,
        334,
        336,
        340,
        341,
        347,
    ),
    *(512, 513, 514, 515, 517, 518, 519, 520, 521, 529, 530, 531, 532),
)

#: Tags that hold the old picture, too.
_STALE = {330: "reduced pictures (SubIFDs)", 37724: "Photoshop layers"}

#: Compressions that leave bytes as they are: none, LZW, deflate, PackBits, LZMA, Zstandard.
_LOSSLESS = (1, 5, 8, 32946, 32773, 34925, 50000)

_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB, _PALETTE, _CMYK = 0, 1, 2, 3, 5
_ASSOCIATED, _UNASSOCIATED = 1, 2

#: Bytes of a strip in a new file.
_STRIP = 1 << 23

HOLDS = dict.fromkeys(
    (PartKind.EXIF, PartKind.XMP, PartKind.IPTC, PartKind.PHOTOSHOP, PartKind.ICC, PartKind.DENSITY), 1 << 30
)


def parts(data: bytes) -> list[Part]:
    """Return all that the first image of a file holds besides its pixels.

    Raises:
        ValueError: its directory is damaged.
    """
    directory = next(ifd.chain(data))
    found = []
    rest = ifd.Directory(directory.order)
    for tag, entry in directory.entries.items():
        if tag == _XMP:
            found.append(Part(PartKind.XMP, entry.data.rstrip(b"\0")))
        elif tag == _ICC:
            found.append(Part(PartKind.ICC, entry.data))
        elif tag == _IPTC:
            found.append(Part(PartKind.IPTC, entry.data))
        elif tag == _PHOTOSHOP:
            found += photoshop.parts(entry.data)
        elif tag in _STALE:
            found.append(Part(PartKind.STALE, entry.data, _STALE[tag]))
        elif tag not in (*_STRUCTURE, *ifd.POINTERS):
            rest.entries[tag] = ifd.narrow(entry, directory.order)
    if _IPTC in directory.entries:  # what Photoshop keeps besides is a copy
        found = [
            part for part in found if part.kind != PartKind.IPTC or part.data is directory.entries[_IPTC].data
        ]
    found += _density(directory)
    found += [Part(PartKind.DAMAGED, b"", f"damaged tag {tag}") for tag in directory.damaged]
    if rest.entries.get(_DESCRIPTION, ifd.Entry(2, b"")).data.startswith(b'{"shape":'):
        del rest.entries[_DESCRIPTION]  # tifffile's word of how it stored the samples
    below = branches(data, directory)
    if below or any(tag not in (_X_RESOLUTION, _Y_RESOLUTION, _RESOLUTION_UNIT) for tag in rest.entries):
        found.append(Part(PartKind.EXIF, ifd.with_branches(rest, below)))
    return found


def read(data: bytes) -> tuple[Samples, Samples | None, list[str]] | None:
    """Return colour, alpha and what was left out; None where Pillow reads the file right.

    Returns:
        (h, w) for grey or (h, w, 3), uint8 or uint16; alpha (h, w) or None.

    Raises:
        ValueError: samples of a kind that is not supported, or damage.
    """
    directory = next(ifd.chain(data))
    bits, formats = set(directory.numbers(_BITS)) or {1}, set(directory.numbers(_FORMAT)) or {1}
    photometric, compression = directory.number(_PHOTOMETRIC), directory.number(_COMPRESSION, 1)
    if not formats <= {1, 4}:
        raise ValueError(f"{'floating-point' if 3 in formats else 'signed'} samples are not supported")
    if len(bits) > 1 or (max(bits) > 8 and bits != {16}):
        raise ValueError(f"samples of {' and '.join(map(str, sorted(bits)))} bits are not supported")
    plain = photometric in (_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB) and compression in _LOSSLESS
    if bits == {16} and photometric == _CMYK and compression in _LOSSLESS:
        return None
    if bits == {16} and not plain:
        raise ValueError(
            f"16-bit samples of kind {photometric}, compression {compression}, are not supported"
        )
    if not plain and directory.number(_PLANAR, 1) == 2 and directory.number(_SAMPLES, 1) not in (1, 3):
        raise ValueError(f"planes of compression {compression} are not supported")  # Pillow scrambles them
    if not plain or min(bits) < 8:
        return None
    if not all(directory.numbers(_TILES) or directory.numbers(_STRIPS) or [0]):
        raise ValueError("it does not say where its pixels are")
    samples = _samples(data, directory, 1 if bits == {8} else 2)
    colours = 3 if photometric == _RGB else 1
    count = samples.shape[2]
    if count < colours:
        raise ValueError(f"{count} samples a pixel are too few for colour")
    colour = samples[..., :3] if colours == 3 else samples[..., 0]
    if photometric == _WHITE_IS_ZERO:
        colour = np.iinfo(colour.dtype).max - colour
    extra = (directory.numbers(_EXTRA_SAMPLES) or (_UNASSOCIATED,) * (count - colours))[: count - colours]
    alphas = [place for place, kind in enumerate(extra) if kind in (_ASSOCIATED, _UNASSOCIATED)]
    left = count - colours - len(alphas[:1])
    notes = [f"{left} channel{'s' if left > 1 else ''} beyond colour and alpha"] if left else []
    if not alphas:
        return np.ascontiguousarray(colour), None, notes
    alpha = samples[..., colours + alphas[0]]
    if extra[alphas[0]] == _ASSOCIATED:
        colour = _unmultiplied(colour, alpha)
    return np.ascontiguousarray(colour), np.ascontiguousarray(alpha), notes


def size(data: bytes) -> tuple[int, int]:
    """Return width and height of the first image."""
    directory = next(ifd.chain(data))
    return directory.number(_WIDTH), directory.number(_HEIGHT)


def is_deep(data: bytes) -> bool:
    """Whether samples have more than 8 bits."""
    return max(next(ifd.chain(data)).numbers(_BITS) or (1,)) > 8


def pages(data: bytes) -> int:
    """Return how many images there are."""
    return sum(1 for _ in ifd.chain(data))


def write(samples: Samples, parts: Sequence[Part]) -> bytes:
    """Return a file of (h, w) or (h, w, channels) samples, deflated.

    EXIF data is a TIFF file without a picture. The new file begins with all of it, so that whatever stands in
    it at a distance from the start stays there; a new first directory has its entries and the picture's.

    Raises:
        ValueError: larger than TIFF allows.
    """
    held = {part.kind: part.data for part in parts}
    body = held.get(PartKind.EXIF, ifd.signature("<", 8) + b"\0\0")
    order, place, _ = ifd.header(body)
    directory = ifd.read(body, place, order)
    for tag in _STRUCTURE:
        directory.entries.pop(tag, None)
    body += b"\0" * (len(body) % 2)
    height, width = samples.shape[:2]
    channels = samples.shape[2] if samples.ndim == 3 else 1
    stored = samples.astype(f"{order}u{samples.itemsize}")
    rows = max(1, _STRIP // (width * channels * samples.itemsize))
    strips = [zlib.compress(stored[top : top + rows].tobytes()) for top in range(0, height, rows)]
    places = np.cumsum([len(body), *map(len, strips)])
    body += b"".join(strips)
    body += b"\0" * (len(body) % 2)
    directory.set(_WIDTH, width)
    directory.set(_HEIGHT, height)
    directory.set(_BITS, *[8 * samples.itemsize] * channels)
    directory.set(_COMPRESSION, 8)
    directory.set(_PHOTOMETRIC, _RGB if channels > 2 else _BLACK_IS_ZERO)
    directory.set(_STRIPS, *map(int, places[:-1]))
    directory.set(_SAMPLES, channels)
    directory.set(_ROWS, rows)
    directory.set(_STRIP_BYTES, *map(len, strips))
    directory.set(_PLANAR, 1)
    if channels in (2, 4):
        directory.set(_EXTRA_SAMPLES, _UNASSOCIATED)
    if PartKind.DENSITY in held and _X_RESOLUTION not in directory.entries:
        unit, x, y = density_of(Part(PartKind.DENSITY, held[PartKind.DENSITY]))
        directory.set_rational(_X_RESOLUTION, round(x, 2))
        directory.set_rational(_Y_RESOLUTION, round(y, 2))
        directory.set(_RESOLUTION_UNIT, unit + 1)
    for kind, tag, form in (
        (PartKind.XMP, _XMP, 1),
        (PartKind.IPTC, _IPTC, 7),
        (PartKind.ICC, _ICC, 7),
        (PartKind.PHOTOSHOP, _PHOTOSHOP, 1),
    ):
        if kind in held:
            directory.entries[tag] = ifd.Entry(form, held[kind])
    if len(body) >= (1 << 32) - (1 << 20):
        raise ValueError("larger than 4 GB, more than a TIFF file holds")
    return ifd.signature(order, len(body)) + body[8:] + ifd.stored(directory, len(body))


def _samples(data: bytes, directory: ifd.Directory, itemsize: int) -> Samples:
    """Return all samples as stored: (h, w, count), in the machine's byte order."""
    width, height, count = directory.number(_WIDTH), directory.number(_HEIGHT), directory.number(_SAMPLES, 1)
    if directory.number(_PLANAR, 1) == 2:
        planes = _bytes(data, directory, planes=count, pixel=itemsize)
        stored = [_assembled(plane, directory, (height, width, 1), itemsize) for plane in planes]
        return np.concatenate(stored, axis=2)
    (rows,) = _bytes(data, directory, planes=1, pixel=itemsize * count)
    return _assembled(rows, directory, (height, width, count), itemsize)


def _bytes(data: bytes, directory: ifd.Directory, *, planes: int, pixel: int) -> list[npt.NDArray[np.uint8]]:
    """Return the decoded rows of each plane: (h, bytes of a row).

    Args:
        pixel: bytes of a pixel in a plane.
    """
    _, _, big = ifd.header(data)
    body = bytearray(data + b"\0" * (len(data) % 2))
    body[: 16 if big else 8] = ifd.signature("<", len(body), big=big)
    for plane in range(planes):
        view = _as_bytes(directory, plane, planes, pixel)
        size = len(ifd.stored(view, 0, big=big))
        after = len(body) + size if plane + 1 < planes else 0
        body += ifd.stored(view, len(body), big=big, next=after)
    found = []
    with Image.open(BytesIO(body), formats=("TIFF",)) as image:
        for plane in range(planes):
            image.seek(plane)
            found.append(np.array(image))
    return found


def _as_bytes(directory: ifd.Directory, plane: int, planes: int, pixel: int) -> ifd.Directory:
    """Return the directory of a grey 8-bit image whose rows are the bytes of one plane.

    It is little-endian, as Pillow 13 does not know a big-endian BigTIFF.
    """
    view = ifd.Directory("<")
    view.set(_WIDTH, directory.number(_WIDTH) * pixel)
    view.set(_BITS, 8)
    view.set(_PHOTOMETRIC, _BLACK_IS_ZERO)
    view.set(_SAMPLES, 1)
    for tag in (_HEIGHT, _COMPRESSION, _FILL_ORDER, _ROWS, _TILE_HEIGHT):
        if tag in directory.entries:
            view.set(tag, directory.number(tag))
    if _TILE_WIDTH in directory.entries:
        view.set(_TILE_WIDTH, directory.number(_TILE_WIDTH) * pixel)
    for tag in (_STRIPS, _STRIP_BYTES, _TILES, _TILE_BYTES):
        numbers = directory.numbers(tag)
        share = len(numbers) // planes
        if share:
            view.set(tag, *numbers[plane * share : (plane + 1) * share])
    return view


def _assembled(
    rows: npt.NDArray[np.uint8], directory: ifd.Directory, shape: tuple[int, int, int], itemsize: int
) -> Samples:
    """Return rows of bytes as samples, after differences were summed (TIFF 6.0, section 14)."""
    stored = np.ascontiguousarray(rows).view(f"{directory.order}u{itemsize}").reshape(shape)
    samples: Samples = stored.astype(f"u{itemsize}")
    predictor = directory.number(_PREDICTOR, 1)
    if predictor == 2:
        width = directory.number(_TILE_WIDTH, shape[1])
        for left in range(0, shape[1], width):
            block = samples[:, left : left + width]
            np.cumsum(block, axis=1, dtype=samples.dtype, out=block)
    elif predictor != 1:
        raise ValueError(f"predictor {predictor} is not supported")
    return samples


def _unmultiplied(colour: Samples, alpha: Samples) -> Samples:
    """Return the colour of pixels that were stored multiplied by their alpha."""
    top = np.iinfo(colour.dtype).max
    divisor = np.maximum(alpha, 1).astype(np.float64)
    whole = colour / (divisor if colour.ndim == 2 else divisor[..., None]) * top
    return np.asarray(np.minimum(np.round(whole), top).astype(colour.dtype))


def _density(directory: ifd.Directory) -> list[Part]:
    x, y = directory.rational(_X_RESOLUTION), directory.rational(_Y_RESOLUTION)
    unit = directory.number(_RESOLUTION_UNIT, 2) - 1
    if not x or not y or unit not in (0, 1, 2) or (unit == 0 and x == y):
        return []
    return [density(unit, x, y)]


def branches(data: bytes, directory: ifd.Directory) -> dict[int, ifd.Directory]:
    """Return the directories below the first one, with integers of at most 32 bits, as EXIF has them."""
    found: dict[int, ifd.Directory] = {}
    _, _, big = ifd.header(data)
    for tag in ifd.POINTERS:
        for parent in (directory, *found.values()):
            place = parent.number(tag)
            if place:
                try:
                    found[tag] = ifd.read(data, place, directory.order, big=big)
                except ValueError:
                    continue
    for branch in found.values():
        branch.entries = {
            tag: ifd.narrow(entry, branch.order)
            for tag, entry in branch.entries.items()
            if tag not in ifd.POINTERS
        }
    return found
