"""Base of the engines on a CUDA device: planes are copied up, work is enqueued, planes are copied down.

Each of the three has a stream, and events say when a frame is ready for the next: while one frame is worked
on, the one before it comes down, the next goes up, and the codecs are busy on the processor.
"""

from __future__ import annotations

import contextlib
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from rtvideo.engines.gpu.frame import DeviceFrame
from rtvideo.engines.session import Settings, check_settings
from rtvideo.engines.steady_noise import SteadyNoise
from rtvideo.errors import UnavailableError
from rtvideo.frame import Geometry, Plane, Planes, check_planes, pass_through
from rtvideo.kernels.cuda import driver
from rtvideo.kernels.cuda.driver import CudaDevice, DeviceError
from rtvideo.kernels.cuda.network import DevicePlane
from rtvideo.models import Model
from rtvideo.models.shapes import multiply_adds

#: Frames under way at once: one worked on, and one before or after it on its way.
DEPTH = 2

#: Bytes that device copies and rows begin at multiples of.
_ALIGNMENT = 256

#: Rows of planes on the device begin at multiples of so many bytes: kernels access two samples at once.
_PAIR = 4

#: What of a pixel's work is no multiply-add of a cell.
_OTHER_WORK = 200.0


@dataclass
class _Slot:
    """Room for a frame on its way.

    Attributes:
        up, down: pinned memory, before and after.
        source, result: where it lies on the device.
        ready, made, event: when it is there, enhanced, and back in main memory.
        owners: of what lies on the device already.
    """

    up: npt.NDArray[np.uint8]
    down: npt.NDArray[np.uint8]
    source: int
    result: int
    ready: Any
    made: Any
    event: Any
    owners: tuple[object, ...] = ()


def need_driver() -> None:
    """Raise UnavailableError where this machine has no NVIDIA driver."""
    if not driver.installed():
        raise UnavailableError("no NVIDIA driver")


