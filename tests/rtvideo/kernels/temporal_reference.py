"""The temporal filter in float64 on whole planes: what kernels do in strips and tiles."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Plane = npt.NDArray[np.float64]

EDGES = np.array([0, 8, 16, 24, 32, 48, 64, 96, 128, 192, 256], np.float64)
MIDDLES = (EDGES[:-1] + EDGES[1:]) / 2


class Recursive:
    """Frames as planes (luma, or luma and two of chroma; or green, red and blue) in codes of 8 bits.

    Args:
        frames: that a still cell is averaged over at most.
        rgb: the planes are red, green and blue.
        black: code of black; neutral: code of no colour.
    """

    def __init__(self, frames: float, *, rgb: bool = False, black: float = 16, neutral: float = 128) -> None:
        self.frames, self.rgb, self.black, self.neutral = frames, rgb, black, neutral
        self.picture: list[Plane] | None = None
        self.age: Plane = np.zeros((0, 0))
        self.noise, self.slope, self.seen, self.cuts, self.exposed, self.lit = 0.0, 0.0, 0, 0, 0, 0
        self.moving = 0

    def __call__(self, planes: Sequence[Plane]) -> list[Plane]:
        """Return the picture so far."""
        if self.picture is None or self._other_scene(planes):
            self.picture = [plane.copy() for plane in planes]
            self.age = np.ones(cells(planes[0]).shape)
            self.seen, self.moving = 1, 0
            return self.picture
        changes = [new - old for new, old in zip(planes, self.picture, strict=True)]
        luma, level = self._luma(changes), cells(self._luma(self.picture))
        noise = np.clip(self.noise + self.slope * level, 1.1, 6) * (1 + 0.4142 / self.age)
        z = np.maximum(np.abs(around(luma)) / (0.45 * noise), 2 * (around(np.abs(luma)) / (0.72 * noise) - 1))
        for change in changes[::2] if self.rgb else changes[1:]:
            of_colour = near(change - luma if self.rgb else change, luma.shape)
            z = np.maximum(z, np.abs(of_colour) / ((0.8 if self.rgb else 0.5) * noise))
        z = np.maximum(z, 2 + 1.6 * (lines(luma) / noise - 3.5))
        gate = np.clip((z - 2) / 2.5, 0, 1)
        older = np.minimum(self.age + 1, self.frames)
        age = older + gate * (1 - older)
        self.picture = [
            old + change / spread(age, change.shape)
            for old, change in zip(self.picture, changes, strict=True)
        ]
        self.age = np.floor(age * 16 + 0.5) / 16
        self.seen, self.moving = self.seen + 1, int((gate > 0.5).sum())
        return self.picture

    def _luma(self, planes: Sequence[Plane]) -> Plane:
        return 0.25 * (planes[0] + planes[2]) + 0.5 * planes[1] if self.rgb else planes[0]

    def _other_scene(self, planes: Sequence[Plane]) -> bool:
        """Judge noise, exposure and cut; relight what is kept."""
        assert self.picture is not None
        kept = self._luma(self.picture)
        change = self._luma(planes) - kept
        levels, means, squares = blocks(kept), blocks(change), blocks(change**2)
        if not levels.size:
            self.noise, self.slope = self.noise, self.slope
            return False
        spreads = np.sqrt(np.maximum(squares - means**2, 0))
        bins = np.clip(np.searchsorted(EDGES, levels, side="right") - 1, 0, 9)
        count = np.bincount(bins, minlength=10)
        curve, noise, darker = np.full(10, np.nan), np.full(10, np.nan), np.inf
        for k in np.flatnonzero(count >= 16):
            low, middle, high = (quantile(means[bins == k], -128, 0.25, 1024, q) for q in (0.25, 0.5, 0.75))
            if abs(middle) >= 1 and high - low < 0.5 * abs(middle):
                curve[k] = middle
            noise[k] = darker = min(1.05 * quantile(spreads[bins == k], 0, 1 / 16, 256, 0.3), 1.25 * darker)
        believed = ~np.isnan(curve)
        exposed = count[believed].sum() > 0.6 * levels.size
        risen = np.interp(np.arange(257), MIDDLES[believed], curve[believed]) if exposed else np.zeros(257)
        self._learn(MIDDLES, noise, count)
        steps = risen[np.clip((levels + 0.5).astype(int), 0, 256)]
        off = means - steps
        sigma = np.clip(self.noise + self.slope * levels, 1.1, 6)
        of_light = lightness(off, spreads, sigma * np.sqrt(1 + 1 / min(self.seen, self.frames)))
        far = np.abs(off) > 4 * sigma
        if far.sum() > 0.4 * levels.size and 2 * (far & (of_light > 0.5)).sum() <= far.sum():
            self.cuts += 1
            return True
        gain, shone = np.ones((1, 1)), (of_light > 0.5).sum() > 0.05 * levels.size
        if shone:
            gain = 1 + of_light * (self._brightening(levels + steps, levels + means) - 1)
            gain = gain.reshape(-1, -(-kept.shape[1] // 8))
        self.exposed, self.lit = self.exposed + int(exposed), self.lit + int(shone)
        if exposed or shone:
            self._relight(risen, gain)
        return False

    def _learn(self, x: Plane, noise: Plane, count: npt.NDArray[np.int_]) -> None:
        good = ~np.isnan(noise)
        base, slope = 1.0, 0.0
        if good.any():
            y = noise[good] / np.sqrt(1 + 1 / min(self.seen, self.frames))
            n, x = count[good], x[good]
            mean_x, mean_y = np.average(x, weights=n), np.average(y, weights=n)
            variance = (n * (x - mean_x) ** 2).sum()
            if variance > 1e-3 * n.sum():
                slope = float((n * (x - mean_x) * (y - mean_y)).sum() / variance)
            base = float(mean_y - slope * mean_x)
        rate = 0.2 if self.seen > 1 else 1.0
        self.noise += rate * (base - self.noise)
        self.slope += rate * (slope - self.slope)

    def _brightening(self, before: Plane, after: Plane) -> Plane:
        none = self.black - 8
        ratio: Plane = np.clip((after - none) / np.maximum(before - none, 1), 0.25, 4)
        return ratio

    def _relight(self, risen: Plane, gain: Plane) -> None:
        assert self.picture is not None
        luma = self._luma(self.picture)
        level = cells(luma)
        ratio = self._brightening(level, level + np.interp(level, np.arange(257), risen))
        local = at_cells(gain, level.shape)
        zero = self.black if self.rgb else self.neutral
        relit = [zero + (plane - zero) * spread(ratio, plane.shape) for plane in self.picture]
        if not self.rgb:
            relit[0] = luma + np.interp(luma, np.arange(257), risen)
        # Light is added to what is above black; the 8 codes below it keep noise from being multiplied.
        zeros = [self.black - 8] * 3 if self.rgb else [self.black - 8, self.neutral, self.neutral]
        relit = [z + (plane - z) * spread(local, plane.shape) for z, plane in zip(zeros, relit, strict=False)]
        self.picture = [np.clip(plane, 0, 65535 / 256) for plane in relit]


def lightness(change: Plane, spread: Plane, sigma: Plane) -> Plane:
    """Return how much of a block's change is light, which is even, and not motion, which has texture."""
    size = np.abs(change)
    seen: Plane = np.clip(size / sigma - 1.25, 0, 1)
    return seen * np.clip(3.5 + (0.8 * size - 2 * spread) / sigma, 0, 1)


