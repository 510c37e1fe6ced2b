"""The engines on a GPU, each timed from NV12 to NV12: planes in its memory, and planes in main memory."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.gpu.device import Timing, on_device, timed, to_host
from rtvideo.engines.gpu.session import GpuSession
from rtvideo.engines.session import Settings
from rtvideo.frame import Geometry, Plane
from rtvideo.models import Model

Opener = Callable[[Model, Geometry, Settings, int, str], GpuSession]


def _cuda(
    model: Model, geometry: Geometry, settings: Settings, device_index: int, numbers: str
) -> GpuSession:
    from rtvideo.engines.gpu.cuda import CudaSession

    return CudaSession(model, geometry, settings, device_index=device_index, numbers=numbers)


def _tensorrt(
    model: Model, geometry: Geometry, settings: Settings, device_index: int, numbers: str
) -> GpuSession:
    from rtvideo.engines.gpu.tensorrt.session import TensorRTSession

    return TensorRTSession(model, geometry, settings, device_index=device_index, half=numbers == "f16")


def _onnx(
    model: Model, geometry: Geometry, settings: Settings, device_index: int, numbers: str
) -> GpuSession:
    from rtvideo.engines.gpu.onnx import OnnxCudaSession

    return OnnxCudaSession(model, geometry, settings, device_index=device_index, half=numbers == "f16")


def _torch(
    model: Model, geometry: Geometry, settings: Settings, device_index: int, numbers: str
) -> GpuSession:
    from rtvideo.engines.gpu.torch import TorchCudaSession

    return TorchCudaSession(model, geometry, settings, device_index=device_index, half=numbers == "f16")


#: As ``--engine`` takes them.
ENGINES: dict[str, Opener] = {"cuda": _cuda, "tensorrt": _tensorrt, "onnx": _onnx, "torch": _torch}


@dataclass(frozen=True)
class Measured:
    """What an engine was found to do.

    Attributes:
        ready: seconds until it could take frames.
        kernels: from planes in the device's memory to planes there, as it enqueues them (a graph, if it can).
        frames: from main memory to main memory, copies included.
        made: what became of the first frame.
    """

    ready: float
    kernels: Timing
    frames: Timing
    made: list[Plane]


def measure(
    engine: str, model: Model, geometry: Geometry, denoise: bool, numbers: str,
    dark: list[list[Plane]], count: int, device_index: int = 0, temporal: float = 0.0,
) -> Measured:  # fmt: skip
    """Open an engine, time it over frames that take turns, and close it.

    Args:
        numbers: ``f32`` or ``f16``; of engine cuda ``tensor``, too.

    Raises:
        UnavailableError: it is not installed, or cannot run the model here.
    """
    began = time.perf_counter()
    session = ENGINES[engine](model, geometry, Settings(1.0, float(denoise), temporal), device_index, numbers)
    ready = time.perf_counter() - began
    try:
        device, stream = session._device, session._stream
        with on_device(device, dark) as sources, on_device(device, [dark[0]]) as (out,):
            kernels = timed(
                device,
                stream,
                lambda k: session._run(sources[k % len(sources)], out, session.settings),
                count,
            )
            session._run(sources[0], out, session.settings)
            device.call("cuStreamSynchronize", stream)
            made = [to_host(device, plane, like) for plane, like in zip(out, dark[0], strict=True)]
        return Measured(ready, kernels, from_host(session, geometry, dark, count), made)
    finally:
        session.close()


def from_host(session: GpuSession, geometry: Geometry, dark: list[list[Plane]], count: int) -> Timing:
    """Time a session as a pipeline uses it: one thread submits and receives."""
    outs = [geometry.empty() for _ in range(3)]
    for k in range(5):
        session.submit(dark[k % len(dark)], outs[k % 3])
        session.receive()
    began = time.perf_counter()
    for k in range(count):
        session.submit(dark[k % len(dark)], outs[k % 3])
        session.receive()
    session.flush()
    while session.receive() is not None:
        pass
    each = 1000 * (time.perf_counter() - began) / count
    return Timing(each, each)
