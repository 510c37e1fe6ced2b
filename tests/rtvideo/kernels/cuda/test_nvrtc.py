"""CUDA sources compiled for real devices, which needs no device; and the cache of what comes out."""

from __future__ import annotations

import dataclasses
import itertools
import re
from pathlib import Path
from typing import Any

import pytest

from rtvideo import models
from rtvideo.colour import Coding, Matrix
from rtvideo.errors import UnavailableError
from rtvideo.frame import Geometry
from rtvideo.kernels import weights
from rtvideo.kernels.cuda import nvrtc
from rtvideo.kernels.cuda.driver import LEAST_SHARED
from rtvideo.kernels.cuda.emit import emit
from rtvideo.kernels.ir.lower import lower
from rtvideo.kernels.structs import format_of
from rtvideo.models import Model
from rtvideo.models.description import Description, Genotype, Illumination
from tests.helpers import networks
from tests.helpers.networks import NIGHT

pytestmark = pytest.mark.compile

NV12 = format_of(Geometry(16, 16, "nv", 8, Coding(Matrix.BT709, False)))

#: With 256 threads, of which two blocks share a multiprocessor's 64 K registers.
REGISTERS = 128

SMALL = 'extern "C" __global__ void copy(float *to, const float *from) { *to = *from; }\n'


@pytest.fixture(autouse=True)
def needs_the_compiler() -> None:
    try:
        nvrtc.bindings()
    except UnavailableError as error:
        pytest.skip(str(error))


def text(model: Model, denoise: bool, shared: int) -> str:
    assert model.description is not None and model.weights is not None
    program = lower(model.description, weights.read(model.weights))
    return emit(program, shared, denoise=denoise, kind=NV12).text


def noise_text(capability: tuple[int, int], *, half: bool, tensor_cores: bool = False, **changes: Any) -> str:
    """Noise removal by itself: light that needs no cell to speak of, then one stage."""
    assert NIGHT.noise is not None
    light = Illumination(genotype=Genotype(*["skip"] * 7), scales=(1,), warm_start="fixed")
    if tensor_cores:  # which are for half size alone
        light = dataclasses.replace(light, domain="log", scales=(8,), floor=0.01)
    noise = dataclasses.replace(NIGHT.noise, stages=1, **changes)
    description = Description(name="noise", illumination=light, noise=noise)
    values = networks.weights(description)
    packed = lower(description, values, packed=True).packed if half else frozenset()
    return emit(
        lower(description, values), shared(capability), denoise=True, packed=packed,
        tensor_cores=tensor_cores, kind=NV12,
    ).text  # fmt: skip


