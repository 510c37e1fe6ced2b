"""Engines: the ways to run a model. `open_session` picks one; nothing is imported before it is needed."""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass

from rtvideo.engines.base import Geometry, Session, Settings
from rtvideo.engines.threads import usable_cpus
from rtvideo.errors import UnavailableError, UsageError
from rtvideo.models import Model

#: Every engine, fastest first: the order in which ``auto`` tries them.
ENGINES = ("cuda", "fused", "onnx")


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
    return sorted([_cuda(), _fused(), _onnx()], key=lambda engine: not engine.works)


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


def _fused() -> EngineInfo:
    from rtvideo.kernels import build, isa

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
    if engine == "cuda" or device.startswith("cuda"):
        if engine not in ("auto", "cuda") or device == "cpu":
            raise UnavailableError(f"engine {engine} does not run on device {device!r}")
        return _cuda_session(model, geometry, settings, int(device.partition(":")[2] or 0))
    if engine == device == "auto" and (session := _cuda_if_it_works(model, geometry, settings)):
        return session
    threads = threads or usable_cpus()
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


def _cuda_session(model: Model, geometry: Geometry, settings: Settings, number: int) -> Session:
    from rtvideo.engines.cuda import CudaSession

    return CudaSession(model, geometry, settings, number=number)


def _cuda_if_it_works(model: Model, geometry: Geometry, settings: Settings) -> Session | None:
    """Return a session on the first GPU; None, with a warning where there is one that cannot be used."""
    from rtvideo.kernels.cuda import driver

    if not driver.installed():
        return None
    from rtvideo.engines import agreement, cuda

    if cuda.refusal(model, geometry) is not None:
        return None
    try:
        off = agreement.difference(model, geometry, settings.denoise)
        if off is None or off <= agreement.TOLERANCE:
            return cuda.CudaSession(model, geometry, settings)
        problem = f"engine cuda is off by {off:.0f} of 255 from the processor (please report it)"
    except UnavailableError as error:
        problem = str(error)
    logging.getLogger("rtvideo").warning("%s; going on without a GPU", problem)
    return None


def auto_denoise(
    model: Model, geometry: Geometry, fps: float | None, session: Session | str, threads: int = 0
) -> float:
    """Return the noise removal that ``--denoise auto`` stands for: 1 where it runs in real time, else 0.

    The decision rests on figures that were measured once and written down (`rtvideo.engines.cost`), so that
    the same command gives the same result on every run.

    Args:
        model, geometry, threads: as for `open_session`.
        fps: frames a second that must be met; None for images, which have no such limit.
        session: what runs, or what it calls itself.
    """
    from rtvideo.engines.cost import REAL_TIME_SHARE, seconds_per_frame

    if model.description is None or model.description.noise is None:
        return 0.0
    if fps is None:
        return 1.0
    engine = str(session).partition(",")[0]
    seconds = seconds_per_frame(engine, model.description, geometry, threads or usable_cpus())
    return 1.0 if seconds <= REAL_TIME_SHARE / fps else 0.0


def _check_names(engine: str, device: str) -> None:
    if engine not in ("auto", *ENGINES):
        raise UsageError(f"unknown engine {engine!r}; allowed: auto, {', '.join(ENGINES)}")
    if not re.fullmatch(r"auto|cpu|cuda(:\d+)?", device):
        raise UsageError(f"unknown device {device!r}; allowed: auto, cpu, cuda, cuda:N")
