"""A network as CUDA source: what an emitter hands on, and the phrases that all of them write."""

from __future__ import annotations

from dataclasses import dataclass

from rtvideo.kernels.cuda.steps import Reach
from rtvideo.kernels.structs import Format

#: Threads of a block. Two blocks share a multiprocessor: one computes while the other waits at a barrier.
THREADS = 256

#: Pixels (or cells) of the square that a block takes where nothing else is said; see grid.cuh.
SIDE = 32


@dataclass(frozen=True)
class Buffer:
    """Device memory between kernels.

    Attributes:
        words: 32-bit words of each cell (or pixel).
        scale: of the grid that it covers; 0 for the picture itself, -1 for `words` alone.
        blocks: pixels of the picture, along each side, that share a cell, where scale is 0.
    """

    words: int
    scale: int
    blocks: int = 1


@dataclass(frozen=True)
class Launch:
    """One kernel of a frame.

    Attributes:
        name: of the function.
        scale: of the grid that its blocks cover; 0 for the picture, -1 for a single block.
        width, height: of what a block takes, in cells or pixels of the picture.
        shared: bytes of shared memory.
        reach: how far around a pixel it reads, where it can run over a part of the picture's rows.
        loops: what a block's threads share out in each loop, one after another; for benchmarks, where known.
    """

    name: str
    scale: int
    width: int
    height: int
    shared: int
    reach: Reach | None = None
    loops: tuple[int, ...] = ()


@dataclass(frozen=True)
class CudaSource:
    """A network as CUDA source, and how it is run.

    Attributes:
        text: of the source; weights, matrix, range and settings are data.
        launches: the kernels of a frame, in order.
        buffers: in the order in which the kernels number them.
        coarsest: grids are padded to whole cells of this scale.
    """

    text: str
    launches: tuple[Launch, ...]
    buffers: tuple[Buffer, ...]
    coarsest: int


def kind_macros(kind: Format) -> dict[str, int]:
    """Return what a source knows of frames: layout, subsampling, width, and whether there is a curve."""
    return {
        "LAYOUT": kind.layout,
        "WIDE": kind.wide,
        "CHROMA_X": kind.chroma_x,
        "CHROMA_Y": kind.chroma_y,
        "CURVED": int(kind.seen is not None),
    }


def grid(scale: int, buffer: str) -> str:
    """Return a buffer as a grid of a scale."""
    return f"Grid<{scale}>{{frame.buffers[{buffer.upper()}]}}"


def function(name: str, lines: list[str]) -> str:
    """Return a kernel of so many statements."""
    return "\n".join([f"KERNEL({name}) {{", "    MEMORY;", *(f"    {line}" for line in lines), "}"])
