"""Debanding near black in float64 on whole planes: what kernels do in strips and tiles."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Plane = npt.NDArray[np.float64]

CELL, LEVELS = 4, 4
DARK, TOLERANCE, OF_SAMPLE, GATE = 12.0, 3.5, 2.0, 3.0
DARK_COLOUR, COLOUR_TOLERANCE, COLOUR_NOISE, EDGE = 31.0, 2.5, 3.0, 2.0


def deband(planes: list[Plane], code: float) -> list[Plane]:
    """Return planes without bands.

    Args:
        planes: luma above black, and two colours around zero or none, in codes of 8 bits.
        code: the size of a code in codes of 8 bits, at least a half.
    """
    height, width = planes[0].shape
    cells = [(CELL // _times(height, p.shape[0]), CELL // _times(width, p.shape[1])) for p in planes]
    means = [[_means(p, c) for p, c in zip(planes, cells, strict=True)]]
    within = [
        _means(np.abs(p - _each(m, c, p.shape)), c) for p, c, m in zip(planes, cells, means[0], strict=True)
    ]
    coloured = len(planes) > 1
    of_colour = np.maximum(within[1], within[2]) if coloured else np.zeros_like(within[0])
    if not coloured:
        means[0] += [np.zeros_like(means[0][0])] * 2
    noise = [of_colour]
    for level in range(1, LEVELS):
        means.append([_halved(m) for m in means[-1]])
        noise.append(_halved(noise[-1]) if level == 1 else _least(noise[-1]))

    smooth = [_around(m) for m in means[-1]]
    floor = _around(noise[-1])
    for level in range(LEVELS - 2, -1, -1):
        shape = means[level][0].shape
        smooth, floor = [_doubled(s, shape) for s in smooth], _doubled(floor, shape)
        off = [np.abs(m - s) for m, s in zip(means[level], smooth, strict=True)]
        shares = _shares(smooth[0], _around(off[0]), _around(np.maximum(off[1], off[2])), floor, code)
        smooth = [
            m + shares[c > 0] * (s - m) for c, (m, s) in enumerate(zip(means[level], smooth, strict=True))
        ]

    off = [np.abs(m - s) for m, s in zip(means[0], smooth, strict=True)]
    deviation = _around(within[0] + off[0])
    colour = _around(of_colour + np.maximum(off[1], off[2]))
    shares = _shares(smooth[0], deviation, colour, floor, code)
    per = [1 / (OF_SAMPLE * code) * np.ones_like(deviation), 1 / _tolerance(floor, code)]
    done = []
    for c, (plane, cell) in enumerate(zip(planes, cells, strict=True)):
        way = _enlarged(smooth[c], cell, plane.shape) - plane
        gate = np.clip(GATE - np.abs(way) * _enlarged(per[c > 0], cell, plane.shape), 0, 1)
        done.append(plane + _enlarged(shares[c > 0], cell, plane.shape) * gate * way)
    return done


def _shares(level: Plane, deviation: Plane, colour: Plane, floor: Plane, code: float) -> list[Plane]:
    light = np.maximum(level, 0)
    luma = np.exp(-((light / (DARK * code)) ** 2) - (deviation / (TOLERANCE * code)) ** 2)
    edge, off = deviation / (0.5 * light + EDGE * code), colour / _tolerance(floor, code)
    knee = (DARK_COLOUR * code) ** 2
    return [luma, np.exp(-(edge**2) - off**2) * knee / (light**2 + knee)]


def _tolerance(noise: Plane, code: float) -> Plane:
    return COLOUR_NOISE * noise + COLOUR_TOLERANCE * code


def _times(whole: int, part: int) -> int:
    """Pixels that a sample stands for."""
    return 1 if whole == part else 2


def _means(plane: Plane, cell: tuple[int, int]) -> Plane:
    """Means over cells; the last row and column repeat beyond edges."""
    high, wide = cell
    padded = np.pad(plane, ((0, -plane.shape[0] % high), (0, -plane.shape[1] % wide)), "edge")
    return padded.reshape(padded.shape[0] // high, high, padded.shape[1] // wide, wide).mean((1, 3))


def _each(cells: Plane, cell: tuple[int, int], shape: tuple[int, ...]) -> Plane:
    return np.kron(cells, np.ones(cell))[: shape[0], : shape[1]]


def _halved(x: Plane) -> Plane:
    return _means(x, (2, 2))


def _least(x: Plane) -> Plane:
    padded = np.pad(x, ((0, x.shape[0] % 2), (0, x.shape[1] % 2)), "edge")
    return padded.reshape(padded.shape[0] // 2, 2, padded.shape[1] // 2, 2).min((1, 3))


def _around(x: Plane) -> Plane:
    """Means over 3 x 3, edges repeated."""
    padded = np.pad(x, 1, "edge")
    rows = padded[:-2] + padded[1:-1] + padded[2:]
    return (rows[:, :-2] + rows[:, 1:-1] + rows[:, 2:]) / 9


def _doubled(x: Plane, shape: tuple[int, ...]) -> Plane:
    return _enlarged(x, (2, 2), shape)


def _enlarged(x: Plane, cell: tuple[int, int], shape: tuple[int, ...]) -> Plane:
    """Bilinear, half-pixel centres, cropped to a shape."""
    for axis in (0, 1):
        at = np.clip((np.arange(shape[axis]) + 0.5) / cell[axis] - 0.5, 0, x.shape[axis] - 1)
        low = np.minimum(at.astype(int), x.shape[axis] - 1)
        high = np.minimum(low + 1, x.shape[axis] - 1)
        share = (at - low).reshape((-1, 1) if axis == 0 else (1, -1))
        x = np.take(x, low, axis) * (1 - share) + np.take(x, high, axis) * share
    return x
