"""HEIC and AVIF files: one container (ISO/IEC 23008-12), whose boxes list what is in them."""

from __future__ import annotations

import importlib
import struct
from collections.abc import Iterator, Sequence
from io import BytesIO
from typing import Any

from PIL import Image, features

from rtvideo.errors import UnavailableError
from rtvideo.media.images import exif
from rtvideo.media.images.metadata import Part, PartKind
from rtvideo.transfer import of_tag
from rtvideo.version import install

HOLDS = dict.fromkeys(
    (PartKind.EXIF, PartKind.XMP, PartKind.ICC, PartKind.CICP, PartKind.MASTERING, PartKind.LIGHT), 1 << 30
)

#: Code points of pictures that say nothing, as PNG stores them: primaries, transfer, RGB, full range.
SRGB = bytes((1, 13, 0, 1))

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

#: Properties that speak of light and are not written.
_NAMED = {
    b"amve": "ambient viewing environment",
    b"cclv": "content colour volume",
    b"ndwt": "luminance of diffuse white",
}

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
    found += _colour(data, profile=info.get("icc_profile"))
    for name, body in boxes(data):
        if name not in _KNOWN:
            word = f"unknown box {name.decode('latin-1')!r} of {len(body)} bytes"
            found.append(Part(PartKind.OTHER, body, word))
        if name == b"meta":
            found += _items(body[4:])
    return found


def options(parts: Sequence[Part], name: str) -> dict[str, Any]:
    """Return what ``save`` of Pillow or pillow-heif takes to store parts beside an upright picture.

    Pillow would write EXIF data anew if there were an orientation in it.
    """
    held = {part.kind: part.data for part in parts}
    found = {"icc_profile": held.get(PartKind.ICC), "xmp": held.get(PartKind.XMP)}
    if PartKind.EXIF in held:
        found["exif"] = b"Exif\0\0" + exif.without_orientation(held[PartKind.EXIF])
    given: dict[str, Any] = {name: data for name, data in found.items() if data is not None}
    if name == "HEIF" and (points := held.get(PartKind.CICP)):
        given |= {"color_primaries": points[0], "transfer_characteristics": points[1]}
        given |= {"matrix_coefficients": matrix_of(points), "full_range_flag": 1}
    if name == "HEIF" and PartKind.LIGHT in held:
        levels = struct.unpack(">HH", _light_box(held[PartKind.LIGHT]))
        names = ("max_content_light_level", "max_pic_average_light_level")
        given["content_light_level"] = dict(zip(names, levels, strict=True))
    if name == "HEIF" and PartKind.MASTERING in held:
        given["mastering_display_colour_volume"] = _mastering_display(held[PartKind.MASTERING])
    return given


def with_code_points(data: bytes, points: bytes) -> bytes:
    """Return a file of Pillow's, which says sRGB, with other code points."""
    place = data.find(b"colrnclx") + 8
    return data[:place] + struct.pack(">HH", points[0], points[1]) + data[place + 4 :] if place > 7 else data


def matrix_of(points: bytes) -> int:
    """Return the matrix (H.273) that pictures of such primaries are stored with."""
    return 9 if points[0] == 9 else 6


def light_boxes(parts: Sequence[Part]) -> list[tuple[bytes, bytes]]:
    """Return the properties, name and body, that hold mastering display and content light level."""
    found = []
    for part in parts:
        if part.kind == PartKind.MASTERING:
            found.append((b"mdcv", part.data[4:12] + part.data[:4] + part.data[12:]))  # green is first
        elif part.kind == PartKind.LIGHT:
            found.append((b"clli", _light_box(part.data)))
    return found


def depth(data: bytes) -> int:
    """Return the bits a sample; 8 for other files."""
    if not name_of(data):
        return 8
    depths = [body[5] for name, body in properties(data) if name == b"pixi" and len(body) > 5]
    depths += [
        8 + 2 * (body[2] >> 6 & 1) + 2 * (body[2] >> 5 & body[2] >> 6 & 1)
        for name, body in properties(data)
        if name == b"av1C"
    ]
    depths += [8 + (body[17] & 7) for name, body in properties(data) if name == b"hvcC"]
    return max(depths, default=8)


def _colour(data: bytes, profile: bytes | None) -> list[Part]:
    """Return what properties say of colour and light, as PNG's chunks say it."""
    found = []
    for name, body in properties(data):
        if name == b"colr" and body[:4] == b"nclx":
            primaries, transfer = struct.unpack_from(">HH", body, 4)
            # Beside a profile they say how samples are stored, and nothing of colours but that they are HDR.
            if transfer != 2 and (profile is None or of_tag(transfer)):
                found.append(Part(PartKind.CICP, bytes((primaries & 255, transfer & 255, 0, 1))))
        elif name == b"clli" and len(body) >= 4:
            levels = struct.unpack_from(">HH", body)
            found.append(Part(PartKind.LIGHT, struct.pack(">II", *(10_000 * level for level in levels))))
        elif name == b"mdcv" and len(body) >= 24:
            found.append(Part(PartKind.MASTERING, body[8:12] + body[:8] + body[12:24]))
        elif name in _NAMED:
            found.append(Part(PartKind.OTHER, body, _NAMED[name]))
    return list({part.kind: part for part in found}.values())


def _light_box(data: bytes) -> bytes:
    return struct.pack(">HH", *(min(level // 10_000, 65535) for level in struct.unpack(">II", data)))


def _mastering_display(data: bytes) -> dict[str, Any]:
    """Return it as pillow-heif has it: in the same units, green first."""
    *chroma, most, least = struct.unpack(">8H2I", data)
    x, y = ((chroma[2 + axis], chroma[4 + axis], chroma[axis]) for axis in (0, 1))
    names = (
        "white_point_x",
        "white_point_y",
        "max_display_mastering_luminance",
        "min_display_mastering_luminance",
    )
    rest = dict(zip(names, (chroma[6], chroma[7], most, least), strict=True))
    return {"display_primaries_x": x, "display_primaries_y": y} | rest


def _items(meta: bytes) -> list[Part]:
    found = []
    for name, body in boxes(meta):
        if name == b"iinf":
            for _, entry in boxes(body[6 if body[0] == 0 else 8 :]):
                kind = entry[8:12] if entry[0] == 2 else entry[10:14]
                rest = entry[12:] if entry[0] == 2 else entry[14:]
                if kind == b"tmap":
                    found.append(Part(PartKind.STALE, b"", "gain map"))
                elif kind not in _PICTURES and kind not in _LISTED and b"application/rdf+xml" not in rest:
                    found.append(Part(PartKind.OTHER, b"", f"unknown item {kind.decode('latin-1')!r}"))
        elif name == b"iref":
            names = [name for name, _ in boxes(body[4:])]
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


def properties(data: bytes) -> list[tuple[bytes, bytes]]:
    """Return name and body of each property of what is in a file."""
    return [each for name, body in boxes(data) if name == b"meta" for each in _properties_of(body[4:])]


def _properties_of(meta: bytes) -> Iterator[tuple[bytes, bytes]]:
    for name, body in boxes(meta):
        if name == b"iprp":
            for inner, properties in boxes(body):
                if inner == b"ipco":
                    yield from boxes(properties)


def boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield name and body of each box.

    Raises:
        ValueError: a box reaches beyond the end.
    """
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
