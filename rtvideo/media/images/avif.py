"""AVIF files of 10 and 12 bits, which Pillow reads and writes with 8: FFmpeg decodes and encodes AV1.

FFmpeg's muxer writes a picture and nothing else. So its pieces are put together anew here, with transparency,
metadata and colour profile beside it (ISO/IEC 23008-12 and 14496-12; AV1 Image File Format, version 1.1).
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from io import BytesIO

import numpy as np

from rtvideo.colour import Coding, Matrix, coding_of
from rtvideo.media.images import heif
from rtvideo.media.images.depth import widened
from rtvideo.media.images.metadata import Part, PartKind, first
from rtvideo.media.images.picture import Pixels

#: What is written; and the fewest pixels of a side that the encoder takes.
BITS, LEAST = 10, 4

#: As good as the quality 95 of 8-bit files.
_CRF = 7

_RGB = Coding(Matrix.RGB, full_range=True)

_ALPHA = b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha\0"


def read(data: bytes, size: tuple[int, int]) -> Pixels | None:
    """Return the samples as stored, 16 bits: (h, w) or (h, w, channels).

    Args:
        size: width and height of the whole picture.

    Returns:
        None for a picture that is put together of tiles.

    Raises:
        ValueError: it is damaged.
    """
    import av

    try:
        planes = []
        with av.open(BytesIO(data), "r") as container:
            count = len(container.streams.video)
        for index in range(min(count, 2)):  # the second holds the transparency
            with av.open(BytesIO(data), "r") as container:
                frame = next(container.decode(video=index))
                if (frame.width, frame.height) != size:
                    return None
                planes.append(_samples(frame))
    except (av.FFmpegError, StopIteration) as error:
        raise ValueError(f"FFmpeg cannot decode it: {error}") from None
    if len(planes) == 1:
        return planes[0]
    return np.dstack([planes[0], planes[1].reshape(*planes[1].shape[:2], -1)[..., 0]])


def write(pixels: Pixels, parts: Sequence[Part]) -> bytes:
    """Return a file of (h, w) or (h, w, channels) samples of 16 bits, upright, with parts beside it."""
    height, width = pixels.shape[:2]
    channels = pixels.reshape(height, width, -1)
    colour, alpha = channels[..., :3], channels[..., 3:]
    if channels.shape[2] < 3:
        colour, alpha = channels[..., :1], channels[..., 1:]
    points = first(parts, PartKind.CICP) or heif.SRGB
    items = [_picture(colour, points)]
    profile = first(parts, PartKind.ICC)
    if profile is not None:
        items[0].properties.append(_box(b"colr", b"prof", profile))
    items[0].properties += [_box(name, body) for name, body in heif.light_boxes(parts)]
    if alpha.size:
        items.append(_picture(alpha, points, b"auxl"))
        items[1].properties.append(_box(b"auxC", bytes(4), _ALPHA))
    for part in parts:
        if part.kind == PartKind.EXIF:
            items.append(_Item(b"Exif\0", bytes(4) + part.data, b"cdsc"))
        elif part.kind == PartKind.XMP:
            items.append(_Item(b"mime\0application/rdf+xml\0", part.data, b"cdsc"))
    return _file(items)


@dataclass
class _Item:
    """One thing in a file.

    Attributes:
        kind: four letters, the name, and of metadata the type, each ended by a zero.
        reference: what it is to the first item; nothing for that one.
        properties: boxes.
    """

    kind: bytes
    data: bytes
    reference: bytes = b""
    properties: list[bytes] = field(default_factory=list)


def _samples(frame: object) -> Pixels:
    """Return (h, w) or (h, w, 3) samples of 16 bits."""
    import av

    from rtvideo.media.planes import FrameConverter, FrameFormat, depth_of

    assert isinstance(frame, av.VideoFrame)
    coding = coding_of(frame.colorspace, frame.color_range, 2, frame.height)
    if frame.format.name.startswith("gray") and coding.full_range:
        return widened(frame.to_ndarray(), depth_of(frame.format.name))
    rgb = FrameFormat("rgb48le", frame.width, frame.height, _RGB)
    pixels = FrameConverter(rgb)(frame, coding).to_ndarray()
    return pixels[..., 0] if frame.format.name.startswith("gray") else pixels


def _picture(channels: Pixels, points: bytes, reference: bytes = b"") -> _Item:
    """Encode (h, w, 1 or 3) samples, coded as the code points say."""
    import av

    from rtvideo.media.encoders import spec_of
    from rtvideo.media.planes import FrameConverter, FrameFormat

    height, width, count = channels.shape
    samples = np.ascontiguousarray(np.repeat(channels, 3, axis=2) if count == 1 else channels)
    matrix = Matrix(heif.matrix_of(points))
    target = FrameFormat("yuv420p10le", width, height, Coding(matrix, full_range=True))
    frame = FrameConverter(target)(av.VideoFrame.from_ndarray(samples, "rgb48le"), _RGB)
    file = BytesIO()
    with av.open(file, "w", format="avif") as container:
        stream = container.add_stream("libsvtav1", rate=1)
        stream.width, stream.height, stream.pix_fmt = width, height, target.pix_fmt
        stream.options = {**spec_of("libsvtav1").options, "crf": str(_CRF), "svtav1-params": "avif=1"}
        context = stream.codec_context
        context.color_primaries, context.color_trc = points[0], points[1]
        context.colorspace, context.color_range = int(matrix), 2
        container.mux([*stream.encode(frame), *stream.encode(None)])
    boxes = dict(heif.boxes(file.getvalue()))
    return _Item(
        b"av01\0",
        boxes[b"mdat"],
        reference,
        [_box(name, body) for name, body in heif.properties(file.getvalue())],
    )


def _file(items: Sequence[_Item]) -> bytes:
    kind = _box(b"ftyp", b"avif", bytes(4), b"avifmif1miafMA1B")
    start = len(kind) + len(_meta(items, 0)) + 8
    return kind + _meta(items, start) + _box(b"mdat", *(item.data for item in items))


def _meta(items: Sequence[_Item], place: int) -> bytes:
    """Return the box that says what there is; the data of the items begin at ``place``."""
    entries, places, references, associations, properties = b"", b"", b"", b"", b""
    count = 0
    for number, item in enumerate(items, 1):
        entries += _box(b"infe", struct.pack(">BxxxHH", 2, number, 0), item.kind)
        places += struct.pack(">HHHII", number, 0, 1, place, len(item.data))
        place += len(item.data)
        if item.reference:
            references += _box(item.reference, struct.pack(">HHH", number, 1, 1))
        if item.properties:
            first_of_it, count = count + 1, count + len(item.properties)
            needed = [each[4:8] == b"av1C" for each in item.properties]  # the essential one
            numbers = bytes(128 * must + first_of_it + k for k, must in enumerate(needed))
            associations += struct.pack(">HB", number, len(numbers)) + numbers
            properties += b"".join(item.properties)
    pictures = sum(bool(item.properties) for item in items)
    boxes = [
        _box(b"hdlr", bytes(8), b"pict", bytes(13)),
        _box(b"pitm", bytes(4), struct.pack(">H", 1)),
        _box(b"iloc", bytes(4), b"\x44\0", struct.pack(">H", len(items)), places),
        _box(b"iinf", bytes(4), struct.pack(">H", len(items)), entries),
        *([_box(b"iref", bytes(4), references)] if references else []),
        _box(
            b"iprp",
            _box(b"ipco", properties),
            _box(b"ipma", bytes(4), struct.pack(">I", pictures), associations),
        ),
    ]
    return _box(b"meta", bytes(4), *boxes)


def _box(name: bytes, *bodies: bytes) -> bytes:
    body = b"".join(bodies)
    return struct.pack(">I4s", 8 + len(body), name) + body