def shared(capability: tuple[int, int]) -> int:
    return max(LEAST_SHARED, (nvrtc.CAPABILITIES[capability] // 2 - 1) << 10)


def check(report: str) -> None:
    registers = [int(n) for n in re.findall(r"Used (\d+) registers", report)]
    assert registers and max(registers) <= REGISTERS
    assert set(re.findall(r"(\d+) bytes (?:stack frame|spill stores|spill loads)", report)) == {"0"}


#: Every device, every shipped model; all of one with all of the other would take minutes.
PAIRS = list(zip(nvrtc.CAPABILITIES, itertools.cycle(models.names()), strict=False))


@pytest.mark.parametrize(("capability", "name"), PAIRS, ids=str)
def test_shipped_models_compile_without_spills(capability: tuple[int, int], name: str) -> None:
    made = nvrtc.compile_source(text(models.find(name), False, shared(capability)), capability)
    assert made.binary[:4] == b"\x7fELF"
    check(made.report)


def test_the_shipped_noise_removal_compiles_without_spills() -> None:
    check(nvrtc.compile_source(text(models.find("night"), True, shared((9, 0))), (9, 0)).report)


def test_half_precision_compiles_without_spills() -> None:
    made = nvrtc.compile_source(noise_text((7, 5), half=True), (7, 5))
    assert "PairTile" in noise_text((7, 5), half=True)
    check(made.report)


def test_what_comes_before_the_network_compiles_without_spills() -> None:
    light = dataclasses.replace(NIGHT.illumination, genotype=Genotype(*["skip"] * 7), scales=(8,))
    description = Description(name="light", illumination=light)
    program = lower(description, networks.weights(description))
    source = emit(program, LEAST_SHARED, denoise=False, temporal=True, deband=True, kind=NV12)
    check(nvrtc.compile_source(source.text, (8, 6)).report)


def test_sixteen_channels_compile_without_spills() -> None:
    wide = noise_text((8, 6), half=False, channels=16, genotype=Genotype("skip", "conv3", *["skip"] * 5))
    check(nvrtc.compile_source(wide, (8, 6)).report)


def test_noise_removal_at_half_size_compiles_without_spills() -> None:
    genotype = Genotype("skip", "conv3", *["skip"] * 4, "conv3")
    made = noise_text((8, 6), half=False, channels=8, scale=2, genotype=genotype)
    check(nvrtc.compile_source(made, (8, 6)).report)


def test_tensor_cores_of_every_kind_compile_without_spills() -> None:
    for capability in ((7, 5), (12, 0)):
        wide = Genotype("conv1", "conv3", "dil3", "skip", "conv3", "conv3", "dil3")
        made = noise_text(capability, half=True, tensor_cores=True, channels=8, scale=2, genotype=wide)
        check(nvrtc.compile_source(made, capability).report)


def test_weights_that_outgrow_constant_memory_lie_elsewhere() -> None:
    assert "__constant__ Weights w;" in noise_text((8, 6), half=False)
    largest = noise_text((8, 6), half=False, channels=16, genotype=Genotype(*["conv3"] * 7))
    assert "__device__ Weights w;" in largest


def test_the_budget_sees_spills() -> None:
    with pytest.raises(AssertionError):
        check("Used 255 registers\n 8 bytes stack frame, 8 bytes spill stores, 8 bytes spill loads")
    with pytest.raises(AssertionError):
        check("")


def test_compiled_once_then_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = nvrtc.cubin(SMALL, (9, 0), 13000, tmp_path)
    assert first[:4] == b"\x7fELF"
    (path,) = tmp_path.glob("*.cubin")
    monkeypatch.setattr(nvrtc, "compile_source", lambda text, capability: nvrtc.Compiled(b"another", ""))
    assert nvrtc.cubin(SMALL, (9, 0), 13000, tmp_path) == first
    path.write_bytes(first[:100])  # damaged: made again
    assert nvrtc.cubin(SMALL, (9, 0), 13000, tmp_path) == b"another"
    for text, capability in ((SMALL + "//", (9, 0)), (SMALL, (8, 0))):
        nvrtc.cubin(text, capability, 13000, tmp_path)
    monkeypatch.setattr(nvrtc, "version", lambda: (13, 99))
    nvrtc.cubin(SMALL, (9, 0), 13000, tmp_path)  # another compiler's
    nvrtc.cubin(SMALL, (9, 0), 13010, tmp_path)  # a driver decides nothing
    assert len(list(tmp_path.glob("*.cubin"))) == 4


def test_a_driver_that_is_too_old_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nvrtc, "version", lambda: (13, 1))
    with pytest.raises(UnavailableError, match=r"takes CUDA 12\.4 at most and NVRTC is 13\.1; .*cuda12"):
        nvrtc.cubin(SMALL, (9, 0), 12040, tmp_path)
    assert not list(tmp_path.glob("*.cubin"))
    nvrtc.cubin(SMALL, (9, 0), 13000, tmp_path)
    with pytest.raises(UnavailableError, match="update the driver"):  # whatever the cache has
        nvrtc.cubin(SMALL, (9, 0), 12040, tmp_path)


def test_source_that_does_not_compile_is_one_line() -> None:
    with pytest.raises(UnavailableError, match=r"could not be compiled for compute capability 9\.0") as told:
        nvrtc.compile_source("__device__ int f() {\n  return nonsense;\n}\n", (9, 0))
    assert "\n" not in str(told.value) and "nonsense" in str(told.value)
