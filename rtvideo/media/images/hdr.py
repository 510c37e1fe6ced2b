"""HDR photographs: which curve their samples have, what says so in a file, and SDR made of them."""

from __future__ import annotations

import struct
from collections.abc import Collection, Sequence
from dataclasses import replace

import numpy as np

from rtvideo.colour import Coding, Matrix
from rtvideo.media.images import icc
from rtvideo.media.images.metadata import Part, PartKind, first
from rtvideo.media.images.picture import Picture, Pixels
from rtvideo.transfer import CURVES, WHITE, of_tag

#: Parts that speak of HDR alone.
_OF_HDR = (PartKind.CICP, PartKind.ICC, PartKind.MASTERING, PartKind.LIGHT)

#: Units of PNG's content light level in one cd/m2.
_LIGHT = 10_000


def curve_of(parts: Sequence[Part]) -> str:
    """Return the transfer curve of an HDR picture by its code points or its profile; empty for others."""
    points, profile = first(parts, PartKind.CICP), first(parts, PartKind.ICC)
    tags = [points[1] if points is not None and len(points) > 1 else 2]
    tags += [icc.transfer(profile)] if profile is not None else []
    names = [name for name in map(of_tag, tags) if name and CURVES[name].hdr]
    return names[0] if names else ""


def is_said_by(parts: Sequence[Part], holds: Collection[PartKind]) -> bool:
    """Whether a format that holds such kinds can say that a picture with these parts is HDR."""
    return bool(curve_of([part for part in parts if part.kind in holds]))


def enhanced(parts: Sequence[Part]) -> list[Part]:
    """Return the parts as they hold after enhancement, see `rtvideo.media.hdr.ContentLight.enhanced`."""
    return [_enhanced(part) if part.kind == PartKind.LIGHT else part for part in parts]


def _enhanced(part: Part) -> Part:
    largest, _ = struct.unpack(">II", part.data)
    return replace(part, data=struct.pack(">II", max(largest, round(WHITE * _LIGHT)), 0)) if largest else part


def without(parts: Sequence[Part]) -> list[Part]:
    """Return the parts of an HDR picture that its SDR version has, too."""
    return [part for part in parts if part.kind not in _OF_HDR]


def to_sdr(picture: Picture) -> Picture:
    """Return an HDR picture as SDR (sRGB) of the same depth, by the table of colours that video takes."""
    import av

    from rtvideo.media.planes import FrameConverter, FrameFormat

    coding = Coding(Matrix.RGB, full_range=True)
    height, width = picture.pixels.shape[:2]
    grey = picture.pixels.ndim == 2
    pixels: Pixels = np.repeat(picture.pixels[..., None], 3, axis=2) if grey else picture.pixels
    form = "rgb24" if pixels.dtype == np.uint8 else "rgb48le"
    convert = FrameConverter(FrameFormat(form, width, height, coding))
    frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), form)
    toned = convert(frame, replace(coding, curve=picture.curve)).to_ndarray()
    parts = without(picture.parts)
    return replace(picture, pixels=toned[..., 0] if grey else toned, curve="", parts=parts)
