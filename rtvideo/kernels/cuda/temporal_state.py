"""What is kept from frame to frame on a device: the picture so far, its ages, its motion, and the light.

It lies in one piece of memory, which kernels with and without noise removal share.
"""

from __future__ import annotations

import ctypes
import itertools
from collections.abc import Sequence
from dataclasses import dataclass

from rtvideo.frame import Geometry
from rtvideo.kernels.cuda.temporal import CELL, MAINS_BLOCK, MAINS_LEVEL, MOTION_BLOCK, PATCH, PYRAMID
from rtvideo.kernels.structs import Format, PlanePointers, state_format

# As in temporal_state.cuh and scene_statistics.cuh: bytes of a scene, of motion and of bands of lamps, and
# counts of all levels.
_SCENE, _MOTION, _MAINS, _COUNTS = 1536, 256, 256, 10 * (1024 + 256)

# Words of a vector and of a structure, as in common/motion.h.
_VECTOR, _STRUCTURE = 2, 5

#: Bytes at the beginning that must be zero before the first frame.
ZEROED = _SCENE + _MOTION + _MAINS + 4 * _COUNTS

_ALIGNMENT = 256


class MotionState(ctypes.Structure):
    """``rt::MotionState``."""

    _fields_ = [
        *((name, ctypes.c_void_p * PYRAMID) for name in ("kept", "now", "measured", "vectors", "structures")),
        *((name, ctypes.c_void_p) for name in ("residuals", "unsure", "found")),
    ]


class MainsState(ctypes.Structure):
    """``rt::MainsState``."""

    _fields_ = [
        *((name, ctypes.c_void_p) for name in ("reference", "change", "rows", "share")),
        ("picture", PlanePointers), ("found", ctypes.c_void_p),
    ]  # fmt: skip


class TemporalState(ctypes.Structure):
    """``rt::TemporalState``."""

    _fields_ = [
        ("format", Format), ("before", PlanePointers * 2), ("after", PlanePointers),
        *((name, ctypes.c_void_p) for name in (
            "age_before", "age", "level", "change", "spread", "gain", "counts", "scene", "light",
        )),
        ("motion", MotionState), ("mains", MainsState),
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
        *begins, _ = (address + at for at in self._begins())
        scene, moved, bands, counts, level, change, spread, gain, light, *rest = begins
        state = TemporalState(
            format=state_format(self.geometry), level=level, change=change, spread=spread, gain=gain,
            counts=counts, scene=scene, light=light,
        )  # fmt: skip
        ages, rest = rest[:2], rest[2:]
        state.age_before, state.age = ages[now], ages[1 - now]
        planes = len(kept_planes(self.geometry))
        pictures = [rest[k * planes : (k + 1) * planes] for k in range(4)]
        mains, motion = state.mains, iter(rest[4 * planes :])
        kept = (state.before[0], now), (state.before[1], 2), (state.after, 1 - now), (mains.picture, 3)
        for picture, at in kept:
            place_planes(self.geometry, picture, pictures[at])
        state.motion.found, mains.found = moved, bands
        for k in range(PYRAMID):
            for name, _ in self._of_level(k):
                getattr(state.motion, name)[k] = next(motion)
        state.motion.residuals, state.motion.unsure = next(motion), next(motion)
        mains.reference, mains.change, mains.rows, mains.share = motion
        return state

    def _begins(self) -> list[int]:
        """Return where each part begins, what must be zero first, and the end."""
        width, height = self.geometry.width, self.geometry.height
        cells = -(-width // CELL) * -(-height // CELL)
        patches = 4 * -(-width // PATCH) * (height // PATCH // 2 + 1)
        picture = [high * stride for high, stride in kept_planes(self.geometry)]
        sizes = [_SCENE, _MOTION, _MAINS, 4 * _COUNTS, *4 * [patches], 4 * self.light, cells, cells]
        sizes += 4 * picture
        sizes += [4 * words for level in range(PYRAMID) for _, words in self._of_level(level)]
        sizes += 2 * [4 * self._blocks(0)]
        wide, high = -(-width // (2 << MAINS_LEVEL)), -(-height // (2 << MAINS_LEVEL))
        shares = 3 * -(-wide // MAINS_BLOCK) * -(-high // MAINS_BLOCK)
        sizes += [4 * wide * high, 4 * wide * high, 4 * high, 4 * shares]
        return list(itertools.accumulate(map(aligned, sizes), initial=0))

    def _of_level(self, level: int) -> list[tuple[str, int]]:
        """Return what `MotionState` has of each level of the pyramids, and its words."""
        blocks, cell = self._blocks(level), 2 << level
        luma = -(-self.geometry.width // cell) * -(-self.geometry.height // cell)
        vectors, structures = _VECTOR * blocks, _STRUCTURE * blocks
        return [
            ("kept", luma), ("now", luma), ("measured", vectors), ("vectors", vectors),
            ("structures", structures),
        ]  # fmt: skip

    def _blocks(self, level: int) -> int:
        side = MOTION_BLOCK * 2 << level
        return -(-self.geometry.width // side) * -(-self.geometry.height // side)


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
