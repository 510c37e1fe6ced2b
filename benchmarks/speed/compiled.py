"""Compiled networks without an engine around them, for benchmarks that look inside."""

from __future__ import annotations

from benchmarks.speed.contestants import dark_planes, video
from benchmarks.speed.turns import Frame
from rtvideo import models
from rtvideo.engines.fused import FusedSession
from rtvideo.errors import UnavailableError, UsageError
from rtvideo.kernels.cpu import isa
from rtvideo.kernels.cpu.isa import InstructionSet
from rtvideo.kernels.cpu.library import CpuNetwork, Library
from rtvideo.kernels.ir.program import Array
from rtvideo.kernels.structs import format_of
from rtvideo.models import Model


def compilable(name: str) -> Model:
    """Return a model by name or file.

    Raises:
        UsageError: no such model.
        UnavailableError: there can be no kernel for it.
    """
    model = models.find(name)
    if reason := FusedSession.unsupported_reason(model):
        raise UnavailableError(reason)
    return model


def instruction_set(name: str) -> InstructionSet:
    """Return one of this machine's by name; the best with f32 for an empty one. Raises UsageError."""
    usable = isa.usable()
    found = [one for one in usable if (one.name == name if name else not one.packed_dtype)]
    if not found:
        raise UsageError(f"--isa {name!r}: this machine has {', '.join(one.name for one in usable)}")
    return found[0]


def on_planes(
    library: Library, data: Array, width: int, height: int, threads: int, denoise: float = 0.0
) -> Frame:
    """Return what enhances one dark 8-bit 4:2:0 frame, always the same."""
    geometry = video(width, height)
    planes, out = dark_planes(geometry), geometry.empty()
    network = CpuNetwork(library, data, width, height, format_of(geometry), threads)
    return lambda: network.run(planes, out, 1.0, denoise)
