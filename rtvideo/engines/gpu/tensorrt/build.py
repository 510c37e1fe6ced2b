"""An ONNX file becomes a TensorRT plan, with the file's types: f32 stays f32, TF32 is off."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any

from rtvideo.engines.gpu.tensorrt.package import Package
from rtvideo.errors import UnavailableError

#: Scalars that our files hold with a default; to TensorRT they would be constants, so they are made inputs.
SCALARS = ("strength", "denoise", "brightness")

#: Changes with anything below that changes plans.
FLAGS = "strongly typed, no TF32, scalars as inputs"


@dataclass(frozen=True)
class Profile:
    """Sizes of frames, (height, width), that a plan takes; it is made to be fastest at ``usual``."""

    smallest: tuple[int, int]
    usual: tuple[int, int]
    largest: tuple[int, int]

    @classmethod
    def static(cls, width: int, height: int) -> Profile:
        """Return the profile for frames of one size."""
        return cls((height, width), (height, width), (height, width))

    @property
    def is_static(self) -> bool:
        """Whether it is for frames of one size."""
        return self.smallest == self.largest

    def takes(self, width: int, height: int) -> bool:
        """Return whether frames of this size fit."""
        low, high = self.smallest, self.largest
        return low[0] <= height <= high[0] and low[1] <= width <= high[1]

    def __str__(self) -> str:
        (height, width), (most_high, most_wide) = self.usual, self.largest
        return f"{width}x{height}" if self.is_static else f"up to {most_wide}x{most_high}"


#: One plan for all frames of video sizes, upright ones too.
DYNAMIC = Profile((16, 16), (1080, 1920), (4096, 4096))


def build(package: Package, network: bytes, profile: Profile, timing: bytes = b"") -> tuple[bytes, bytes]:
    """Return the plan of an ONNX network, and what was measured while it was made.

    Args:
        package: from `rtvideo.engines.gpu.tensorrt.package.load`.
        network: the ONNX file.
        profile: sizes to build for.
        timing: what an earlier build measured, with the same package and GPU; empty for nothing.

    Raises:
        UnavailableError: the file is not one that TensorRT can run, or there is no GPU that it can build for.
    """
    trt, logger = package.module, package.logger
    logger.error = ""
    builder = trt.Builder(logger)
    definition = builder.create_network(1 << int(trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED))
    parser = trt.OnnxParser(definition, logger)
    if not parser.parse(network):
        problem = parser.get_error(0).desc() if parser.num_errors else logger.error
        raise UnavailableError(f"{package} cannot read the network: {_line(problem)}")
    for name in SCALARS:
        _make_input(trt, definition, name)
    config = builder.create_builder_config()
    config.clear_flag(trt.BuilderFlag.TF32)
    sizes = builder.create_optimization_profile()
    image = definition.get_input(0).name
    sizes.set_shape(image, *((1, 3, *size) for size in (profile.smallest, profile.usual, profile.largest)))
    config.add_optimization_profile(sizes)
    if not package.rtx:  # which measures nothing when it builds
        _use(config, timing)
    plan = builder.build_serialized_network(definition, config)
    if plan is None:
        raise UnavailableError(f"{package} cannot build the network: {_line(logger.error)}")
    return bytes(plan), b"" if package.rtx else bytes(config.get_timing_cache().serialize())


def _make_input(trt: Any, definition: Any, name: str) -> None:
    """Make an input of a scalar that the parser took for a constant."""
    constant = f"{name}_output"  # as the parser names what an initializer's layer makes
    uses = [
        (layer, k)
        for layer in (definition.get_layer(i) for i in range(definition.num_layers))
        for k in range(layer.num_inputs)
        if (tensor := layer.get_input(k)) is not None and tensor.name in (name, constant)
    ]
    if uses:
        made = definition.add_input(name, trt.float32, ())
        for layer, k in uses:
            layer.set_input(k, made)


def _use(config: Any, timing: bytes) -> None:
    """Let a build reuse what earlier ones measured; what does not fit is measured again."""
    cache = config.create_timing_cache(timing)
    if cache is None or not config.set_timing_cache(cache, False):
        logging.getLogger("rtvideo").debug("timing cache of another version or GPU left out")
        config.set_timing_cache(config.create_timing_cache(b""), False)


def _line(text: str) -> str:
    return " ".join(text.split())[:200] or "it does not say why"
