"""A decoded image and what came with it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from rtvideo.colour import Coding, Matrix
from rtvideo.frame import Geometry
from rtvideo.media.images import exif
from rtvideo.media.images.animation import Animation
from rtvideo.media.images.metadata import Part, PartKind, first

#: uint8 or uint16.
Pixels = npt.NDArray[Any]


@dataclass
class Picture:
    """An image. Its pixels lie as stored: `orientation` says how to turn them upright.

    Attributes:
        pixels: (h, w) for grey or (h, w, 3) RGB; uint8, or uint16 over the full 0..65535.
        alpha: (h, w) of the same type, or None.
        format: what it was stored as, by the name of a row in `rtvideo.media.images.formats`.
        bits: of a sample that the file held, where pixels have 16: those of HEIC and AVIF have 10 or 12.
        lossless: the file held these very pixels.
        sampling: chroma subsampling of a JPEG as Pillow counts it (0 is 4:4:4), or -1.
        animation: all pictures, of which this is the first, and their times; None for a still.
        curve: of `rtvideo.transfer.CURVES`, of an HDR picture; else empty.
        parts: what the file holds besides.
        warnings: what could not be kept in reading, one line each.
    """

    pixels: Pixels
    alpha: Pixels | None = None
    format: str = "PNG"
    bits: int = 16
    lossless: bool = True
    sampling: int = -1
    animation: Animation | None = None
    curve: str = ""
    parts: list[Part] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    @property
    def geometry(self) -> Geometry:
        """Return the geometry of the one plane that `plane` gives."""
        height, width = self.pixels.shape[:2]
        depth = 8 * self.pixels.itemsize
        if self.pixels.ndim == 2:  # any matrix will do: grey has no chroma
            return Geometry(width, height, "gray", depth, Coding(Matrix.BT709, True, self.curve))
        return Geometry(width, height, "rgb", depth, Coding(Matrix.RGB, True, self.curve))

    @property
    def plane(self) -> Pixels:
        """Return the pixels, without alpha, as an engine takes them: (h, w) or (h, 3 w)."""
        return np.ascontiguousarray(self.pixels).reshape(self.pixels.shape[0], -1)

    @property
    def orientation(self) -> int:
        """Return 1 to 8 as EXIF counts; 1 is upright."""
        data = first(self.parts, PartKind.EXIF)
        return 1 if data is None else exif.orientation(data)

    @property
    def interleaved(self) -> Pixels:
        """Return colour and alpha in one array: (h, w), or (h, w, 2 to 4)."""
        return self.pixels if self.alpha is None else np.dstack([self.pixels, self.alpha])
