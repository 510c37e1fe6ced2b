"""The network compiled for an NVIDIA GPU (`rtvideo.kernels.cuda`): planes up, kernels, planes down.

One stream takes all of it in order, so that the GPU works on a frame while the one before is copied out and
the next one decoded. This engine has not run on a GPU yet: it is tested against a stand-in for the driver.
"""

from __future__ import annotations

from collections import deque
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from rtvideo.engines.base import Geometry, Plane, Planes, Settings, check_planes, check_settings
from rtvideo.errors import UnavailableError, UsageError
from rtvideo.kernels import weights
from rtvideo.kernels.cuda.driver import Device, DeviceError
from rtvideo.kernels.cuda.network import DevicePlane, Network
from rtvideo.kernels.library import format_of, supports
from rtvideo.kernels.lower import lower
from rtvideo.models import Model

#: Frames under way at once: one on the device, one being copied in main memory.
DEPTH = 2

#: Bytes that device copies and rows begin at multiples of.
_ALIGNMENT = 256


def refusal(model: Model, geometry: Geometry | None = None) -> str | None:
    """Return why there is no kernel for a model (and a geometry), or None if there can be one."""
    if model.description is None:
        return f"model {model.name} is a foreign network; kernels are made from descriptions"
    if model.weights is None:
        return f"model {model.name} has no weights (.safetensors) beside its description"
    if model.description.illumination.upsampling == "guided":
        return f"model {model.name} has guided upsampling, which kernels for GPUs lack"
    return supports(geometry) if geometry is not None else None


@dataclass
class _Slot:
    """Room for a frame on its way: pinned memory, and the event after its last copy."""

    up: npt.NDArray[np.uint8]
    down: npt.NDArray[np.uint8]
    event: Any