def at_cells(of_blocks: Plane, shape: tuple[int, ...]) -> Plane:
    """Return values of blocks between their middles, 8 columns and 16 rows apart, at the middles of cells."""
    for axis, step in ((0, 16), (1, 8)):
        last = of_blocks.shape[axis] - 1
        at = np.clip((2 * np.arange(shape[axis]) + 1 - 4) / step, 0, last)
        below = np.minimum(at.astype(int), max(last - 1, 0))
        share = np.expand_dims(at - below, 1 - axis)
        above = np.minimum(below + 1, last)
        of_blocks = of_blocks.take(below, axis) * (1 - share) + of_blocks.take(above, axis) * share
    return of_blocks


def quantile(values: Plane, low: float, step: float, count: int, share: float) -> float:
    """Return a quantile of values counted in steps."""
    counts = np.bincount(np.clip(((values - low) / step).astype(int), 0, count - 1), minlength=count)
    wanted, below = share * len(values), np.cumsum(counts) - counts
    i = int(np.flatnonzero((counts > 0) & (below + counts >= wanted))[0])
    return float(low + step * (i + (wanted - below[i]) / counts[i]))


def blocks(plane: Plane) -> Plane:
    """Return the mean of each block of 8 x 8, of every second whole row of blocks."""
    rows = plane.shape[0] // 8
    columns = np.arange(0, plane.shape[1], 8)
    if not rows:
        return np.zeros(0)
    sums = np.add.reduceat(plane[: 8 * rows].reshape(rows, 8, -1).sum(1), columns, axis=1)
    widths = np.diff([*columns, plane.shape[1]])
    means: Plane = (sums / (8 * widths))[::2].ravel()
    return means


