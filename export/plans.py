"""Plans for engine tensorrt, built before they are needed: by TensorRT from ONNX, or by torch-tensorrt."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from rtvideo.engines.gpu.tensorrt.build import DYNAMIC, Profile
from rtvideo.engines.gpu.tensorrt.package import Package, load
from rtvideo.engines.gpu.tensorrt.plans import Machine, Plans
from rtvideo.errors import UnavailableError, UsageError
from rtvideo.kernels.cuda import driver
from rtvideo.models import Model, find


def export_plans(model: str, sizes: Sequence[tuple[int, int]], out: Path | None, *, torch: bool) -> None:
    """Build a plan of every ONNX file of a model, and say where each lies.

    Args:
        model: name of a shipped model, or the file of an exported one.
        sizes: width and height; none for one plan that takes many sizes.
        out: folder; None for the one that the engine looks into.
        torch: let torch-tensorrt do it, which needs sizes.

    Raises:
        UsageError: a bad model, or no size for torch-tensorrt.
        UnavailableError: a package is missing, there is no GPU where one is needed, or a build fails.
    """
    found = _model(model)
    profiles = [Profile.static(*size) for size in sizes] or [DYNAMIC]
    if torch and not sizes:
        raise UsageError("--to torch-tensorrt builds for one size of frames; give it: --size 1920x1080")
    package = load()
    plans = Plans(package, _machine(package), out)
    for variant, network in found.networks.items():
        for profile in profiles:
            begin = time.monotonic()
            if torch:
                from export.torch_tensorrt import compile_network

                path = plans.put(network, profile, compile_network(network, profile))
            else:
                path = plans.plan(network, profile)
            seconds = time.monotonic() - begin
            print(f"{path}  {variant}, {profile}, {path.stat().st_size} bytes, {seconds:.1f} s")


def _model(name: str) -> Model:
    path = Path(name)
    if path.suffix == ".safetensors":
        path = path.with_suffix(".json")
    found = find(str(path))
    if not found.networks:
        raise UnavailableError(f"{name}: no ONNX files beside it; write them with python -m export --to onnx")
    return found


def _machine(package: Package) -> Machine | None:
    if package.rtx and not driver.installed():
        return None  # it builds for any GPU
    device = driver.CudaDevice()
    return Machine(device.name, device.capability)
