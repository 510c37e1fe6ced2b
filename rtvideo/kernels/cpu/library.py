"""A built kernel, loaded with ctypes, and a `CpuNetwork` for frames."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from rtvideo.errors import UnavailableError
from rtvideo.kernels.structs import Format, PlanePointers, TimeConstants

VERSION = 6


def _planes(arrays: Sequence[npt.NDArray[Any]]) -> PlanePointers:
    planes = PlanePointers()
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
            ctypes.c_void_p, ctypes.POINTER(PlanePointers), ctypes.POINTER(PlanePointers),
            *[ctypes.c_float] * 4, ctypes.c_int, ctypes.POINTER(TimeConstants),
        ]  # fmt: skip
        f.rt_run.restype = None
        f.rt_allocate_temporal_state.argtypes = [ctypes.c_void_p, ctypes.POINTER(Format)]
        f.rt_allocate_debanding.argtypes = [ctypes.c_void_p, ctypes.POINTER(Format)]

    @property
    def lanes(self) -> int:
        """Floats in a vector."""
        return int(self.functions.rt_lanes())

    def floating_point_mode(self) -> int:
        """Return MXCSR (0 where there is none)."""
        return int(self.functions.rt_floating_point_mode())


class CpuNetwork:
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
        self._process = os.getpid()
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
        time: TimeConstants | None = None,
        deband: float = 0.0,
        brightness: float = 0.0,
        dither: bool = False,
    ) -> None:
        """Enhance a frame: the planes have the format's shapes, rows are contiguous, strides are free.

        Args:
            brightness: see `rtvideo.engines.session.Settings`.
            dither: see `rtvideo.engines.session.Settings`.
            deband: how much of the bands near black is smoothed first, after `allocate_debanding`; 0: none.
            time: how much the frames before count, after `allocate_temporal_state`; None: not at all.
        """
        amounts = strength, denoise, brightness, deband
        self._functions.rt_run(self._context, _planes(planes), _planes(out), *amounts, dither, time)

    def allocate_temporal_state(self, kept: Format) -> None:
        """Make room for what is kept from frame to frame; once.

        Args:
            kept: of `rtvideo.kernels.structs.state_format`.

        Raises:
            UnavailableError: not enough memory.
        """
        if not self._functions.rt_allocate_temporal_state(self._context, kept):
            raise UnavailableError("engine fused: not enough memory for --temporal; use --temporal off")

    def allocate_debanding(self, kept: Format) -> None:
        """Make room for debanding; once.

        Args:
            kept: of `rtvideo.kernels.structs.state_format`.

        Raises:
            UnavailableError: not enough memory.
        """
        if not self._functions.rt_allocate_debanding(self._context, kept):
            raise UnavailableError("engine fused: not enough memory for --deband; use --deband off")

    def close(self) -> None:
        """End the threads and give the memory back; closing twice is fine."""
        if self._context:
            if os.getpid() == self._process:  # a fork has none of the threads, and would wait for them
                self._functions.rt_close(self._context)
            self._context = None

    def __del__(self) -> None:
        if getattr(self, "_context", None):
            self.close()
