"""Compile beforehand what `benchmarks/gpu_check.py` needs on a device, where there is none."""

from __future__ import annotations

import importlib
import logging
import platform
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from benchmarks.gpu import sass, sources
from benchmarks.gpu.device import PEAK
from benchmarks.gpu.right import OVER_TIME
from rtvideo import models
from rtvideo.errors import UnavailableError
from rtvideo.kernels import weights
from rtvideo.kernels.cpu import build, isa
from rtvideo.kernels.cpu.emit import emit
from rtvideo.kernels.cuda import nvrtc
from rtvideo.kernels.ir.lower import lower

#: Any driver takes what was compiled before.
_ANY_DRIVER = 99000


def prepare(folder: Path, capability: tuple[int, int]) -> int:
    """Fill the cache in a folder, say what was made, and return how many.

    Raises:
        UnavailableError: NVRTC is not installed.
    """
    count, began = 0, time.perf_counter()
    for what, text in _texts(capability):
        nvrtc.cubin(text, capability, _ANY_DRIVER, folder)
        count += 1
        print(f"{time.perf_counter() - began:6.1f} s  {what}", flush=True)
    for name in models.names():
        for one in isa.INSTRUCTION_SETS:
            if one.machine == platform.machine() and _built(name, one, folder):
                count += 1
                print(f"{time.perf_counter() - began:6.1f} s  {name} for processors, {one.name}", flush=True)
    return count


def figures(capability: tuple[int, int]) -> dict[str, float]:
    """Return numbers and kernel -> instructions that it issues for a pixel, as far as its code tells."""
    found: dict[str, float] = {}
    for kind in (*sources.PLAIN, sources.TENSOR, sources.OVER_TIME[0]):
        for one in sass.figures(sources.of_model(OVER_TIME, kind, capability), capability):
            if one.instructions is not None:
                found.setdefault(f"{kind.numbers} {one.name}", one.instructions)
    return found


def _texts(capability: tuple[int, int]) -> Iterator[tuple[str, str]]:
    yield "peak", PEAK
    for what, source in sources.of_models(capability, OVER_TIME):
        yield what, source.text
    try:
        yield from _of_tests(capability)
    except ImportError as error:  # they need torch and pytest, the essentials do not
        logging.getLogger("rtvideo").warning("what tests/gpu needs is compiled there: %s", error)


def _of_tests(capability: tuple[int, int]) -> Iterator[tuple[str, str]]:
    """Yield what `tests/gpu` compiles besides."""
    networks = importlib.import_module("tests.helpers.networks")
    geometries = importlib.import_module("tests.rtvideo.engines.geometries").GEOMETRIES
    anything = importlib.import_module("tests.rtvideo.kernels.compiled").anything
    for geometry in geometries[1:]:
        for kind in sources.PLAIN[: 2 if geometry is geometries[1] else 1]:
            for name in models.names() if geometry is geometries[1] else [OVER_TIME]:
                text = sources.of_model(name, kind, capability, geometry).text
                yield f"{name}, {kind}, {geometry.layout}{geometry.depth}", text
    for description in [*networks.ALL, *map(anything, (0, 4, 6, 10))]:
        values = {key: np.array(value) for key, value in networks.weights(description).items()}
        kind = sources.Kind(denoise=description.noise is not None)
        yield description.name, sources.source_of(description, values, kind, capability).text


def _built(name: str, instructions: isa.InstructionSet, folder: Path) -> bool:
    """Build the engine for processors, which the device is held against; return whether that worked."""
    model = models.find(name)
    assert model.description is not None and model.weights is not None
    packed = bool(instructions.packed_dtype)
    if packed and not model.card.get("bf16"):
        return False
    program = lower(model.description, weights.read(model.weights), packed=packed)
    try:
        build.library(emit(program), instructions, folder)
    except UnavailableError as error:
        logging.getLogger("rtvideo").warning("%s", error)
        return False
    return True