class GpuSession(ABC):
    """A `rtvideo.engines.session.Session` on a CUDA device; frames come out one behind.

    Args:
        model, geometry, settings: as `rtvideo.engines.opening.open_session`.
        device_index: as CUDA counts its devices.

    Attributes:
        share_of_peak: of the device's arithmetic, what an engine reaches anywhere; a cautious estimate.

    Raises:
        UnavailableError: no such device, no driver, memory short, or what `_open` says.
        UsageError: settings outside 0..1, or noise removal asked of a model that has none.
    """

    engine: str
    share_of_peak: float
    remembers = False
    debands = False
    _half: bool

    def __init__(self, model: Model, geometry: Geometry, settings: Settings, device_index: int) -> None:
        self.settings = settings
        self._model, self._geometry = model, geometry
        self._layout = _layout(geometry)
        self._noise = SteadyNoise(geometry)
        self._waiting: deque[tuple[_Slot | None, Planes | DeviceFrame]] = deque()
        self._due = 0
        self._lent: dict[int, npt.NDArray[np.uint8]] = {}
        with ExitStack() as stack:
            device = self._device = CudaDevice(device_index)
            self._check()
            try:
                device.use()
                self._stream = self._open(stack)
                self._upload, self._download = (self._new("Stream", 1, stack) for _ in range(2))
                self._free = deque(self._slot(self._layout[-1], stack) for _ in range(DEPTH))
                # First of all when closing: what was enqueued still copies from and to this memory.
                for stream in (self._upload, self._stream, self._download):
                    stack.callback(device.give_back, "cuStreamSynchronize", stream)
                self._prepare()
            except DeviceError as error:
                size_text = f"{geometry.width}x{geometry.height}"
                raise UnavailableError(f"{device.name} cannot take frames of {size_text}: {error}") from None
            self._stack = stack.pop_all()

    def submit(self, planes: Planes, out: Planes, time: float | None = None) -> None:
        """See `rtvideo.engines.session.Session.submit`."""
        if self.settings.strength != 0:
            self.submit_on_device(planes, out, time)
            return
        check_planes(self._geometry, planes)
        check_planes(self._geometry, out)
        self._check()
        pass_through(planes, out)
        self.reset()
        self._wait_for(None, out)

    def submit_on_device(
        self, frame: Planes | DeviceFrame, out: Planes | DeviceFrame, time: float | None = None
    ) -> None:
        """See `rtvideo.engines.gpu.frame.TakesDeviceFrames.submit_on_device`."""
        for one in (frame, out):
            if not isinstance(one, DeviceFrame):
                check_planes(self._geometry, one)
            elif any((plane.address | plane.stride) % _PAIR for plane in one.planes):
                raise ValueError(f"rows of planes on a device must begin at multiples of {_PAIR} bytes")
        self._check()
        if self.settings.strength == 0:
            raise ValueError("strength 0 leaves frames as they are: there is nothing to do on the device")
        slot = self._room()
        slot.owners = tuple(one.owner for one in (frame, out) if isinstance(one, DeviceFrame))
        planes = self._brought_up(slot, frame)
        self._device.call("cuStreamWaitEvent", self._stream, slot.ready, 0)
        result = out.planes if isinstance(out, DeviceFrame) else self._planes(slot.result)
        self._run(planes, result, self._told(frame, time), time)
        self._take_down(slot, out)
        self._wait_for(slot, out)

    def lend(self) -> Planes:
        """Return planes in pinned memory: as ``out`` of `submit`, the device writes into them by itself.

        They may outlive the session, and are given back by `take_back`. Any thread may call this.

        Raises:
            UnavailableError: memory is short.
        """
        self._device.use()
        memory = self._device.pinned(self._layout[-1])
        self._lent[memory.ctypes.data] = memory
        return self._views(memory)

    def take_back(self, planes: Planes) -> None:
        """Free what `lend` returned, after the device has written it. Any thread may call this."""
        with contextlib.suppress(DeviceError):
            self._device.use()
        self._device.unpin(self._lent.pop(planes[0].ctypes.data))

    def receive(self) -> Any:
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
        """See `rtvideo.engines.session.Session.flush`."""
        self._due = len(self._waiting)

    def reset(self) -> None:
        """See `rtvideo.engines.session.Session.reset`."""
        self._noise.reset()

    def close(self) -> None:
        """Wait for the device and give everything back; closing twice is fine."""
        with contextlib.suppress(DeviceError):  # of a device that was lost there is nothing to give back
            self._device.use()
        self._stack.close()
        self._waiting.clear()  # only now: until then the device may write into what is lent
        self._due = 0

    def seconds_per_frame(self) -> float:
        """Return what a frame with noise removal should take at most: an estimate, not measured yet."""
        assert self._model.description is not None
        work = sum(multiply_adds(self._model.description)) + _OTHER_WORK
        pixels = self._geometry.width * self._geometry.height
        return pixels * work / (self.share_of_peak * self._device.multiply_adds)

    @property
    def name(self) -> str:
        """See `rtvideo.engines.session.Session`."""
        return f"{self.engine} {self._device.name}, {'f16' if self._half else 'f32'}"

    def __str__(self) -> str:
        return self.name

    @property
    def device(self) -> CudaDevice:
        """The device that it works on."""
        return self._device

    @abstractmethod
    def _open(self, stack: ExitStack) -> Any:
        """Bring the network onto the device, put what gives it back on ``stack``, and return its stream."""

    @abstractmethod
    def _prepare(self) -> None:
        """Do now what the first frame with these settings would need."""

    @abstractmethod
    def _run(
        self,
        planes: Sequence[DevicePlane],
        out: Sequence[DevicePlane],
        settings: Settings,
        time: float | None = None,
    ) -> None:
        """Enqueue a frame of some time on the stream; settings and a strength above 0 have been checked."""

    def _told(self, frame: Planes | DeviceFrame, time: float | None) -> Settings:
        """Return the settings for a frame; one that came on the device is not looked at for its noise."""
        if isinstance(frame, DeviceFrame):
            return self.settings
        return replace(self.settings, denoise=self._noise.denoise(self.settings, frame, time))

    def _room(self) -> _Slot:
        """Return a slot that is free, waiting for one if need be."""
        self._device.use()
        if not self._free:  # the caller submits without receiving: make room, the result can wait
            index = next(k for k, (slot, _) in enumerate(self._waiting) if slot is not None)
            taken, target = self._waiting[index]
            assert taken is not None
            self._finish(taken, target)
            self._waiting[index] = (None, target)
        return self._free.popleft()

    def _brought_up(self, slot: _Slot, frame: Planes | DeviceFrame) -> Sequence[DevicePlane]:
        """Return where a frame lies on the device from when ``slot.ready`` is reached."""
        call = self._device.call
        if isinstance(frame, DeviceFrame):
            call("cuEventRecord", slot.ready, 0)  # decoders work on the default stream
            return frame.planes
        for source, room in zip(frame, self._views(slot.up), strict=True):
            np.copyto(room, source)
        call("cuMemcpyHtoDAsync", slot.source, slot.up.ctypes.data, self._layout[-1], self._upload)
        call("cuEventRecord", slot.ready, self._upload)
        return self._planes(slot.source)

    def _take_down(self, slot: _Slot, out: Planes | DeviceFrame) -> None:
        """Enqueue that ``slot.event`` is reached when the result is where it is wanted."""
        call = self._device.call
        if isinstance(out, DeviceFrame):
            call("cuEventRecord", slot.event, self._stream)
            return
        call("cuEventRecord", slot.made, self._stream)
        call("cuStreamWaitEvent", self._download, slot.made, 0)
        down = self._memory_of(out, slot)
        call("cuMemcpyDtoHAsync", down.ctypes.data, slot.result, self._layout[-1], self._download)
        call("cuEventRecord", slot.event, self._download)

    def _wait_for(self, slot: _Slot | None, out: Planes | DeviceFrame) -> None:
        self._waiting.append((slot, out))
        self._due = max(self._due, len(self._waiting) - DEPTH + 1)

    def _finish(self, slot: _Slot, out: Planes | DeviceFrame) -> None:
        self._device.call("cuEventSynchronize", slot.event)
        if not isinstance(out, DeviceFrame) and self._memory_of(out, slot) is slot.down:
            for target, made in zip(out, self._views(slot.down), strict=True):
                np.copyto(target, made)
        slot.owners = ()
        self._free.append(slot)

    def _memory_of(self, out: Planes, slot: _Slot) -> npt.NDArray[np.uint8]:
        """Return the pinned memory that a result is copied down to: that of ``out`` itself if it is lent."""
        lent = self._lent.get(out[0].ctypes.data)
        return slot.down if lent is None else lent

    def _slot(self, size: int, stack: ExitStack) -> _Slot:
        up, down = (self._pinned(size, stack) for _ in range(2))
        source, result = (self._allocated(size, stack) for _ in range(2))
        events = [self._new("Event", 2, stack) for _ in range(3)]  # without times, which cost
        return _Slot(up, down, source, result, *events)

    def _pinned(self, size: int, stack: ExitStack) -> npt.NDArray[np.uint8]:
        made = self._device.pinned(size)
        stack.callback(self._device.unpin, made)
        return made

    def _allocated(self, size: int, stack: ExitStack) -> int:
        made = self._device.allocate(size)
        stack.callback(self._device.free, made)
        return made

    def _new(self, kind: str, flags: int, stack: ExitStack) -> Any:
        """Return a stream or an event."""
        made = self._device.call(f"cu{kind}Create", flags)
        stack.callback(self._device.give_back, f"cu{kind}Destroy", made)
        return made

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
        check_settings(self.settings, self._model, remembers=self.remembers, debands=self.debands)


def _stride(size: int) -> int:
    return (size + _ALIGNMENT - 1) // _ALIGNMENT * _ALIGNMENT


def _layout(geometry: Geometry) -> list[int]:
    """Return where each plane begins in a frame's memory, and the bytes of all."""
    item = 1 if geometry.depth == 8 else 2
    begins = [0]
    for rows, columns in geometry.shapes():
        begins.append(begins[-1] + rows * _stride(columns * item))
    return begins
