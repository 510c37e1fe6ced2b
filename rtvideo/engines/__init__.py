"""Engines: the ways to run a model. `open_session` picks one; nothing is imported before it is needed."""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass

from rtvideo.cpus import usable_cpus
from rtvideo.engines.session import Session, Settings
from rtvideo.errors import UnavailableError, UsageError
from rtvideo.frame import Geometry
from rtvideo.models import Model

#: Every engine, as ``--engine`` takes them. ``auto`` takes the fastest of those for a GPU, where there is one
#: (`rtvideo.engines.gpu.autotune`), then fused, then onnx; torch has to be asked for.
ENGINES = ("cuda", "tensorrt", "fused", "onnx", "torch")

#: Those that run on a CUDA device alone, and those that do not run on one.
_GPU_ONLY, _CPU_ONLY = ("cuda", "tensorrt"), ("fused",)


@dataclass(frozen=True)
class EngineInfo:
    """One engine on one device, for lists and for the doctor.

    Attributes:
        name: as ``--engine`` takes it.
        device: as ``--device`` takes it.
        works: whether a session can be opened here.
        reason: why not, with the command that helps; if it works, its version.
    """

    name: str
    device: str
    works: bool
    reason: str


def available() -> list[EngineInfo]:
    """Return every engine and whether it works here: those that do, fastest first, then the others.

    Imports what it asks about.
    """
    found = [_cuda(), _tensorrt(), _fused(), _onnx(), _torch()]
    return sorted(found, key=lambda engine: not engine.works)


def _cuda() -> EngineInfo:
    from rtvideo.kernels.cuda import driver, nvrtc

    if not driver.installed():
        return EngineInfo("cuda", "cuda", False, "no NVIDIA driver")
    try:
        device = driver.Device()
        compiler = nvrtc.version()
    except UnavailableError as error:
        return EngineInfo("cuda", "cuda", False, str(error))
    device.close()
    return EngineInfo("cuda", "cuda", True, f"{device.name}, NVRTC {compiler[0]}.{compiler[1]}")


def _tensorrt() -> EngineInfo:
    from rtvideo.engines.gpu.tensorrt import package
    from rtvideo.kernels.cuda import driver

    try:
        found = str(package.load())
    except UnavailableError as error:
        return EngineInfo("tensorrt", "cuda", False, str(error))
    if not driver.installed():
        return EngineInfo("tensorrt", "cuda", False, f"no NVIDIA driver; {found}")
    return EngineInfo("tensorrt", "cuda", True, found)


def _fused() -> EngineInfo:
    from rtvideo.kernels.cpu import build, isa

    found = isa.usable()
    if not found:
        return EngineInfo("fused", "cpu", False, "no kernels for this kind of processor; use --engine onnx")
    if build.prebuilt(found[0]):
        return EngineInfo("fused", "cpu", True, f"{found[0].name}, built in")
    compilers = build.compilers()
    if not compilers:
        return EngineInfo("fused", "cpu", False, "no compiler to make kernels with: pip install ziglang")
    return EngineInfo("fused", "cpu", True, f"{found[0].name}, compiled by {compilers[0].kind}")


def _onnx() -> EngineInfo:
    from rtvideo.engines import onnx

    try:
        version = onnx.runtime().__version__
    except UnavailableError as error:
        return EngineInfo("onnx", "cpu", False, str(error))
    return EngineInfo("onnx", "cpu", True, f"onnxruntime {version}")


def _torch() -> EngineInfo:
    from rtvideo.version import installed

    # Not imported, which takes seconds.
    if (version := installed("torch")) is None:
        return EngineInfo("torch", "cpu", False, "engine torch needs torch: pip install 'rtvideo[torch]'")
    return EngineInfo("torch", "cpu", True, f"torch {version}")


