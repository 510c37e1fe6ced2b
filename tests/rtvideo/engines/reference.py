"""Colour conversion in plain float64, sample by sample: what the fast paths are held against."""

from __future__ import annotations

import numpy as np

from rtvideo.colour import LUMA_WEIGHTS, Matrix, levels
from rtvideo.frame import Geometry


def split(geometry: Geometry, planes: list[np.ndarray]) -> list[np.ndarray]:
    """One array a component, as integers in the low bits."""
    shift = 16 - geometry.depth if geometry.msb and geometry.depth > 8 else 0
    low = [plane.astype(np.int64) >> shift for plane in planes]
    if geometry.layout == "nv":
        return [low[0], low[1][:, 0::2], low[1][:, 1::2]]
    if geometry.layout == "rgb":
        return [low[0][:, c::3] for c in range(3)]
    return low


def weights(geometry: Geometry) -> tuple[float, float, float]:
    kr, kb = LUMA_WEIGHTS.get(geometry.coding.matrix, LUMA_WEIGHTS[Matrix.BT709])
    return kr, 1 - kr - kb, kb


def to_rgb(geometry: Geometry, planes: list[np.ndarray]) -> np.ndarray:
    """(3, H, W) in float64, clipped to 0..1."""
    lv, parts = levels(geometry.coding, geometry.depth), split(geometry, planes)
    luma = [(part - lv.black) / lv.luma_scale for part in parts]
    if geometry.layout == "gray":
        rgb = np.stack([luma[0]] * 3)
    elif geometry.layout == "rgb":
        rgb = np.stack(luma)
    elif geometry.coding.matrix == Matrix.RGB:
        rgb = np.stack([luma[2], luma[0], luma[1]])
    else:
        kr, kg, kb = weights(geometry)
        rows = np.arange(geometry.height) >> geometry.chroma[1]
        columns = np.arange(geometry.width) >> geometry.chroma[0]
        cb, cr = ((part[np.ix_(rows, columns)] - lv.zero) / lv.chroma_scale for part in parts[1:])
        red, blue = luma[0] + 2 * (1 - kr) * cr, luma[0] + 2 * (1 - kb) * cb
        rgb = np.stack([red, (luma[0] - kr * red - kb * blue) / kg, blue])
    return rgb.clip(0, 1)


def from_rgb(geometry: Geometry, rgb: np.ndarray) -> list[np.ndarray]:
    """Components before rounding, as `split` orders them, clipped to the legal range."""
    lv = levels(geometry.coding, geometry.depth)
    top, unit = (1 << geometry.depth) - 1, 1 << (geometry.depth - 8)
    full = geometry.coding.full_range
    low, high, chroma_high = (0, top, top) if full else (16 * unit, 235 * unit, 240 * unit)
    scaled = [(plane * lv.luma_scale + lv.black).clip(low, high) for plane in rgb]
    if geometry.layout == "rgb":
        return scaled
    if geometry.coding.matrix == Matrix.RGB and geometry.layout == "yuv":
        return [scaled[1], scaled[2], scaled[0]]
    kr, kg, kb = weights(geometry)
    luma = kr * rgb[0] + kg * rgb[1] + kb * rgb[2]
    parts = [(luma * lv.luma_scale + lv.black).clip(low, high)]
    if geometry.layout != "gray":
        for colour, weight in ((rgb[2], kb), (rgb[0], kr)):
            chroma = box((colour - luma) / (2 * (1 - weight)), *geometry.chroma)
            parts.append((chroma * lv.chroma_scale + lv.zero).clip(low, chroma_high))
    return parts


def box(samples: np.ndarray, h: int, v: int) -> np.ndarray:
    """Mean over blocks; the last row and column are repeated up to a whole block."""
    height, width = samples.shape
    padded = np.pad(samples, ((0, -height % (1 << v)), (0, -width % (1 << h))), mode="edge")
    blocks = padded.reshape(padded.shape[0] >> v, 1 << v, padded.shape[1] >> h, 1 << h)
    return blocks.mean((1, 3))
