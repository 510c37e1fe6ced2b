"""The kernels of debanding, in front of the network and behind the temporal filter; and their memory."""

from __future__ import annotations

import ctypes
import itertools
from collections.abc import Iterator
from dataclasses import dataclass

from rtvideo.frame import Geometry
from rtvideo.kernels.cuda.source import SIDE, Launch, function
from rtvideo.kernels.cuda.temporal_state import aligned, kept_planes, place_planes
from rtvideo.kernels.structs import Format, PlanePointers, state_format

HEADERS = ("debanding.cuh",)

# As in common/debanding.h: pixels of the finest cells, levels, and what is kept of a cell.
CELL, LEVELS = 4, 4
_MEANS, _SMOOTH, _DEVIATIONS, _SHARES = 5, 4, 2, 3

# As in debanding.cuh: cells that a block of threads takes; temporal_state.cuh: pixels of the picture.
_CELLS = 32, 8
_REGION = 64, 32


def picture_kernels() -> Iterator[tuple[Launch, str]]:
    """Yield the kernels that make the picture without bands, which the network then reads."""
    wide, high = _CELLS
    pyramid = sum(wide * high >> 2 * level for level in range(LEVELS))
    around = 2 * (wide + 2) * (high + 2)

    def of_cells(name: str, level: int, floats: int, call: str) -> tuple[Launch, str]:
        cell = CELL << level
        return Launch(name, 0, wide * cell, high * cell, 4 * floats), function(name, [f"{call}(memory);"])

    yield of_cells("measure_bands", 0, _MEANS * pyramid, "measure_bands")
    coarsest = SIDE * (CELL << LEVELS - 1)
    yield Launch("blur_bands", 0, coarsest, coarsest, 0), function("blur_bands", ["blur_bands();"])
    for level in range(LEVELS - 2, -1, -1):
        yield of_cells(f"smooth_bands_{level}", level, around, f"smooth_bands<{level}>")
    yield of_cells("share_bands", 0, around, "share_bands")
    yield Launch("deband_picture", 0, *_REGION, 0), function("deband_picture", ["deband_picture();"])


class DebandingState(ctypes.Structure):
    """``rt::DebandingState``."""

    _fields_ = [
        ("format", Format), ("picture", PlanePointers),
        ("means", ctypes.c_void_p * LEVELS), ("smooth", ctypes.c_void_p * LEVELS),
        ("deviations", ctypes.c_void_p), ("shares", ctypes.c_void_p), ("amount", ctypes.c_float),
    ]  # fmt: skip


@dataclass(frozen=True)
class DebandingLayout:
    """Where everything lies, for frames of one size and format."""

    geometry: Geometry

    @property
    def size(self) -> int:
        """Bytes of all."""
        return self._begins()[-1]

    def state(self, address: int) -> DebandingState:
        """Return what kernels are told, where the memory begins at ``address``, a multiple of 256."""
        begins = [address + at for at in self._begins()]
        state = DebandingState(format=state_format(self.geometry))
        for level in range(LEVELS):
            state.means[level], state.smooth[level] = begins[2 * level], begins[2 * level + 1]
        state.deviations, state.shares, *picture = begins[2 * LEVELS :]
        place_planes(self.geometry, state.picture, picture)
        return state

    def _begins(self) -> list[int]:
        """Return where each part begins, and the end."""

        def grid(level: int, channels: int) -> int:
            cell, of = CELL << level, self.geometry
            return 4 * channels * -(-of.width // cell) * -(-of.height // cell)

        sizes = [grid(level, channels) for level in range(LEVELS) for channels in (_MEANS, _SMOOTH)]
        sizes += [grid(0, _DEVIATIONS), grid(0, _SHARES)]
        sizes += [rows * stride for rows, stride in kept_planes(self.geometry)]
        return list(itertools.accumulate(map(aligned, sizes), initial=0))
