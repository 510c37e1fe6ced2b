"""What is kept from frame to frame on a device: the picture so far, for how long it has stood, and the light.

It lies in one piece of memory, which kernels with and without noise removal share.
"""

from __future__ import annotations

import ctypes
import itertools
from collections.abc import Sequence
from dataclasses import dataclass

from rtvideo.frame import Geometry
from rtvideo.kernels.cuda.temporal import CELL, PATCH
from rtvideo.kernels.structs import Format, PlanePointers, state_format

# As in temporal_state.cuh and scene_statistics.cuh: bytes of a scene, counts of all levels.
_SCENE, _COUNTS = 2048, 10 * (1024 + 256)

#: Bytes at the beginning that must be zero before the first frame.
ZEROED = _SCENE + 4 * _COUNTS

_ALIGNMENT = 256


class TemporalState(ctypes.Structure):
    """``rt::TemporalState``."""

    _fields_ = [
        ("format", Format), ("before", PlanePointers), ("after", PlanePointers),
        *((name, ctypes.c_void_p) for name in (
            "age", "level", "change", "spread", "gain", "counts", "scene", "light",
        )),
    ]  # fmt: skip


@dataclass(frozen=True)
class TemporalLayout:
    """Where everything lies, for frames of one size and format.

    Args:
        geometry: of the frames.
        light: floats of the light's grid.
    """

    geometry: Geometry
    light: int

    @property
    def size(self) -> int:
        """Bytes of all."""
        return self._begins()[-1]

    def state(self, address: int, now: int) -> TemporalState:
        """Return what kernels are told for a frame.

        Args:
            address: of the memory, a multiple of 256.
            now: 0 and 1 in turns: which of the two pictures is the older one.
        """
        begins = (address + at for at in self._begins())
        scene, counts, age, level, change, spread, gain, light, *pictures = begins
        state = TemporalState(
            format=state_format(self.geometry), age=age, level=level, change=change, spread=spread, gain=gain,
            counts=counts, scene=scene, light=light,
        )  # fmt: skip
        half = len(pictures) // 2
        for which, picture in enumerate((state.before, state.after)):
            place_planes(self.geometry, picture, pictures[(which ^ now) * half :])
        return state

    def _begins(self) -> list[int]:
        """Return where each part begins, scene and counts first, and the end."""
        width, height = self.geometry.width, self.geometry.height
        cells = -(-width // CELL) * -(-height // CELL)
        patches = 4 * -(-width // PATCH) * (height // PATCH // 2 + 1)
        picture = [high * stride for high, stride in kept_planes(self.geometry)]
        sizes = [_SCENE, 4 * _COUNTS, cells, *4 * [patches], 4 * self.light, *picture, *picture]
        return list(itertools.accumulate(map(aligned, sizes), initial=0))


def kept_planes(geometry: Geometry) -> list[tuple[int, int]]:
    """Return rows and bytes of a row of each plane of a picture that is kept in 16 bits."""
    return [(rows, aligned(2 * columns)) for rows, columns in geometry.shapes()]


def place_planes(geometry: Geometry, picture: PlanePointers, addresses: Sequence[int]) -> None:
    """Say where such a picture lies, plane by plane."""
    for k, (_, stride) in enumerate(kept_planes(geometry)):
        picture.data[k], picture.stride[k] = addresses[k], stride


def aligned(size: int) -> int:
    """Return the bytes up to where something else may begin."""
    return (size + _ALIGNMENT - 1) // _ALIGNMENT * _ALIGNMENT
