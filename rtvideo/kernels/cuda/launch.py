"""What a frame's kernels are told, and over how many blocks each runs."""

from __future__ import annotations

import ctypes

from rtvideo.kernels.cuda.emit import Buffer, Launch, Source
from rtvideo.kernels.library import Format, Planes


def frame_type(buffers: int) -> type[ctypes.Structure]:
    """Return ``rt::Frame`` for a network with so many buffers."""

    class Frame(ctypes.Structure):
        _fields_ = [
            ("format", Format), ("width", ctypes.c_int), ("height", ctypes.c_int),
            ("strength", ctypes.c_float), ("denoise", ctypes.c_float),
            ("input", Planes), ("output", Planes),
            ("buffers", ctypes.c_void_p * max(buffers, 1)),
        ]  # fmt: skip

    return Frame


def extent(scale: int, coarsest: int, width: int, height: int) -> tuple[int, int]:
    """Return width and height of what a launch or buffer of this scale covers."""
    if scale < 0:
        return 1, 1
    if scale == 0:
        return width, height
    return _up(width, coarsest) * coarsest // scale, _up(height, coarsest) * coarsest // scale


def blocks(launch: Launch, coarsest: int, width: int, height: int) -> tuple[int, int]:
    """Return how many blocks a launch has, across and down."""
    across, down = extent(launch.scale, coarsest, width, height)
    return _up(across, launch.width), _up(down, launch.height)


def sizes(source: Source, width: int, height: int) -> list[int]:
    """Return the bytes of each buffer for frames of this size."""

    def one(buffer: Buffer) -> int:
        across, down = extent(buffer.scale, source.coarsest, width, height)
        return 4 * buffer.words * across * down

    return [one(buffer) for buffer in source.buffers]


def _up(n: int, unit: int) -> int:
    return (n + unit - 1) // unit
