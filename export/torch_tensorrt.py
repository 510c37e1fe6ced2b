"""torch-tensorrt, another way from a network to a plan. It has not run yet: it needs a GPU to compile."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from rtvideo.engines.gpu.tensorrt.build import Profile
from rtvideo.engines.torch_graph import OnnxModule
from rtvideo.errors import UnavailableError
from rtvideo.models.files import read_network


def compile_network(network: Path, profile: Profile) -> bytes:
    """Return the plan of an ONNX file for frames of one size, in the file's types.

    Raises:
        UnavailableError: torch-tensorrt or a GPU is missing, or it cannot compile the network.
    """
    try:
        import torch_tensorrt  # type: ignore[import-not-found,unused-ignore]
    except (ImportError, OSError) as error:
        release = torch.__version__.rpartition(".")[0]
        raise UnavailableError(
            f"--to torch-tensorrt needs torch-tensorrt: pip install 'torch-tensorrt=={release}.*' ({error})"
        ) from None
    if not torch.cuda.is_available():
        raise UnavailableError("--to torch-tensorrt needs a GPU: torch finds none")
    program = exported(network, profile, "cuda")
    convert = torch_tensorrt.dynamo.convert_exported_program_to_serialized_trt_engine
    options: dict[str, Any] = {"disable_tf32": True, "require_full_compilation": True, "min_block_size": 1}
    if "use_explicit_typing" in inspect.signature(convert).parameters:  # later versions always do
        options["use_explicit_typing"] = True
    try:
        images, scalars = program.example_inputs
        return bytes(convert(program, arg_inputs=list(images), kwarg_inputs=scalars, **options))
    except Exception as error:  # whatever comes out of the compilers beneath it
        line = next(iter(str(error).splitlines()), type(error).__name__)
        raise UnavailableError(f"{network}: torch-tensorrt cannot compile it: {line[:200]}") from error


def exported(network: Path, profile: Profile, device: str) -> torch.export.ExportedProgram:
    """Return an ONNX file as torch's exported program; a plan's inputs get the names of its inputs."""
    module = OnnxModule(read_network(network), str(network)).eval().to(device)
    kind = torch.half if module.half_image else torch.float32
    image = torch.zeros(1, 3, *profile.usual, dtype=kind, device=device)
    scalars = {name: torch.ones((), device=device) for name in module.scalars}
    with torch.no_grad():
        return torch.export.export(_Named(module), (image,), scalars)


class _Named(torch.nn.Module):
    """A network whose scalars have names: a plan's inputs are called as the arguments of ``forward``."""

    def __init__(self, network: OnnxModule) -> None:
        super().__init__()
        self.network = network

    def forward(
        self,
        image: Tensor,
        strength: Tensor | None = None,
        denoise: Tensor | None = None,
        brightness: Tensor | None = None,
    ) -> Tensor:
        given = {"strength": strength, "denoise": denoise, "brightness": brightness}
        result: Tensor = self.network(image, *(given[name] for name in self.network.scalars))
        return result
