"""The structs of ``common/*.h`` in ctypes, for both back ends: samples in planes, and time."""

from __future__ import annotations

import ctypes

from rtvideo.colour import LUMA_WEIGHTS, Matrix, levels
from rtvideo.frame import Geometry
from rtvideo.transfer import tables

_LAYOUTS = {"yuv": 0, "nv": 1, "rgb": 2, "gray": 3, "gbr": 4, "float": 5}

_INTEGERS = ("layout", "wide", "chroma_x", "chroma_y", "shift")
_FLOATS = (
    "code", "luma_gain", "luma_bias", "chroma_zero", "red_v", "green_u", "green_v", "blue_u",
    "red", "green", "blue", "black", "code_u", "code_v", "neutral", "scale",
    "luma_low", "luma_high", "chroma_low", "chroma_high",
)  # fmt: skip


class Format(ctypes.Structure):
    """``rt::Format`` of ``pixel_format.h``."""

    _fields_ = [
        *((n, ctypes.c_int32) for n in _INTEGERS), *((n, ctypes.c_float) for n in _FLOATS),
        ("seen", ctypes.c_void_p), ("coded", ctypes.c_void_p), ("peak", ctypes.c_float),
        ("to_view", ctypes.c_float * 9), ("from_view", ctypes.c_float * 9),
    ]  # fmt: skip

    def place_tables(self, seen: int, coded: int) -> None:
        """Say at which addresses the tables of the transfer curve are, see `rtvideo.transfer.Tables`."""
        self.seen, self.coded = seen, coded


class PlanePointers(ctypes.Structure):
    """``rt::Planes`` of ``pixel_format.h``: where up to three planes lie, and their row strides in bytes."""

    _fields_ = [("data", ctypes.c_void_p * 3), ("stride", ctypes.c_int64 * 3)]


class TimeConstants(ctypes.Structure):
    """``rt::TimeConstants`` of ``temporal_state.h``; see `rtvideo.engines.time_constants`."""

    _fields_ = [
        ("frames", ctypes.c_float), ("light", ctypes.c_float), ("reset", ctypes.c_int32),
        ("carries", ctypes.c_int32), ("evens", ctypes.c_int32),
    ]  # fmt: skip


def unsupported_geometry(geometry: Geometry) -> str | None:
    """Return why the kernels cannot take frames of this geometry, or None if they can."""
    if geometry.layout in ("yuv", "nv") and max(geometry.chroma) > 1:
        return f"chroma subsampled by {1 << max(geometry.chroma)}"
    if geometry.layout == "yuv" and geometry.coding.matrix == Matrix.RGB and geometry.chroma != (0, 0):
        return "planar RGB with subsampled planes"
    return None


def format_of(geometry: Geometry) -> Format:
    """Return the conversion coefficients of a geometry; its tables are in main memory."""
    depth = geometry.depth
    return _format(geometry, 16 - depth if geometry.msb and depth > 8 else 0, wide=depth > 8)


def state_format(geometry: Geometry) -> Format:
    """Return the format of a picture that is kept over time: the same in the high bits of 16."""
    kept = _format(geometry, 16 - geometry.depth, wide=True)
    kept.shift, kept.luma_low, kept.luma_high = 0, 0, 65535  # written as they are, whatever the frames' range
    return kept


def _format(geometry: Geometry, shift: int, *, wide: bool) -> Format:
    depth, coding = geometry.depth, geometry.coding
    unit = 1 << shift
    lv = levels(coding, depth)
    kr, kb = LUMA_WEIGHTS.get(coding.matrix, LUMA_WEIGHTS[Matrix.BT709])
    kg = 1 - kr - kb
    to_red, to_blue = 2 * (1 - kr), 2 * (1 - kb)
    step = 1 / (lv.chroma_scale * unit)
    top, code = (1 << depth) - 1, 1 << (depth - 8)
    low, high, high_chroma = (0, top, top) if coding.full_range else (16 * code, 235 * code, 240 * code)
    layout = geometry.layout
    if layout == "yuv" and coding.matrix == Matrix.RGB:
        layout = "gbr"
    subsampled = layout in ("yuv", "nv")
    made = Format(
        layout=_LAYOUTS[layout],
        wide=wide,
        chroma_x=geometry.chroma[0] if subsampled else 0,
        chroma_y=geometry.chroma[1] if subsampled else 0,
        shift=shift,
        code=1 / (unit << (depth - 8)),
        luma_gain=1 / (lv.luma_scale * unit),
        luma_bias=-lv.black / lv.luma_scale,
        chroma_zero=lv.zero * unit,
        red_v=to_red * step,
        green_u=-kb * to_blue / kg * step,
        green_v=-kr * to_red / kg * step,
        blue_u=to_blue * step,
        red=kr * lv.luma_scale,
        green=kg * lv.luma_scale,
        blue=kb * lv.luma_scale,
        black=lv.black,
        code_u=lv.chroma_scale / (to_blue * lv.luma_scale),
        code_v=lv.chroma_scale / (to_red * lv.luma_scale),
        neutral=lv.zero,
        scale=lv.luma_scale,
        luma_low=low,
        luma_high=high,
        chroma_low=low,
        chroma_high=high_chroma,
    )
    if coding.curve:
        table = tables(coding.curve, wide=coding.wide)  # which stay for good
        made.place_tables(table.seen.ctypes.data, table.coded.ctypes.data)
        made.peak = table.peak
        for view, matrix in ((made.to_view, table.to_view), (made.from_view, table.from_view)):
            view[:] = matrix.ravel().tolist()
    return made


def float_format() -> Format:
    """Return the format of three planes of float32 RGB in 0..1, for tests."""
    return Format(layout=_LAYOUTS["float"])
