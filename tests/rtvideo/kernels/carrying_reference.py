"""Carrying in float64 on whole planes: the picture so far, read where it was."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Plane = npt.NDArray[np.float64]
Vectors = npt.NDArray[np.float64]

BLOCK = 16  # pixels that a vector stands for
TILE = 8  # samples of a side that are read with one displacement
_AGREE = 0.5  # halves of a pixel by which vectors may differ that one motion makes
_LOSS, _UNLIKE = 0.1, 2.0


def carried(plane: Plane, vectors: Vectors, across: int = 0, down: int = 0) -> Plane:
    """Return a plane of samples of 16 bits, carried.

    Args:
        vectors: (rows, columns, 2) of blocks, x and y, in halves of a pixel.
        across, down: log2 of the plane's subsampling.
    """
    height, width = plane.shape
    out = np.empty_like(plane)
    for top in range(0, height, TILE):
        for left in range(0, width, TILE):
            by = motion_at(vectors, (left + TILE // 2) << across, (top + TILE // 2) << down)
            rows = _read(np.arange(top, min(top + TILE, height)), by[1] / (1 << down), height)
            columns = _read(np.arange(left, min(left + TILE, width)), by[0] / (1 << across), width)
            out[top : top + TILE, left : left + TILE] = rows @ plane @ columns.T
    return np.floor(np.clip(out, 0, 65535) + 0.5)


def carried_ages(ages: Plane, vectors: Vectors) -> Plane:
    """Return the ages of cells of 2x2 pixels, carried to the nearest cell; 0 is what enters the picture."""
    out = np.zeros_like(ages)
    side = TILE // 2
    for top in range(0, ages.shape[0], side):
        for left in range(0, ages.shape[1], side):
            by = motion_at(vectors, 2 * left + TILE // 2, 2 * top + TILE // 2)
            x, y = (int(np.floor(_sixteenths(b / 2 + 0.5))) for b in by)
            for row in range(top, min(top + side, ages.shape[0])):
                for column in range(left, min(left + side, ages.shape[1])):
                    if 0 <= row + y < ages.shape[0] and 0 <= column + x < ages.shape[1]:
                        out[row, column] = ages[row + y, column + x]
    return out


def ages_after(
    age: Plane, steepness: Plane, unsure: Plane, left: Plane, of_block: float, noise: float
) -> Plane:
    """Return ages of cells that begin anew as far as they may be off, or do not look as they should.

    Args:
        steepness: squared gradient in codes a pixel; unsure: squared pixels that a block may be off.
        left: variance of what is left of a block, of which noise makes ``of_block``.
        noise: deviation of a pixel in codes.
    """
    loss = _LOSS * np.maximum(left / of_block - _UNLIKE, 0)
    return np.asarray(1 / (1 / age + steepness * unsure / noise**2 + loss))


def motion_at(vectors: Vectors, x: float, y: float) -> Plane:
    """Return the motion of a place in pixels: between blocks where they agree, else that of the nearest."""
    high, wide, _ = vectors.shape
    u, v = np.clip(x / BLOCK - 0.5, 0, wide - 1), np.clip(y / BLOCK - 0.5, 0, high - 1)
    left, top = min(int(u), max(wide - 2, 0)), min(int(v), max(high - 2, 0))
    right, bottom = min(left + 1, wide - 1), min(top + 1, high - 1)
    around = vectors[[top, top, bottom, bottom], [left, right, left, right]]
    nearest = vectors[bottom if v - top >= 0.5 else top, right if u - left >= 0.5 else left]
    if not nearest.any() or np.abs(around - nearest).max() >= _AGREE:
        return np.asarray(2 * nearest)
    shares = np.outer([1 - (v - top), v - top], [1 - (u - left), u - left]).ravel()
    return np.asarray(2 * shares @ around)


def _sixteenths(by: float) -> float:
    return float(np.floor(by * 16 + 0.5) / 16)


def _read(at: npt.NDArray[np.int_], by: float, count: int) -> Plane:
    """Return (len(at), count): how much of each sample is read, by Lanczos's window of three."""
    by = _sixteenths(by)
    whole = int(np.floor(by))
    weights = np.zeros((len(at), count))
    taps = np.arange(-2, 4)
    off = by - whole - taps
    share = np.sinc(off) * np.sinc(off / 3)
    for tap, part in zip(taps, share / share.sum(), strict=True):
        np.add.at(weights, (np.arange(len(at)), np.clip(at + whole + tap, 0, count - 1)), part)
    return weights