class CudaSession:
    """A `rtvideo.engines.base.Session` on a CUDA device; frames come out one behind.

    Args:
        model, geometry, settings: as `rtvideo.engines.open_session`.
        number: of the device.
        half: full-size cells in half precision.

    Raises:
        UnavailableError: no such device, no driver, NVRTC missing, memory short, or no kernel for the model.
        UsageError: settings outside 0..1, or noise removal asked of a model that has none.
    """

    def __init__(
        self, model: Model, geometry: Geometry, settings: Settings, *, number: int = 0, half: bool = False
    ) -> None:
        self.settings = settings
        self._model, self._geometry, self._half = model, geometry, half
        self._layout = _layout(geometry)
        self._waiting: deque[tuple[_Slot | None, Planes]] = deque()
        self._due = 0
        with ExitStack() as stack:
            device = self._device = Device(number)
            stack.callback(device.close)
            if reason := refusal(model, geometry):
                raise UnavailableError(f"engine cuda: {reason}")
            assert model.description is not None and model.weights is not None
            self._check()
            values = weights.read(model.weights)
            packed = lower(model.description, values, half=True).packed if half else frozenset()
            program = lower(model.description, values)
            try:
                self._network = Network(
                    device, program, packed, geometry.width, geometry.height, format_of(geometry)
                )
                stack.callback(self._network.close)
                size = self._layout[-1]
                self._up, self._down = (device.allocate(size) for _ in range(2))
                stack.callback(device.free, self._up)
                stack.callback(device.free, self._down)
                self._free = deque(self._slot(size, stack) for _ in range(DEPTH))
                self._network.prepare(settings.denoise > 0)
            except DeviceError as error:
                size_text = f"{geometry.width}x{geometry.height}"
                raise UnavailableError(f"{device.name} cannot take frames of {size_text}: {error}") from None
            self._stack = stack.pop_all()

    def submit(self, planes: Planes, out: Planes, time: float | None = None) -> None:
        """See `rtvideo.engines.base.Session.submit`."""
        check_planes(self._geometry, planes)
        check_planes(self._geometry, out)
        self._check()
        if self.settings.strength == 0:
            for source, target in zip(planes, out, strict=True):
                np.copyto(target, source)
            self._waiting.append((None, out))
        else:
            self._device.use()
            self._enqueue(planes, out)
        self._due = max(self._due, len(self._waiting) - DEPTH + 1)

    def receive(self) -> Planes | None:
        """Return the oldest frame's ``out``, waiting for it if it is due, or None."""
        if self._due == 0:
            return None
        self._due -= 1
        slot, out = self._waiting.popleft()
        if slot is not None:
            self._device.use()
            self._finish(slot, out)
        return out

    def flush(self) -> None:
        """See `rtvideo.engines.base.Session.flush`."""
        self._due = len(self._waiting)

    def reset(self) -> None:
        """Do nothing: there is no state over time."""

    def close(self) -> None:
        """Wait for the device and give everything back; closing twice is fine."""
        self._waiting.clear()
        self._due = 0
        self._stack.close()

    def __str__(self) -> str:
        return f"cuda {self._device.name}, {'f16' if self._half else 'f32'}"

    def _enqueue(self, planes: Planes, out: Planes) -> None:
        if not self._free:  # the caller submits without receiving: make room, the result can wait
            index = next(k for k, (slot, _) in enumerate(self._waiting) if slot is not None)
            taken, target = self._waiting[index]
            assert taken is not None
            self._finish(taken, target)
            self._waiting[index] = (None, target)
        slot = self._free.popleft()
        size = self._layout[-1]
        for source, room in zip(planes, self._views(slot.up), strict=True):
            np.copyto(room, source)
        call, stream = self._device.call, self._network.stream
        call("cuMemcpyHtoDAsync", self._up, slot.up.ctypes.data, size, stream)
        self._network.run(
            self._planes(self._up), self._planes(self._down), self.settings.strength, self.settings.denoise
        )
        call("cuMemcpyDtoHAsync", slot.down.ctypes.data, self._down, size, stream)
        call("cuEventRecord", slot.event, stream)
        self._waiting.append((slot, out))

    def _finish(self, slot: _Slot, out: Planes) -> None:
        self._device.call("cuEventSynchronize", slot.event)
        for target, made in zip(out, self._views(slot.down), strict=True):
            np.copyto(target, made)
        self._free.append(slot)

    def _slot(self, size: int, stack: ExitStack) -> _Slot:
        device = self._device
        up, down = device.pinned(size), device.pinned(size)
        stack.callback(device.unpin, up)
        stack.callback(device.unpin, down)
        event = device.call("cuEventCreate", 2)  # without times, which cost
        stack.callback(device.give_back, "cuEventDestroy", event)
        return _Slot(up, down, event)

    def _views(self, memory: npt.NDArray[np.uint8]) -> list[Plane]:
        """Return a frame's memory as planes."""
        kind = np.dtype(np.uint8 if self._geometry.depth == 8 else np.uint16)
        found = []
        for (rows, columns), begin in zip(self._geometry.shapes(), self._layout, strict=False):
            stride = _stride(columns * kind.itemsize)
            lines = memory[begin : begin + rows * stride].reshape(rows, stride)
            found.append(lines[:, : columns * kind.itemsize].view(kind))
        return found

    def _planes(self, address: int) -> list[DevicePlane]:
        item = 1 if self._geometry.depth == 8 else 2
        return [
            DevicePlane(address + begin, _stride(columns * item))
            for (_, columns), begin in zip(self._geometry.shapes(), self._layout, strict=False)
        ]

    def _check(self) -> None:
        check_settings(self.settings)
        if self.settings.denoise > 0 and not self._model.has_denoise:
            raise UsageError(f"model {self._model.name} has no noise removal; use --denoise off")


def _stride(size: int) -> int:
    return (size + _ALIGNMENT - 1) // _ALIGNMENT * _ALIGNMENT


def _layout(geometry: Geometry) -> list[int]:
    """Return where each plane begins in a frame's memory, and the bytes of all."""
    item = 1 if geometry.depth == 8 else 2
    begins = [0]
    for rows, columns in geometry.shapes():
        begins.append(begins[-1] + rows * _stride(columns * item))
    return begins
