"""TensorRT for RTX, which needs no GPU to build, takes every shipped ONNX file as it should."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from rtvideo.engines.gpu.tensorrt import build, package
from rtvideo.engines.gpu.tensorrt.build import DYNAMIC, Profile
from rtvideo.errors import UnavailableError
from rtvideo.models import Model, find, names

SMALL = Profile((16, 16), (36, 64), (72, 128))


@pytest.fixture(scope="module")
def rtx() -> package.Package:
    pytest.importorskip(
        "tensorrt_rtx_bindings", reason="TensorRT for RTX: pip install 'rtvideo[tensorrt-rtx]'"
    )
    package.load.cache_clear()
    found = package.load()
    if not found.rtx:
        pytest.skip("TensorRT itself comes first here")
    return found


SHIPPED = [(name, variant) for name in names() for variant in find(name).networks]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "variant"), SHIPPED, ids=lambda value: str(value))
def test_every_shipped_network_becomes_a_plan_for_many_sizes(
    rtx: package.Package, name: str, variant: str
) -> None:
    data = find(name).networks[variant].read_bytes()
    plan, timing = build.build(rtx, data, SMALL)
    assert len(plan) > 100_000
    assert timing == b""


@pytest.mark.slow
@pytest.mark.parametrize("profile", [Profile.static(1920, 1080), Profile.static(641, 359), DYNAMIC], ids=str)
def test_profiles_that_engines_use_are_built(rtx: package.Package, profile: Profile) -> None:
    data = find("night").networks["iem"].read_bytes()
    assert build.build(rtx, data, profile)[0]


@pytest.mark.parametrize("half", [False, True])
def test_strength_and_noise_removal_stay_inputs(rtx: package.Package, half: bool) -> None:
    trt = rtx.module
    definition = parsed(rtx, find("night"), "iem+nrm.fp16" if half else "iem+nrm")
    assert [definition.get_input(k).name for k in range(definition.num_inputs)] == ["image"]
    for name in build.SCALARS:
        build._make_input(trt, definition, name)
    inputs = {definition.get_input(k).name for k in range(definition.num_inputs)}
    assert inputs == {"image", "strength", "denoise", "brightness"}
    read = [tensor.name for layer in layers(definition) for tensor in tensors(layer)]
    assert read.count("strength") == read.count("denoise") == 1  # strength fades out, and all else takes that
    assert not {"strength_output", "denoise_output"} & set(read)


def test_types_are_those_of_the_file(rtx: package.Package) -> None:
    float16, float32 = rtx.module.float16, rtx.module.float32
    for variant, kinds in {"iem": {float32}, "iem.fp16": {float16, float32}}.items():
        definition = parsed(rtx, find("night"), variant)
        convolutions = [x for x in layers(definition) if x.type == rtx.module.LayerType.CONVOLUTION]
        assert {layer.get_output(0).dtype for layer in convolutions} == kinds
        ends = (definition.get_input(0), definition.get_output(0))
        assert {end.dtype for end in ends} == ({float16} if variant.endswith("fp16") else {float32})


def test_what_is_no_network_is_one_line(rtx: package.Package) -> None:
    with pytest.raises(UnavailableError, match=r"TensorRT for RTX .* cannot read the network: .*") as told:
        build.build(rtx, b"nonsense", DYNAMIC)
    assert "\n" not in str(told.value)


def parsed(rtx: package.Package, model: Model, variant: str) -> Any:
    trt = rtx.module
    builder = trt.Builder(rtx.logger)
    definition = builder.create_network(1 << int(trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED))
    path: Path = model.networks[variant]
    assert trt.OnnxParser(definition, rtx.logger).parse(path.read_bytes())
    return definition


def layers(definition: Any) -> list[Any]:
    return [definition.get_layer(k) for k in range(definition.num_layers)]


def tensors(layer: Any) -> list[Any]:
    found = (layer.get_input(k) for k in range(layer.num_inputs))
    return [tensor for tensor in found if tensor is not None]