def open_session(
    model: Model,
    geometry: Geometry,
    settings: Settings,
    *,
    engine: str = "auto",
    device: str = "auto",
    threads: int = 0,
) -> Session:
    """Open a session of the fastest engine that works, or of the one asked for.

    Args:
        model: what `rtvideo.models.find` returned.
        geometry: of all frames to come.
        settings: kept by reference as ``session.settings``: changes count from the next frame on.
        engine, device: a name, or ``auto``.
        threads: 0 takes what this process may use.

    Raises:
        UsageError: an unknown engine or device, or settings that the model does not have.
        UnavailableError: what was asked for by name cannot work here, or nothing can.
    """
    _check_names(engine, device)
    if threads < 0:
        raise UsageError(f"threads {threads} must be 0 (all that may be used) or more")
    if engine in _GPU_ONLY or device.startswith("cuda"):
        if engine in _CPU_ONLY or device == "cpu":
            raise UnavailableError(f"engine {engine} does not run on device {device!r}")
        return _on_gpu(model, geometry, settings, engine, int(device.partition(":")[2] or 0))
    if engine == device == "auto" and (session := _on_gpu_if_it_works(model, geometry, settings)):
        return session
    threads = threads or usable_cpus()
    if engine == "torch":
        from rtvideo.engines.torch import TorchSession

        return TorchSession(model, geometry, settings, threads=threads)
    if engine != "onnx":
        from rtvideo.engines import fused

        # `auto` stays silent where a model cannot have a kernel, and says so where one could not be made.
        if engine == "fused" or fused.refusal(model, geometry) is None:
            try:
                return fused.FusedSession(model, geometry, settings, threads=threads)
            except UnavailableError as error:
                if engine == "fused" or not model.networks:
                    raise
                logging.getLogger("rtvideo").warning("%s; going on with engine onnx", error)
    from rtvideo.engines.onnx import OnnxSession

    return OnnxSession(model, geometry, settings, threads=threads)


def _on_gpu(model: Model, geometry: Geometry, settings: Settings, engine: str, number: int) -> Session:
    """Open an engine on a CUDA device: the one that is named, or the fastest."""
    if engine == "cuda":
        from rtvideo.engines.gpu.cuda import CudaSession

        return CudaSession(model, geometry, settings, number=number)
    if engine == "tensorrt":
        from rtvideo.engines.gpu.tensorrt.session import TensorRTSession

        return TensorRTSession(model, geometry, settings, number=number)
    if engine == "onnx":
        from rtvideo.engines.gpu.onnx import OnnxCudaSession

        return OnnxCudaSession(model, geometry, settings, number=number)
    if engine == "torch":
        from rtvideo.engines.torch import TorchCudaSession

        return TorchCudaSession(model, geometry, settings, number=number)
    from rtvideo.engines.gpu import autotune as fastest
    from rtvideo.engines.gpu import cuda
    from rtvideo.kernels.cuda.driver import Device

    device = Device(number)
    try:
        openers = fastest.contenders(model, geometry, settings, number)
        if not openers:
            raise UnavailableError(f"engine cuda: {cuda.refusal(model, geometry)}")
        key = fastest.key_of(model, settings, device)
        return fastest.open_fastest(
            openers, device.name, key, lambda session: fastest.frames_a_second(session, geometry)
        )
    finally:
        device.close()


def _on_gpu_if_it_works(model: Model, geometry: Geometry, settings: Settings) -> Session | None:
    """Return a session on the first GPU; None, with a warning where there is one that cannot be used."""
    from rtvideo.kernels.cuda import driver

    if not driver.installed():
        return None
    from rtvideo.engines.gpu import autotune as fastest

    if not fastest.contenders(model, geometry, settings, 0):
        return None
    try:
        return _on_gpu(model, geometry, settings, "auto", 0)
    except UnavailableError as error:
        logging.getLogger("rtvideo").warning("%s; going on without a GPU", error)
        return None


def _check_names(engine: str, device: str) -> None:
    if engine not in ("auto", *ENGINES):
        raise UsageError(f"unknown engine {engine!r}; allowed: auto, {', '.join(ENGINES)}")
    if not re.fullmatch(r"auto|cpu|cuda(:\d+)?", device):
        raise UsageError(f"unknown device {device!r}; allowed: auto, cpu, cuda, cuda:N")
