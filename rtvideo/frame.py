"""A frame as engines take it: planes, and the geometry that says what they hold.

No file, camera or PyAV: planes are 2-D arrays as a decoder delivers them and as an encoder takes them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rtvideo.colour import Coding

#: uint8 for 8-bit formats, uint16 for deeper ones (value in the low bits; P010 in the high bits).
Plane = npt.NDArray[np.uint8] | npt.NDArray[np.uint16]
Planes = Sequence[Plane]


@dataclass(frozen=True)
class Geometry:
    """What stays the same from frame to frame.

    Attributes:
        width, height: of the picture in pixels, at least 1; odd sizes are allowed.
        layout: ``yuv`` (three planes), ``nv`` (luma, then interleaved chroma of shape (h, 2 w)), ``rgb`` (one
            plane of shape (h, 3 w)) or ``gray`` (one plane).
        depth: bits a sample, 8 to 16. Above 8 the planes are uint16.
        msb: samples sit in the high bits of their uint16 (P010) instead of the low ones.
        chroma: log2 of the chroma subsampling, horizontal and vertical: (1, 1) is 4:2:0, (1, 0) 4:2:2,
            (0, 0) 4:4:4.
            Chroma planes are ``ceil(width / 2 ** h)`` by ``ceil(height / 2 ** v)``.
        coding: how samples become RGB: matrix and range.
    """

    width: int
    height: int
    layout: str
    depth: int
    coding: Coding
    chroma: tuple[int, int] = (1, 1)
    msb: bool = False

    def shapes(self) -> list[tuple[int, int]]:
        """Return the shape of each plane, rows first."""
        h, w = self.height, self.width
        ch, cw = -(-h // (1 << self.chroma[1])), -(-w // (1 << self.chroma[0]))
        return {
            "yuv": [(h, w), (ch, cw), (ch, cw)],
            "nv": [(h, w), (ch, 2 * cw)],
            "rgb": [(h, 3 * w)],
            "gray": [(h, w)],
        }[self.layout]

    def empty(self) -> list[Plane]:
        """Return fresh, uninitialised planes of this geometry."""
        if self.depth == 8:
            return [np.empty(shape, np.uint8) for shape in self.shapes()]
        return [np.empty(shape, np.uint16) for shape in self.shapes()]


def check_planes(geometry: Geometry, planes: Planes) -> None:
    """Raise ValueError unless ``planes`` have the geometry's shapes and sample type."""
    dtype = np.dtype(np.uint8 if geometry.depth == 8 else np.uint16)
    if [(plane.shape, plane.dtype) for plane in planes] != [(shape, dtype) for shape in geometry.shapes()]:
        given = ", ".join(f"{plane.dtype}{list(plane.shape)}" for plane in planes)
        wanted = ", ".join(f"{dtype}{list(shape)}" for shape in geometry.shapes())
        raise ValueError(f"planes are {given}; the session was opened for {wanted}")


def pass_through(planes: Planes, out: Planes) -> None:
    """Copy a frame's samples, whatever the row strides: what strength 0 promises, bit for bit."""
    for source, target in zip(planes, out, strict=True):
        np.copyto(target, source)
