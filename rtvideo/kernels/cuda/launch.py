"""What a frame's kernels are told, and over which blocks each runs: the whole picture, or band after band.

A tensor between two kernels is as large as the picture. Where memory is short, the full-size kernels make the
result band by band, and such tensors hold the rows around one band alone: the same arithmetic for each pixel,
and some rows made twice.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from dataclasses import dataclass

from rtvideo.kernels.cuda.debanding import DebandingState
from rtvideo.kernels.cuda.source import Buffer, CudaSource, Launch
from rtvideo.kernels.cuda.temporal_state import TemporalState
from rtvideo.kernels.ir.program import Program
from rtvideo.kernels.structs import Format, PlanePointers, TimeConstants


@dataclass(frozen=True)
class Call:
    """A kernel over some of its blocks.

    Attributes:
        across, down: how many blocks.
        first: the row of blocks that it begins with.
        origin: the picture's row that tensors between kernels begin with.
    """

    launch: Launch
    across: int
    down: int
    first: int = 0
    origin: int = 0


@dataclass(frozen=True)
class LaunchPlan:
    """A frame's kernels in order.

    Attributes:
        rows: of the picture, that tensors between kernels hold at a time.
    """

    calls: tuple[Call, ...]
    rows: int


def frame_type(buffers: int) -> type[ctypes.Structure]:
    """Return ``rt::Frame`` for a network with so many buffers."""

    class Frame(ctypes.Structure):
        _fields_ = [
            ("format", Format), ("width", ctypes.c_int), ("height", ctypes.c_int), ("rows", ctypes.c_int),
            ("strength", ctypes.c_float), ("denoise", ctypes.c_float), ("brightness", ctypes.c_float),
            ("dither", ctypes.c_int), ("time", TimeConstants),
            ("input", PlanePointers), ("output", PlanePointers), ("state", TemporalState),
            ("debanding", DebandingState), ("buffers", ctypes.c_void_p * max(buffers, 1)),
        ]  # fmt: skip

    return Frame


def whole(source: CudaSource, width: int, height: int) -> LaunchPlan:
    """Return each kernel over the whole picture, or grid."""
    return LaunchPlan(tuple(_call(one, source.coarsest, width, height) for one in source.launches), height)


def in_bands(source: CudaSource, width: int, height: int, rows: int) -> LaunchPlan:
    """Return the full-size kernels over bands of about so many rows, after the kernels of the grid."""
    grid = [_call(one, source.coarsest, width, height) for one in source.launches if one.reach is None]
    full = [one for one in source.launches if one.reach is not None]
    band = _up(rows, full[-1].height) * full[-1].height  # that nobody stores a row which is not right
    calls, most = grid, 0
    for top in range(0, height, band):
        parts = list(_band(full, width, height, top, min(top + band, height)))
        origin = min(lowest for _, _, lowest, _ in parts) & ~1  # with whole blocks of 2x2 pixels
        most = max(most, max(highest for _, _, _, highest in parts) - origin)
        across = [_up(width, one.width) for one in full]
        for one, (first, last, _, _), wide in zip(full, parts, across, strict=True):
            calls.append(Call(one, wide, last - first, first, origin))
    return LaunchPlan(tuple(calls), most)


def sizes(source: CudaSource, width: int, height: int, rows: int) -> list[int]:
    """Return the bytes of each buffer for frames of this size, where those of full size hold so many rows."""

    def one(buffer: Buffer) -> int:
        across, down = extent(buffer.scale, source.coarsest, width, height)
        down = rows if buffer.scale == 0 else down
        return 4 * buffer.words * _up(across, buffer.blocks) * _up(down, buffer.blocks)

    return [one(buffer) for buffer in source.buffers]


def light(program: Program, width: int, height: int) -> int:
    """Return the floats of the light's grid, 0 if there is none."""
    if not program.scales:
        return 0
    across, down = extent(program.scales[-1], max(program.scales), width, height)
    return (1 if program.shared else 3) * across * down


def extent(scale: int, coarsest: int, width: int, height: int) -> tuple[int, int]:
    """Return width and height of what a launch or buffer of this scale covers."""
    if scale < 0:
        return 1, 1
    if scale == 0:
        return width, height
    return _up(width, coarsest) * coarsest // scale, _up(height, coarsest) * coarsest // scale


def _call(launch: Launch, coarsest: int, width: int, height: int) -> Call:
    across, down = extent(launch.scale, coarsest, width, height)
    return Call(launch, _up(across, launch.width), _up(down, launch.height))


def _band(
    full: list[Launch], width: int, height: int, top: int, bottom: int
) -> Iterator[tuple[int, int, int, int]]:
    """Yield for each kernel its first row of blocks, that after its last, and the rows that it touches.

    Each makes what the kernels after it read for the rows from ``top`` to ``bottom``, rounded to whole tiles;
    what tiles hold beyond that is made of rows that are not there, and read by nobody.
    """
    before = [sum(one.reach[0] for one in full[k + 1 :] if one.reach) for k in range(len(full))]
    after = [sum(one.reach[1] for one in full[k + 1 :] if one.reach) for k in range(len(full))]
    for one, above, below in zip(full, before, after, strict=True):
        assert one.reach is not None
        first = max(0, top - above) // one.height
        last = _up(min(height, bottom + below), one.height)
        lowest, highest = first * one.height - one.reach[0], last * one.height + one.reach[1]
        yield first, last, max(0, lowest), min(height, highest)


def _up(n: int, unit: int) -> int:
    return (n + unit - 1) // unit
