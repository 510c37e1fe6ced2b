"""The chunks of PNG files, and their pixels where Pillow would halve the depth.

Portable Network Graphics (PNG) Specification, third edition.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Sequence
from io import BytesIO

import numpy as np
import numpy.typing as npt

from rtvideo.media.images import photoshop, pngtext
from rtvideo.media.images.metadata import Part, PartKind, density, density_of

_SIGNATURE = b"\x89PNG\r\n\x1a\n"

#: Bytes up to where chunks may be put in: the signature, and IHDR, which comes first.
_HEAD = 8 + 25

#: Chunks that are the picture and its animation, or say how it was stored.
_PICTURE = (b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"acTL", b"fcTL", b"fdAT", b"hIST")

#: Chunks whose body is the part.
_KINDS = {
    b"gAMA": PartKind.GAMMA,
    b"cHRM": PartKind.CHROMATICITIES,
    b"sRGB": PartKind.SRGB,
    b"cICP": PartKind.CICP,
    b"eXIf": PartKind.EXIF,
    b"tIME": PartKind.TIME,
    b"mDCV": PartKind.MASTERING,
    b"cLLI": PartKind.LIGHT,
}

#: Bytes of those whose numbers are read.
_SIZES = {b"mDCV": 24, b"cLLI": 8}

#: Chunks that no longer fit.
_STALE = {
    b"sBIT": "significant bits",
    b"bKGD": "background colour",
    b"sPLT": "suggested palette",
    b"caBX": "content credentials (C2PA)",
}

#: Records in text, by the name that programs give them, and what stands before the record.
_RECORDS = {
    "exif": (PartKind.EXIF, b"Exif\0\0"),
    "APP1": (PartKind.EXIF, b"Exif\0\0"),
    "xmp": (PartKind.XMP, b""),
    "iptc": (PartKind.IPTC, b""),
    "icc": (PartKind.ICC, b""),
    "icm": (PartKind.ICC, b""),
}

HOLDS = dict.fromkeys(
    (
        *(
            PartKind.EXIF,
            PartKind.XMP,
            PartKind.IPTC,
            PartKind.PHOTOSHOP,
            PartKind.ICC,
            PartKind.CICP,
            PartKind.GAMMA,
            PartKind.CHROMATICITIES,
            PartKind.MASTERING,
            PartKind.LIGHT,
        ),
        *(PartKind.SRGB, PartKind.DENSITY, PartKind.TEXT, PartKind.TIME, PartKind.TRAILER, PartKind.OTHER),
    ),
    1 << 30,
)


def parts(data: bytes) -> list[Part]:
    """Return all that a file holds besides its pixels.

    Raises:
        ValueError: a chunk reaches beyond the end.
    """
    found: list[Part] = []
    end = len(data)
    for name, body, stop in _chunks(data):
        if name == b"IEND":
            end = stop
        elif name not in _PICTURE:
            found += _parts_of(name, body)
    if data[end:].strip(b"\0\r\n"):
        found.append(
            Part(PartKind.TRAILER, data[end:], f"unknown data behind the picture of {len(data) - end} bytes")
        )
    return found


def with_parts(data: bytes, parts: Sequence[Part]) -> bytes:
    """Return a file without any with the parts in it."""
    names = {kind: name for name, kind in _KINDS.items()}
    chunks, behind = [], b""
    for part in parts:
        if part.kind in names:
            chunks.append((names[part.kind], part.data))
        elif part.kind == PartKind.ICC:
            chunks.append((b"iCCP", b"ICC profile\0\0" + zlib.compress(part.data)))
        elif part.kind == PartKind.DENSITY:
            unit, x, y = density_of(part)
            scale = (1, 1 / 0.0254, 100)[unit]  # to pixels a metre
            chunks.append((b"pHYs", struct.pack(">IIB", round(x * scale), round(y * scale), unit > 0)))
        elif part.kind == PartKind.XMP:
            chunks.append((b"iTXt", pngtext.XMP.encode() + b"\0\0\0\0\0" + part.data))
        elif part.kind in (PartKind.TEXT, PartKind.OTHER):
            chunks.append((part.data[:4], part.data[4:]))
        elif part.kind == PartKind.TRAILER:
            behind += part.data
    if resources := photoshop.stored(parts):
        text = pngtext.raw("iptc", resources)
        chunks.append((text[:4], text[4:]))
    return data[:_HEAD] + b"".join(_chunk(name, body) for name, body in chunks) + data[_HEAD:] + behind


def is_deep(data: bytes) -> bool:
    """Whether samples have 16 bits."""
    return data[:8] == _SIGNATURE and data[24:25] == b"\x10"


def read_deep(data: bytes) -> npt.NDArray[np.uint16]:
    """Return the samples of a 16-bit file: (h, w) or (h, w, channels).

    Raises:
        ValueError: it is damaged.
    """
    import av

    try:
        with av.open(BytesIO(data), "r", format="png_pipe") as container:
            frame = next(container.decode(video=0), None)
    except av.FFmpegError as error:
        raise ValueError(f"FFmpeg cannot decode it: {error.strerror}") from None
    if frame is None:
        raise ValueError("no picture in the PNG file")
    channels = {"gray16be": 1, "ya16be": 2, "rgb48be": 3, "rgba64be": 4}[frame.format.name]
    plane = frame.planes[0]
    rows = np.frombuffer(memoryview(plane), ">u2").reshape(frame.height, plane.line_size // 2)
    samples = rows[:, : frame.width * channels].astype(np.uint16)
    return samples if channels == 1 else samples.reshape(frame.height, frame.width, channels)


def write_deep(samples: npt.NDArray[np.uint16]) -> bytes:
    """Return a file of (h, w) or (h, w, channels) samples."""
    import av

    height, width = samples.shape[:2]
    channels = 1 if samples.ndim == 2 else samples.shape[2]
    frame = av.VideoFrame(width, height, {1: "gray16be", 2: "ya16be", 3: "rgb48be", 4: "rgba64be"}[channels])
    plane = frame.planes[0]
    rows = np.frombuffer(memoryview(plane), ">u2").reshape(height, plane.line_size // 2)
    rows[:, : width * channels] = samples.reshape(height, -1)
    encoder = av.CodecContext.create("png", "w")
    encoder.width, encoder.height, encoder.pix_fmt = width, height, frame.format.name
    encoder.time_base = 1  # type: ignore[assignment]
    data = b"".join(bytes(packet) for packet in [*encoder.encode(frame), *encoder.encode(None)])
    # FFmpeg adds chunks of its own, such as a pixel aspect ratio of 0:1.
    return _SIGNATURE + b"".join(_chunk(name, body) for name, body, _ in _chunks(data) if name in _PICTURE)


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes, int]]:
    """Yield name and body of each chunk up to IEND, and where it ends."""
    place = len(_SIGNATURE)
    while place + 12 <= len(data):
        size, name = struct.unpack_from(">I4s", data, place)
        place += 12 + size
        if place > len(data):
            raise ValueError(f"the PNG chunk {name.decode('latin-1')!r} reaches beyond the end")
        yield name, data[place - 4 - size : place - 4], place
        if name == b"IEND":
            return


def _parts_of(name: bytes, body: bytes) -> list[Part]:
    if len(body) != _SIZES.get(name, len(body)):
        return [Part(PartKind.DAMAGED, body, f"damaged {_KINDS[name].value}")]
    if name in _KINDS:
        return [Part(_KINDS[name], body)]
    if name in _STALE:
        return [Part(PartKind.STALE, body, _STALE[name])]
    if name == b"iCCP":
        try:
            return [Part(PartKind.ICC, zlib.decompress(body.partition(b"\0")[2][1:]))]
        except zlib.error:
            return [Part(PartKind.DAMAGED, body, "damaged colour profile")]
    if name == b"pHYs" and len(body) == 9:
        x, y, metre = struct.unpack(">IIB", body)
        if not metre and x == y:
            return []
        return [density(1, x * 0.0254, y * 0.0254) if metre else density(0, x, y)]
    if name in (b"tEXt", b"zTXt", b"iTXt"):
        return _parts_of_text(name + body)
    word = f"unknown chunk {name.decode('latin-1')} of {len(body)} bytes"
    if name[3:].islower():  # safe to copy where the picture has changed
        return [Part(PartKind.OTHER, name + body, word)]
    return [Part(PartKind.STALE, body, word)]


def _parts_of_text(chunk: bytes) -> list[Part]:
    try:
        keyword, text = pngtext.read(chunk)
    except ValueError:
        return [Part(PartKind.DAMAGED, chunk, "damaged text")]
    if keyword == pngtext.XMP:
        return [Part(PartKind.XMP, text.encode())]
    name = keyword.removeprefix(pngtext.RAW)
    record = pngtext.record(text) if name != keyword else None
    if record is not None and record.startswith(photoshop.BEGINNINGS):
        return photoshop.parts(record)
    if record is not None and name in _RECORDS:
        kind, before = _RECORDS[name]
        return [Part(kind, record.removeprefix(before))]
    return [Part(PartKind.TEXT, chunk, f"text {keyword!r}")]


def _chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
