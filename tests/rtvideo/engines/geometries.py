"""Geometries of every kind, and dark frames for them."""

from __future__ import annotations

import numpy as np

from rtvideo.colour import Coding, Matrix
from rtvideo.frame import Geometry

BT709 = Coding(Matrix.BT709, False)
NV12 = Geometry(37, 22, "nv", 8, BT709)

GEOMETRIES = [
    NV12,
    Geometry(34, 21, "nv", 10, Coding(Matrix.BT2020_NCL, False), msb=True),
    Geometry(19, 23, "yuv", 8, Coding(Matrix.SMPTE170M, True)),
    Geometry(16, 9, "yuv", 10, BT709, (1, 0)),
    Geometry(7, 5, "rgb", 8, Coding(Matrix.RGB, True)),
    Geometry(6, 5, "yuv", 16, Coding(Matrix.RGB, True), (0, 0)),
    Geometry(9, 4, "gray", 8, BT709),
]


def planes(geometry: Geometry, seed: int, *, gap: int = 0) -> list[np.ndarray]:
    """Dark planes; ``gap`` samples lie between their rows."""
    rng = np.random.default_rng(seed)
    top, made = (1 << geometry.depth) - 1, []
    shift = 16 - geometry.depth if geometry.msb and geometry.depth > 8 else 0
    for k, (h, w) in enumerate(geometry.shapes()):
        plane = np.empty((h, w + gap), np.uint8 if geometry.depth == 8 else np.uint16)
        middle, spread = (0.15, 0.15) if k == 0 or geometry.coding.matrix == Matrix.RGB else (0.5, 0.04)
        plane[...] = (top * rng.uniform(middle - spread, middle + spread, plane.shape)).astype(int) << shift
        made.append(plane[:, :w])
    return made
