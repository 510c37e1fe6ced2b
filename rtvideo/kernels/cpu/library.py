"""A built kernel, loaded with ctypes: the records of ``include/planes.hpp`` and a `Network` for frames."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from rtvideo.colour import LUMA_WEIGHTS, Matrix, levels
from rtvideo.errors import UnavailableError
from rtvideo.frame import Geometry

VERSION = 2

_LAYOUTS = {"yuv": 0, "nv": 1, "rgb": 2, "gray": 3, "gbr": 4, "float": 5}

_INTEGERS = ("layout", "wide", "chroma_x", "chroma_y", "shift")
_FLOATS = (
    "luma_gain", "luma_bias", "chroma_zero", "red_v", "green_u", "green_v", "blue_u", "red", "green", "blue",
    "black", "code_u", "code_v", "neutral", "scale", "luma_low", "luma_high", "chroma_low", "chroma_high",
)  # fmt: skip


class Format(ctypes.Structure):
    """``rt::Format``."""

    _fields_ = [(n, ctypes.c_int32) for n in _INTEGERS] + [(n, ctypes.c_float) for n in _FLOATS]


class Planes(ctypes.Structure):
    """``rt::Planes``: where up to three planes lie, and their row strides in bytes."""

    _fields_ = [("data", ctypes.c_void_p * 3), ("stride", ctypes.c_int64 * 3)]


class Pace(ctypes.Structure):
    """``rt::Pace``: how fast to forget what was before, see `rtvideo.engines.time_constants`."""

    _fields_ = [("frames", ctypes.c_float), ("light", ctypes.c_float), ("forget", ctypes.c_int32)]


def supports(geometry: Geometry) -> str | None:
    """Return why the kernels cannot take frames of this geometry, or None if they can."""
    if geometry.layout in ("yuv", "nv") and max(geometry.chroma) > 1:
        return f"chroma subsampled by {1 << max(geometry.chroma)}"
    if geometry.layout == "yuv" and geometry.coding.matrix == Matrix.RGB and geometry.chroma != (0, 0):
        return "planar RGB with subsampled planes"
    return None


def format_of(geometry: Geometry) -> Format:
    """Return the conversion coefficients of a geometry."""
    depth = geometry.depth
    return _format(geometry, 16 - depth if geometry.msb and depth > 8 else 0, wide=depth > 8)


def kept_format(geometry: Geometry) -> Format:
    """Return the format of a picture that is kept over time: the same in the high bits of 16."""
    return _format(geometry, 16 - geometry.depth, wide=True)


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
    return Format(
        layout=_LAYOUTS[layout],
        wide=wide,
        chroma_x=geometry.chroma[0] if subsampled else 0,
        chroma_y=geometry.chroma[1] if subsampled else 0,
        shift=shift,
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


def float_format() -> Format:
    """Return the format of three planes of float32 RGB in 0..1, for tests."""
    return Format(layout=_LAYOUTS["float"])


def _planes(arrays: Sequence[npt.NDArray[Any]]) -> Planes:
    planes = Planes()
    for k, array in enumerate(arrays):
        if array.strides[1] != array.itemsize:
            raise ValueError("planes need contiguous rows")
        planes.data[k] = array.ctypes.data
        planes.stride[k] = array.strides[0]
    return planes


class Library:
    """A shared object of ours.

    Raises:
        UnavailableError: it cannot be loaded, or is of another version.
    """

    def __init__(self, path: Path) -> None:
        try:
            self.functions = ctypes.CDLL(str(path))
            version = self.functions.rt_version()
        except (OSError, AttributeError) as error:
            raise UnavailableError(f"{path}: not a kernel library: {error}") from None
        if version != VERSION:
            raise UnavailableError(f"{path}: kernel library version {version}; this rtvideo needs {VERSION}")
        f = self.functions
        f.rt_open.restype = ctypes.c_void_p
        f.rt_open.argtypes = [
            ctypes.c_int,
            ctypes.c_int,
            ctypes.POINTER(Format),
            ctypes.c_void_p,
            ctypes.c_int,
        ]
        f.rt_close.argtypes = [ctypes.c_void_p]
        f.rt_close.restype = None
        f.rt_threads.argtypes = [ctypes.c_void_p]
        f.rt_run.argtypes = [
            ctypes.c_void_p, ctypes.POINTER(Planes), ctypes.POINTER(Planes), ctypes.c_float, ctypes.c_float,
            ctypes.POINTER(Pace),
        ]  # fmt: skip
        f.rt_run.restype = None
        f.rt_remember.argtypes = [ctypes.c_void_p, ctypes.POINTER(Format)]

    @property
    def lanes(self) -> int:
        """Floats in a vector."""
        return int(self.functions.rt_lanes())

    def floating_point_mode(self) -> int:
        """Return MXCSR (0 where there is none)."""
        return int(self.functions.rt_floating_point_mode())


class Network:
    """A network for frames of one size and format, with its threads and workspace. Not thread-safe.

    Args:
        library: compiled from the program that ``weights`` belong to.
        weights: `Program.data`.
        threads: the caller's included.

    Raises:
        UnavailableError: not enough memory.
    """

    def __init__(
        self,
        library: Library,
        weights: npt.NDArray[np.float32],
        width: int,
        height: int,
        layout: Format,
        threads: int,
    ) -> None:
        self._functions = library.functions
        data = np.ascontiguousarray(weights, np.float32)
        self._context = self._functions.rt_open(width, height, layout, data.ctypes.data, threads)
        if not self._context:
            raise UnavailableError(f"engine fused: not enough memory for frames of {width}x{height}")
        self.threads = int(self._functions.rt_threads(self._context))

    def run(
        self,
        planes: Sequence[npt.NDArray[Any]],
        out: Sequence[npt.NDArray[Any]],
        strength: float,
        denoise: float,
        pace: Pace | None = None,
    ) -> None:
        """Enhance a frame: the planes have the format's shapes, rows are contiguous, strides are free.

        Args:
            pace: how much of what was before counts, after `remember`; None: nothing.
        """
        self._functions.rt_run(self._context, _planes(planes), _planes(out), strength, denoise, pace)

    def remember(self, kept: Format) -> None:
        """Make room for what is kept from frame to frame; once.

        Args:
            kept: of `kept_format`.

        Raises:
            UnavailableError: not enough memory.
        """
        if not self._functions.rt_remember(self._context, kept):
            raise UnavailableError("engine fused: not enough memory for --temporal; use --temporal off")

    def close(self) -> None:
        """End the threads and give the memory back; closing twice is fine."""
        if self._context:
            self._functions.rt_close(self._context)
            self._context = None

    def __del__(self) -> None:
        if getattr(self, "_context", None):
            self.close()
