"""Frames in a GPU's memory, its clock, and what it can do at most: for `benchmarks.gpu.command`."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from rtvideo.frame import Geometry, Plane
from rtvideo.kernels.cuda.driver import CudaDevice
from rtvideo.kernels.cuda.module import CudaModule
from rtvideo.kernels.cuda.network import DevicePlane

#: Distinct frames that take turns: more than the second-level cache of any device holds at 1920x1080.
FRAMES = 25

_PEAK_BLOCKS, _PEAK_ROUNDS, _PEAK_SUMS = 4096, 2048, 16

#: Independent sums in registers, so that nothing but multiply-adds is waited for.
PEAK = f"""
__device__ float sink[256];
extern "C" __global__ void __launch_bounds__(256) peak() {{
    float a = 1.0f + threadIdx.x * 1e-9f, b = threadIdx.x * 1e-3f, x[{_PEAK_SUMS}];
    #pragma unroll
    for (int j = 0; j < {_PEAK_SUMS}; j++) x[j] = j;
    for (int i = 0; i < {_PEAK_ROUNDS}; i++) {{
        #pragma unroll
        for (int j = 0; j < {_PEAK_SUMS}; j++) x[j] = fmaf(x[j], a, b);
    }}
    float sum = 0;
    #pragma unroll
    for (int j = 0; j < {_PEAK_SUMS}; j++) sum += x[j];
    if (sum == -1.0f) sink[threadIdx.x] = sum;
}}
"""


@dataclass(frozen=True)
class Timing:
    """Milliseconds a frame.

    Attributes:
        median: of single frames, by the device's own clock.
        sustained: of all of them one after another.
    """

    median: float
    sustained: float


def dark_frames(geometry: Geometry, count: int = FRAMES) -> list[list[Plane]]:
    """Return distinct dark frames with grain and a few bright places."""
    rng = np.random.default_rng(0)
    frames = []
    for _ in range(count):
        frame = []
        for k, shape in enumerate(geometry.shapes()):
            middle, spread = (24, 16) if k == 0 else (128, 6)
            plane = rng.integers(middle - spread // 2, middle + spread, shape, np.uint8, endpoint=True)
            if k == 0:
                rows, columns = shape[0] // 3, shape[1] // 3
                plane[rows : 2 * rows, columns : columns + columns // 4] += np.uint8(120)
            frame.append(plane)
        frames.append(frame)
    return frames


@contextmanager
def on_device(device: CudaDevice, frames: list[list[Plane]]) -> Iterator[list[list[DevicePlane]]]:
    """Keep frames in the device's memory, rows without gaps."""
    addresses: list[int] = []
    try:
        copies = []
        for frame in frames:
            planes = []
            for plane in frame:
                addresses.append(address := device.allocate(plane.nbytes))
                data = np.ascontiguousarray(plane)
                device.call("cuMemcpyHtoD", address, data.ctypes.data, plane.nbytes)
                planes.append(DevicePlane(address, plane.shape[1] * plane.itemsize))
            copies.append(planes)
        device.call("cuStreamSynchronize", 0)  # streams that read them wait for no other
        yield copies
    finally:
        for address in addresses:
            device.free(address)


def to_host(device: CudaDevice, plane: DevicePlane, like: Plane) -> Plane:
    """Return a plane from the device's memory."""
    made = np.empty_like(like, order="C")
    device.call("cuMemcpyDtoH", made.ctypes.data, plane.address, made.nbytes)
    return made


def timed(device: CudaDevice, stream: Any, frame: Callable[[int], None], count: int) -> Timing:
    """Time ``frame(0)``, ``frame(1)`` and so on, each enqueued on ``stream``, after a few that warm up."""
    for k in range(5):
        frame(k)
    marks = [device.call("cuEventCreate", 0) for _ in range(count + 1)]
    device.call("cuEventRecord", marks[0], stream)
    for k in range(count):
        frame(k)
        device.call("cuEventRecord", marks[k + 1], stream)
    device.call("cuEventSynchronize", marks[-1])
    single = [float(device.call("cuEventElapsedTime", begin, end)) for begin, end in pairwise(marks)]
    whole = float(device.call("cuEventElapsedTime", marks[0], marks[-1]))
    for mark in marks:
        device.give_back("cuEventDestroy", mark)
    return Timing(statistics.median(single), whole / count)


def elapsed(device: CudaDevice, stream: Any, work: Callable[[int], None], count: int) -> float:
    """Return the milliseconds of ``work(k)``, enqueued so often on ``stream`` without a mark in between."""
    marks = [device.call("cuEventCreate", 0) for _ in range(2)]
    for rounds in (3, count):  # a few that warm up
        device.call("cuEventRecord", marks[0], stream)
        for k in range(rounds):
            work(k)
        device.call("cuEventRecord", marks[1], stream)
        device.call("cuEventSynchronize", marks[1])
    found = float(device.call("cuEventElapsedTime", *marks)) / count
    for mark in marks:
        device.give_back("cuEventDestroy", mark)
    return found


def ceilings(device: CudaDevice) -> dict[str, float]:
    """Return f32 multiply-adds and bytes copied a second, in 10^9, as reached in this run."""
    size = 1 << 28
    with ExitStack() as stack:
        kernel = CudaModule(device, PEAK, stack).kernel("peak")
        stream = device.stream(stack)
        source, target = device.allocate(size), device.allocate(size)
        for address in (source, target):
            stack.callback(device.free, address)
        launch = (kernel, _PEAK_BLOCKS, 1, 1, 256, 1, 1, 0, stream, 0, 0)
        arithmetic = timed(device, stream, lambda k: device.call("cuLaunchKernel", *launch), 10)
        copy = timed(
            device, stream, lambda k: device.call("cuMemcpyDtoDAsync", target, source, size, stream), 10
        )
    work = _PEAK_BLOCKS * 256 * _PEAK_ROUNDS * _PEAK_SUMS
    return {"gmac": work / arithmetic.median / 1e6, "gbyte": 2 * size / copy.median / 1e6}