def _even(plane: Plane) -> Plane:
    height, width = plane.shape
    return np.pad(plane, ((0, height % 2), (0, width % 2)), "edge")


def cells(plane: Plane) -> Plane:
    """Return the mean of each 2 x 2; the last row and column repeat."""
    p = _even(plane)
    return (p[::2, ::2] + p[1::2, ::2] + p[::2, 1::2] + p[1::2, 1::2]) / 4


def near(colour: Plane, luma: tuple[int, ...]) -> Plane:
    """Return the mean of the 3 x 3 cells around each cell, of a plane that may be subsampled."""
    for axis in (0, 1):
        whole = colour.shape[axis] == luma[axis] and luma[axis] > 1
        pad = [(0, 0), (0, 0)]
        pad[axis] = (2, 2 + luma[axis] % 2) if whole else (1, 1)
        p = np.moveaxis(np.pad(colour, pad, "edge"), axis, 0)
        by_cell = (p[::2] + p[1::2]) / 2 if whole else p
        colour = np.moveaxis((by_cell[:-2] + by_cell[1:-1] + by_cell[2:]) / 3, 0, axis)
    return colour


def around(plane: Plane) -> Plane:
    """Return the mean of the 4 x 4 around each cell."""
    p = np.pad(_even(plane), 1, "edge")
    high, wide = p.shape[0] - 2, p.shape[1] - 2
    mean: Plane = np.zeros((high // 2, wide // 2))
    for i in range(4):
        for j in range(4):
            mean += p[i : i + high : 2, j : j + wide : 2] / 16
    return mean


def lines(plane: Plane) -> Plane:
    """Return of each cell the largest line through it, or the one that falls and ends there.

    As deviations of noise of deviation 1.
    """
    p = cells(np.pad(_even(plane), 4, "edge"))
    high, wide = p.shape[0] - 4, p.shape[1] - 4

    def mean(rows: range, lean: int, deviation: float) -> Plane:
        taken = [p[2 + i : 2 + i + high, 2 + lean * i : 2 + lean * i + wide] for i in rows]
        size: Plane = np.abs(np.mean(taken, 0)) / deviation
        return size

    through = [mean(range(-2, 3), lean, 0.45) for lean in (-1, 0, 1)]
    ending = [mean(range(-2, 1), 0, 0.51), mean(range(3), 0, 0.51)]
    return np.maximum.reduce([*through, *ending])


def spread(of_cells: Plane, shape: tuple[int, ...]) -> Plane:
    """Return what each sample of a plane has of its cell."""
    for axis in (0, 1):
        if of_cells.shape[axis] != shape[axis]:
            of_cells = np.repeat(of_cells, 2, axis)
    return of_cells[: shape[0], : shape[1]]
