"""Planes of a decoder or encoder to planar RGB in 0..1 and back, in numpy.

Both directions work on strips that stay in the cache. A chroma sample stands for the block of pixels that it
was averaged over, and the way back takes the same average. So the pair is exact for any siting of chroma,
where a smoother interpolation would blur it a little each time.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from rtvideo.colour import Matrix
from rtvideo.errors import UsageError
from rtvideo.frame import Geometry, Plane, Planes
from rtvideo.kernels.structs import format_of
from rtvideo.transfer import STEPS, tables

Array = npt.NDArray[np.float32]

#: Pixels of a strip; with scratch memory about 16 bytes each, so that a strip fits a 1 MB second-level cache.
_STRIP = 1 << 15


class RgbConverter:
    """Converts frames of one geometry; keeps its scratch memory. Not thread-safe.

    ``yuv`` with matrix ``RGB`` is planar RGB in the order G, B, R (H.273: Y is G, Cb is B, Cr is R).

    Raises:
        UsageError: a layout or depth that does not exist, or planar RGB with subsampled chroma.
    """

    def __init__(self, geometry: Geometry) -> None:
        g = self.geometry = geometry
        if g.layout not in ("yuv", "nv", "rgb", "gray") or not 8 <= g.depth <= 16:
            raise UsageError(
                f"frames of layout {g.layout!r} with {g.depth} bits; allowed: yuv, nv, rgb, gray; 8 to 16"
            )
        self._separate = g.layout == "rgb" or (g.layout == "yuv" and g.coding.matrix == Matrix.RGB)
        if self._separate and g.layout == "yuv" and g.chroma != (0, 0):
            raise UsageError("planar RGB frames cannot have subsampled planes")
        f = self._format = format_of(g)
        self._luma_range, self._chroma_range = (f.luma_low, f.luma_high), (f.chroma_low, f.chroma_high)
        self._h, self._v = f.chroma_x, f.chroma_y
        block = 1 << self._v
        self._rows = max(block, _STRIP // g.width // block * block)
        chroma_width = -(-g.width >> self._h)
        self._luma = np.empty((self._rows, g.width), np.float32)
        self._term = np.empty((self._rows, g.width), np.float32)
        self._wide = np.empty((self._rows >> self._v, chroma_width << self._h), np.float32)
        self._small = np.empty((4, self._rows >> self._v, chroma_width), np.float32)
        self._tables = tables(g.coding.curve, wide=g.coding.wide) if g.coding.curve else None
        self._outside = self._largest = np.zeros((), np.float32)

    def to_rgb(self, planes: Planes, rgb: Array) -> None:
        """Fill ``rgb`` of shape (3, H, W), 0..1, from the planes; what lies outside the gamut is clipped.

        Where there is a transfer curve, what networks cannot see is kept for `from_rgb` (`rtvideo.transfer`).
        """
        self._to_codes(planes, rgb)
        if (table := self._tables) is not None:
            seen = table.seen[(rgb * np.float32(STEPS) + np.float32(0.5)).astype(np.int32)]
            whole = np.tensordot(table.to_view.astype(np.float32), seen, 1)
            np.clip(whole, np.float32(0), np.float32(1), out=rgb)
            self._outside, self._largest = whole - rgb, rgb.max(0)

    def from_rgb(self, rgb: Array, planes: Planes) -> None:
        """Fill the planes from ``rgb`` of shape (3, H, W): rounded, within the coding's legal range."""
        if (table := self._tables) is not None:
            gain = rgb.max(0) / np.maximum(self._largest, np.float32(1e-6))
            mixed = np.tensordot(table.from_view.astype(np.float32), rgb + self._outside * gain, 1)
            root = np.sqrt(np.clip(mixed * np.float32(1 / table.peak), np.float32(0), np.float32(1)))
            rgb = table.coded[(root * np.float32(STEPS) + np.float32(0.5)).astype(np.int32)]
        self._from_codes(rgb, planes)

    def _to_codes(self, planes: Planes, rgb: Array) -> None:
        for a, b in self._strips():
            if self._separate:
                for samples, out in zip(self._rgb_samples(planes), rgb, strict=True):
                    self._unscale(samples[a:b], out[a:b])
            elif self.geometry.layout == "gray":
                self._unscale(planes[0][a:b], rgb[0, a:b])
                rgb[1:, a:b] = rgb[0, a:b]
            else:
                self._yuv_to_rgb(planes, rgb, a, b)

    def _from_codes(self, rgb: Array, planes: Planes) -> None:
        for a, b in self._strips():
            if self._separate:
                for samples, plane in zip(rgb, self._rgb_samples(planes), strict=True):
                    term = np.multiply(samples[a:b], np.float32(self._format.scale), out=self._term[: b - a])
                    self._store(term, self._format.black, self._luma_range, plane[a:b])
            else:
                luma = self._luma_of(rgb[:, a:b])
                if self.geometry.layout != "gray":
                    self._store_chroma(rgb, luma, planes, a, b)
                self._store(luma, self._format.black, self._luma_range, planes[0][a:b])

    def _strips(self) -> Iterator[tuple[int, int]]:
        for start in range(0, self.geometry.height, self._rows):
            yield start, min(start + self._rows, self.geometry.height)

    def _rgb_samples(self, planes: Planes) -> tuple[Plane, Plane, Plane]:
        """The red, green and blue samples of frames that are RGB already."""
        if self.geometry.layout == "rgb":
            return planes[0][:, 0::3], planes[0][:, 1::3], planes[0][:, 2::3]
        return planes[2], planes[0], planes[1]

    def _chroma_samples(self, planes: Planes) -> tuple[Plane, Plane]:
        if self.geometry.layout == "nv":
            return planes[1][:, 0::2], planes[1][:, 1::2]
        return planes[1], planes[2]

    def _unscale(self, samples: Plane, out: Array) -> None:
        out[...] = samples
        out *= np.float32(self._format.luma_gain)
        if not self.geometry.coding.full_range:
            out += np.float32(self._format.luma_bias)
            np.clip(out, np.float32(0), np.float32(1), out=out)

    def _yuv_to_rgb(self, planes: Planes, rgb: Array, a: int, b: int) -> None:
        f = self._format
        luma = self._luma[: b - a]
        luma[...] = planes[0][a:b]
        luma *= np.float32(f.luma_gain)

        # What chroma adds to luma is worked out at chroma's size, offsets of both included.
        ca, cb = a >> self._v, -(-b >> self._v)
        blue, red, term, green = (buffer[: cb - ca] for buffer in self._small)
        for samples, chroma in zip(self._chroma_samples(planes), (blue, red), strict=True):
            chroma[...] = samples[ca:cb]
            chroma -= np.float32(f.chroma_zero)
        np.multiply(red, np.float32(f.green_v), out=green)
        np.multiply(blue, np.float32(f.green_u), out=term)
        green += term
        red *= np.float32(f.red_v)
        blue *= np.float32(f.blue_u)

        block = 1 << self._v
        for part, out in zip((red, green, blue), rgb, strict=True):
            if f.luma_bias:
                part += np.float32(f.luma_bias)
            wide = self._widen(part)
            strip = out[a:b]
            for i in range(block):
                lines = strip[i::block]
                np.add(luma[i::block], wide[: len(lines)], out=lines)
            np.clip(strip, np.float32(0), np.float32(1), out=strip)

    def _widen(self, part: Array) -> Array:
        """Repeat each chroma sample over the columns that it stands for."""
        if self._h == 0:
            return part
        wide = self._wide[: len(part)]
        for j in range(1 << self._h):
            wide[:, j :: 1 << self._h] = part
        return wide[:, : self.geometry.width]

    def _luma_of(self, rgb: Array) -> Array:
        """Luma of a strip, scaled to codes but without black's offset."""
        luma, term = self._luma[: rgb.shape[1]], self._term[: rgb.shape[1]]
        np.multiply(rgb[0], np.float32(self._format.red), out=luma)
        for samples, weight in ((rgb[1], self._format.green), (rgb[2], self._format.blue)):
            np.multiply(samples, np.float32(weight), out=term)
            luma += term
        return luma

    def _store_chroma(self, rgb: Array, luma: Array, planes: Planes, a: int, b: int) -> None:
        ca, cb = a >> self._v, -(-b >> self._v)
        mean_luma, mean, _, _ = (buffer[: cb - ca] for buffer in self._small)
        self._box(luma, mean_luma)
        pixels = 1 << (self._h + self._v)
        codes = self._format.code_u, self._format.code_v
        for channel, code, samples in zip((2, 0), codes, self._chroma_samples(planes), strict=True):
            self._box(rgb[channel, a:b], mean)
            mean *= np.float32(self._format.scale)
            mean -= mean_luma
            mean *= np.float32(code / pixels)
            self._store(mean, self._format.neutral, self._chroma_range, samples[ca:cb])

    def _box(self, samples: Array, out: Array) -> None:
        """Sum the pixels behind each chroma sample; the last row and column repeat beyond an edge."""
        lines = samples
        if self._v:
            lines = self._term[: len(out)]
            _sum_rows(samples, 1 << self._v, lines)
        if self._h == 0:
            out[...] = lines
        else:
            _sum_rows(lines.T, 1 << self._h, out.T)

    def _store(self, values: Array, offset: float, legal: tuple[float, float], out: Plane) -> None:
        """Write ``values + offset`` as codes. Works in place: ``values`` is lost."""
        values += np.float32(offset + 0.5)  # the cast below cuts off, so this rounds to nearest
        np.clip(values, np.float32(legal[0]), np.float32(legal[1]), out=values)
        np.copyto(out, values, casting="unsafe")
        if self._format.shift:
            np.left_shift(out, self._format.shift, out=out)


def _sum_rows(samples: Array, count: int, out: Array) -> None:
    """Fill ``out`` with sums over ``count`` rows each; the last row of ``samples`` repeats as needed."""
    whole = len(samples) // count
    np.add(samples[0 : whole * count : count], samples[1 : whole * count : count], out=out[:whole])
    for i in range(2, count):
        out[:whole] += samples[i : whole * count : count]
    if whole < len(out):
        rest = samples[whole * count :]
        out[whole] = rest.sum(0) + (count - len(rest)) * rest[-1]
