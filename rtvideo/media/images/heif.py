"""HEIC and AVIF files: one container (ISO/IEC 23008-12), whose boxes list what is in them."""

from __future__ import annotations

import importlib
import struct
from collections.abc import Iterator, Sequence
from io import BytesIO

from PIL import Image, features

from rtvideo.errors import UnavailableError
from rtvideo.media.images import exif
from rtvideo.media.images.metadata import Part, PartKind
from rtvideo.version import install

HOLDS = dict.fromkeys((PartKind.EXIF, PartKind.XMP, PartKind.ICC), 1 << 30)

#: Boxes that make up a file with still or moving pictures.
_KNOWN = (b"ftyp", b"meta", b"mdat", b"idat", b"free", b"skip", b"moov")

#: Items that are pictures, pieces of them, or put pieces together; and those that `parts` lists.
_PICTURES = (
    b"hvc1",
    b"hev1",
    b"av01",
    b"grid",
    b"iovl",
    b"iden",
    b"jpeg",
    b"avc1",
    b"unci",
    b"lhv1",
    b"tmap",
)
_LISTED = (b"Exif",)

#: What auxiliary pictures are, by a word in their URN.
_ALPHA = ("auxiliary:alpha", "auxid:1")
_AUXILIARIES = {"auxid:2": "depth map", "auxiliary:depth": "depth map", "gainmap": "gain map"}


def require(name: str) -> None:
    """Make Pillow read and write a format that not every installation has.

    Args:
        name: ``HEIF``, ``AVIF``, or any other, which needs nothing.

    Raises:
        UnavailableError: what is needed is not installed; the message says how to install it.
    """
    if name == "AVIF" and not features.check("avif"):
        raise UnavailableError("AVIF needs a newer Pillow: pip install --upgrade 'pillow>=11.3'")
    if name == "HEIF":
        try:
            importlib.import_module("pillow_heif").register_heif_opener()
        except ImportError:
            raise UnavailableError(f"HEIC needs pillow-heif: {install('photos')}") from None


def name_of(data: bytes) -> str:
    """Return ``HEIF`` or ``AVIF`` by a file's brands (section 6); nothing for other files."""
    if data[4:8] != b"ftyp":
        return ""
    brands = data[8 : int.from_bytes(data[:4], "big")]
    if b"avif" in brands or b"avis" in brands:
        return "AVIF"
    return "HEIF" if any(brand in brands for brand in (b"heic", b"heix", b"mif1", b"hevc", b"heim")) else ""


def parts(data: bytes) -> list[Part]:
    """Return all that a file holds besides the picture.

    Raises:
        ValueError: a box reaches beyond the end.
    """
    with Image.open(BytesIO(data), formats=("AVIF", "HEIF")) as image:
        info = image.info
    found = []
    for kind, key in ((PartKind.EXIF, "exif"), (PartKind.XMP, "xmp"), (PartKind.ICC, "icc_profile")):
        if info.get(key):
            found.append(Part(kind, bytes(info[key]).removeprefix(b"Exif\0\0")))
    for name, body in _boxes(data):
        if name not in _KNOWN:
            word = f"unknown box {name.decode('latin-1')!r} of {len(body)} bytes"
            found.append(Part(PartKind.OTHER, body, word))
        if name == b"meta":
            found += _items(body[4:])
    return found


def options(parts: Sequence[Part]) -> dict[str, bytes]:
    """Return what Pillow's ``save`` takes to store parts beside an upright picture.

    Pillow would write EXIF data anew if there were an orientation in it.
    """
    held = {part.kind: part.data for part in parts}
    found = {"icc_profile": held.get(PartKind.ICC), "xmp": held.get(PartKind.XMP)}
    if PartKind.EXIF in held:
        found["exif"] = b"Exif\0\0" + exif.without_orientation(held[PartKind.EXIF])
    return {name: data for name, data in found.items() if data is not None}


def transfer(data: bytes) -> int:
    """Return the transfer code point (H.273) that a picture names, 2 (unspecified) if none does."""
    for name, body in _properties(data):
        if name == b"colr" and body[:4] == b"nclx":
            return int.from_bytes(body[6:8], "big")
    return 2


def depth(data: bytes) -> int:
    """Return the bits a sample; 8 for other files."""
    if not name_of(data):
        return 8
    depths = [body[5] for name, body in _properties(data) if name == b"pixi" and len(body) > 5]
    depths += [
        8 + 2 * (body[2] >> 6 & 1) + 2 * (body[2] >> 5 & body[2] >> 6 & 1)
        for name, body in _properties(data)
        if name == b"av1C"
    ]
    depths += [8 + (body[17] & 7) for name, body in _properties(data) if name == b"hvcC"]
    return max(depths, default=8)


def _items(meta: bytes) -> list[Part]:
    found = []
    for name, body in _boxes(meta):
        if name == b"iinf":
            for _, entry in _boxes(body[6 if body[0] == 0 else 8 :]):
                kind = entry[8:12] if entry[0] == 2 else entry[10:14]
                rest = entry[12:] if entry[0] == 2 else entry[14:]
                if kind == b"tmap":
                    found.append(Part(PartKind.STALE, b"", "gain map"))
                elif kind not in _PICTURES and kind not in _LISTED and b"application/rdf+xml" not in rest:
                    found.append(Part(PartKind.OTHER, b"", f"unknown item {kind.decode('latin-1')!r}"))
        elif name == b"iref":
            names = [name for name, _ in _boxes(body[4:])]
            found += [Part(PartKind.STALE, b"", "preview")] * (b"thmb" in names)
    for name, body in _properties_of(meta):
        if name == b"auxC":
            urn = body[4:].split(b"\0")[0].decode("latin-1")
            word = next(
                (word for part, word in _AUXILIARIES.items() if part in urn), f"auxiliary picture {urn}"
            )
            if not urn.endswith(_ALPHA):
                found.append(Part(PartKind.STALE, b"", word))
    return found


def _properties(data: bytes) -> list[tuple[bytes, bytes]]:
    return [each for name, body in _boxes(data) if name == b"meta" for each in _properties_of(body[4:])]


def _properties_of(meta: bytes) -> Iterator[tuple[bytes, bytes]]:
    for name, body in _boxes(meta):
        if name == b"iprp":
            for inner, properties in _boxes(body):
                if inner == b"ipco":
                    yield from _boxes(properties)


def _boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield name and body of each box."""
    place = 0
    while place + 8 <= len(data):
        size, name = struct.unpack_from(">I4s", data, place)
        head = 8
        if size == 1 and place + 16 <= len(data):
            (size,), head = struct.unpack_from(">Q", data, place + 8), 16
        end = len(data) if size == 0 else place + size
        if end > len(data) or (size and size < head):
            raise ValueError(f"the box {name.decode('latin-1')!r} reaches beyond the end")
        yield name, data[place + head : end]
        place = end
