"""The CUDA sources that a device would be given: for a look at their code, or to compile them beforehand."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from rtvideo import models
from rtvideo.colour import Coding, Matrix
from rtvideo.frame import Geometry
from rtvideo.kernels import weights
from rtvideo.kernels.cuda import nvrtc
from rtvideo.kernels.cuda.driver import LEAST_SHARED
from rtvideo.kernels.cuda.emit import emit
from rtvideo.kernels.cuda.source import CudaSource
from rtvideo.kernels.ir.lower import lower
from rtvideo.kernels.structs import format_of
from rtvideo.models.description import Description


def sized(width: int, height: int) -> Geometry:
    """Return the geometry of NV12 frames."""
    return Geometry(width, height, "nv", 8, Coding(Matrix.BT709, full_range=False))


#: Kernels are the same for frames of every size.
NV12 = sized(16, 16)


@dataclass(frozen=True)
class Kind:
    """Of kernels: with noise removal, over time, without bands, and the numbers of its cells.

    These are keys of `rtvideo.engines.gpu.cuda.NUMBERS`.
    """

    denoise: bool = False
    temporal: bool = False
    deband: bool = False
    numbers: str = "f32"

    def __str__(self) -> str:
        words = {"NRM": self.denoise, "over time": self.temporal, "debanded": self.deband}
        words[self.numbers] = self.numbers != "f32"
        return ", ".join(["IEM", *(word for word, on in words.items() if on)])


#: What benchmarks and tests use of every model, and of the one that is looked at over time too.
PLAIN = Kind(), Kind(denoise=True), Kind(denoise=True, numbers="f16")
TENSOR = Kind(denoise=True, numbers="tensor")
OVER_TIME = Kind(temporal=True, deband=True), Kind(True, True, True)


def shared_of(capability: tuple[int, int]) -> int:
    """Return the shared memory that `rtvideo.kernels.cuda.driver.CudaDevice` gives a block."""
    return max(LEAST_SHARED, (nvrtc.CAPABILITIES[capability] // 2 - 1) << 10)


def source_of(
    description: Description, values: Mapping[str, Any], kind: Kind, capability: tuple[int, int],
    geometry: Geometry = NV12,
) -> CudaSource:  # fmt: skip
    """Return the source of a network for frames like those of a geometry."""
    packed = lower(description, values, packed=True).packed if kind.numbers != "f32" else frozenset()
    return emit(
        lower(description, values), shared_of(capability),
        denoise=kind.denoise, temporal=kind.temporal, deband=kind.deband,
        packed=packed, tensor_cores=kind.numbers == "tensor", kind=format_of(geometry),
    )  # fmt: skip


def of_model(name: str, kind: Kind, capability: tuple[int, int], geometry: Geometry = NV12) -> CudaSource:
    """Return the source of a model."""
    model = models.find(name)
    assert model.description is not None and model.weights is not None
    return source_of(model.description, weights.read(model.weights), kind, capability, geometry)


def of_models(capability: tuple[int, int], over_time: str) -> Iterator[tuple[str, CudaSource]]:
    """Yield what is compiled for NV12 frames, and what it is."""
    for name in models.names():
        for kind in (*PLAIN, *((TENSOR, *OVER_TIME) if name == over_time else ())):
            yield f"{name}, {kind}", of_model(name, kind, capability)
