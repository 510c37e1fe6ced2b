"""The time of a network's fused kernel, trained or not: weights do not change it."""

from __future__ import annotations

import torch

from benchmarks.speed.compiled import instruction_set, on_planes
from benchmarks.speed.turns import Frame
from model.ruas import RUAS
from rtvideo.kernels.cpu import build
from rtvideo.kernels.cpu.emit import emit
from rtvideo.kernels.cpu.library import Library
from rtvideo.kernels.ir.lower import lower
from rtvideo.models.description import Description

#: What prices are in milliseconds of.
WIDTH, HEIGHT = 1920, 1080


def compiled(description: Description, threads: int) -> Frame:
    """Return what enhances one frame of 1080p, noise removal at its full strength; compiles it if need be."""
    isa = instruction_set("")
    torch.manual_seed(0)
    weights = {name: value.numpy() for name, value in RUAS(description).state_dict().items()}
    program = lower(description, weights, packed=bool(isa.packed_dtype))
    library = Library(build.library(emit(program), isa))
    return on_planes(library, program.data(), WIDTH, HEIGHT, threads, 1.0)
