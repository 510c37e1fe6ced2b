"""A stand-in for ``cuda.bindings.driver``: device memory is main memory, kernels run on the processor.

Calls go onto a stream and happen when somebody waits for them, as late as a device may be: what is not waited
for is not there, copies from main memory included. From a thread without a current context, and inside of a
capture, it takes no more than a device must. Every call is counted by name, and ``fail`` makes one fail.
"""

from __future__ import annotations

import ctypes
import functools
import threading
from collections import Counter
from collections.abc import Callable
from enum import IntEnum
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from rtvideo.kernels.cuda import driver, nvrtc
from tests.rtvideo.kernels.cuda.emulated import crew_of, library_of


class Status(IntEnum):
    CUDA_SUCCESS = 0
    CUDA_ERROR_OUT_OF_MEMORY = 2
    CUDA_ERROR_NO_DEVICE = 100
    CUDA_ERROR_INVALID_CONTEXT = 201
    CUDA_ERROR_LAUNCH_FAILED = 719
    CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED = 900
    CUDA_ERROR_STREAM_CAPTURE_INVALIDATED = 901


class _Names:
    """An enumeration whose members are their own names."""

    def __getattr__(self, name: str) -> str:
        return name


_ATTRIBUTES = {
    "COMPUTE_CAPABILITY_MAJOR": 9,
    "COMPUTE_CAPABILITY_MINOR": 0,
    "MULTIPROCESSOR_COUNT": 10,
    "CLOCK_RATE": 1_000_000,
    "MAX_SHARED_MEMORY_PER_MULTIPROCESSOR": 64 << 10,
    "MAX_SHARED_MEMORY_PER_BLOCK_OPTIN": 64 << 10,
}


#: Functions that need no current context, and those that may stand between the ends of a capture.
_WITHOUT_CONTEXT = ("cuInit", "cuDevice", "cuDriver", "cuCtxSetCurrent")
_CAPTURED = {"cuLaunchKernel", "cuMemcpyHtoDAsync", "cuStreamEndCapture"}

#: What FFmpeg wants to find a primary context with: CU_CTX_SCHED_BLOCKING_SYNC.
BLOCKING_SYNC = 4


class FakeCuda:
    """What ``cuda.bindings.driver`` offers, as far as it is used.

    Attributes:
        calls: how often each function was called.
        alive: addresses and handles that were given out and not given back.
        fail: function -> the status that it returns from now on.
        room: bytes of device memory; None for as much as is asked for.
        taken: bytes of it that are in use.
        streams: of each, what was enqueued and has not happened; 0 is the default one, which others use.
        contexts: how often the primary context was retained and not released.
        context_flags: that it was made with, or would be.
        attributes: of kernels, as they were set: name -> value.
        lose_kernels: launches do nothing, as if a device were broken.
    """

    def __init__(self, devices: int = 1) -> None:
        self.devices = devices
        self.calls: Counter[str] = Counter()
        self.alive: dict[int, Any] = {}
        self.fail: dict[str, Status] = {}
        self.lose_kernels = False
        self.room: int | None = None
        self.taken = 0
        self.streams: dict[int, list[Callable[[], object]]] = {0: []}
        self.capturing: list[Callable[[], object]] | None = None
        self.contexts = self.context_flags = 0
        self.attributes: dict[str, int] = {}
        self._invalidated = False
        self._thread = threading.local()
        self.CUctx_flags = SimpleNamespace(CU_CTX_SCHED_BLOCKING_SYNC=BLOCKING_SYNC)
        self.CUdevice_attribute = _Names()
        self.CUfunction_attribute = _Names()
        self.CUstreamCaptureMode = _Names()

    def __getattr__(self, name: str) -> Callable[..., tuple[Any, ...]]:
        if not name.startswith("cu"):
            raise AttributeError(name)
        method = getattr(self, f"_{name[2:]}")

        def call(*arguments: Any) -> tuple[Any, ...]:
            self.calls[name] += 1
            if name in self.fail:
                self._invalidated = self.capturing is not None
                return (self.fail[name], None)
            if not name.startswith(_WITHOUT_CONTEXT) and not getattr(self._thread, "current", False):
                return (Status.CUDA_ERROR_INVALID_CONTEXT, None)
            if self.capturing is not None and name not in _CAPTURED:
                self._invalidated = True
                return (Status.CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED, None)
            if name == "cuStreamEndCapture" and self._invalidated:
                self.capturing, self._invalidated = None, False
                return (Status.CUDA_ERROR_STREAM_CAPTURE_INVALIDATED, None)
            try:
                value = method(*arguments)
            except MemoryError:
                return (Status.CUDA_ERROR_OUT_OF_MEMORY, None)
            values = value if isinstance(value, tuple) else () if value is None else (value,)
            return (Status.CUDA_SUCCESS, *values)

        return call

    def _Init(self, flags: int) -> None: ...

    def _DeviceGetCount(self) -> int:
        return self.devices

    def _DeviceGet(self, number: int) -> int:
        return number

    def _DeviceGetName(self, length: int, device: int) -> bytes:
        return b"Fake 9000".ljust(length, b"\0")

    def _DriverGetVersion(self) -> int:
        return 13000

    def _DeviceGetAttribute(self, attribute: str, device: int) -> int:
        return _ATTRIBUTES[attribute.removeprefix("CU_DEVICE_ATTRIBUTE_")]

    def _DevicePrimaryCtxGetState(self, device: int) -> tuple[int, int]:
        return self.context_flags, int(self.contexts > 0)

    def _DevicePrimaryCtxSetFlags(self, device: int, flags: int) -> None:
        self.context_flags = flags

    def _DevicePrimaryCtxRetain(self, device: int) -> str:
        self.contexts += 1
        return "context"

    def _CtxSetCurrent(self, context: str) -> None:
        self._thread.current = context == "context"

    # Memory

    def _MemAlloc(self, size: int) -> int:
        if self.room is not None and self.taken + size > self.room:
            raise MemoryError
        self.taken += size
        return self._memory(size)

    def _MemHostAlloc(self, size: int, flags: int) -> int:
        return self._memory(size)

    def _MemFree(self, address: int) -> None:
        self.taken -= self.alive[address].size
        self._drop(address)

    def _MemFreeHost(self, address: int) -> None:
        self._drop(address)

    def _memory(self, size: int) -> int:
        array = np.full(size, 0xEE, np.uint8)
        return self._keep(array, array.ctypes.data)

    def _MemcpyHtoD(self, to: int, data: bytes | int, size: int) -> None:
        self._MemcpyHtoDAsync(to, data, size, 0)  # "the DMA to final destination may not have completed"

    def _MemcpyHtoDAsync(self, to: int, data: bytes | int, size: int, stream: int) -> None:
        self.later(stream, lambda: ctypes.memmove(to, data, size))

    def _MemcpyDtoHAsync(self, to: int, source: int, size: int, stream: int) -> None:
        self.later(stream, lambda: ctypes.memmove(to, source, size))

    def _MemcpyDtoH(self, to: int, source: int, size: int) -> None:
        ctypes.memmove(to, source, size)

    # Modules and kernels

    def _ModuleLoadData(self, binary: bytes) -> Any:
        library = ctypes.CDLL(binary.decode())
        self._keep(library, id(library))
        return SimpleNamespace(library=library)

    def _ModuleUnload(self, module: Any) -> None:
        self._drop(id(module.library))

    def _ModuleGetGlobal(self, module: Any, name: bytes) -> tuple[int, int]:
        symbol = name.decode()
        size = ctypes.c_int.in_dll(module.library, f"size_of_{symbol}").value
        return ctypes.addressof(ctypes.c_char.in_dll(module.library, symbol)), size

    def _ModuleGetFunction(self, module: Any, name: bytes) -> Any:
        kernel = getattr(module.library, name.decode())
        return SimpleNamespace(
            library=module.library, kernel=kernel, most=48 << 10, crew=crew_of(module.library)
        )

    def _FuncSetAttribute(self, function: Any, attribute: str, value: int) -> None:
        self.attributes[attribute] = value
        if attribute.endswith("MAX_DYNAMIC_SHARED_SIZE_BYTES"):
            assert value <= _ATTRIBUTES["MAX_SHARED_MEMORY_PER_BLOCK_OPTIN"]
            function.most = value

    def _OccupancyMaxActiveBlocksPerMultiprocessor(self, function: Any, threads: int, shared: int) -> int:
        return 2

    def _LaunchKernel(self, function: Any, *rest: Any) -> None:
        across, down, _, threads, _, _, shared, stream, parameters, _ = rest
        rows, kinds = parameters
        assert shared <= function.most and threads == 256 and kinds == (ctypes.c_int, ctypes.c_int)
        blocks = across, down, shared, function.crew
        self.later(stream, lambda: function.library.launch(function.kernel, *blocks, *rows))

    # Streams, graphs and events

    def _StreamCreate(self, flags: int) -> int:
        stream = self._keep("stream", min(-1, min(self.alive, default=0)) - 1)
        self.streams[stream] = []
        return stream

    def _StreamDestroy(self, stream: int) -> None:
        del self.streams[stream]
        self._drop(stream)

    def _StreamSynchronize(self, stream: int) -> None:
        while self.streams[stream]:
            self.streams[stream].pop(0)()

    def _StreamBeginCapture(self, stream: int, mode: str) -> None:
        self.capturing = []

    def _StreamEndCapture(self, stream: int) -> Any:
        graph, self.capturing = self.capturing, None
        self._keep(graph, id(graph))
        return graph

    def _GraphInstantiate(self, graph: list[Callable[[], object]], flags: int) -> Any:
        made = SimpleNamespace(kernels=list(graph))
        self._keep(made, id(made))
        return made

    def _GraphUpload(self, graph: Any, stream: int) -> None:
        graph.uploaded = True

    def _GraphLaunch(self, graph: Any, stream: int) -> None:
        assert graph.uploaded, "the first frame would wait for it"
        for kernel in [] if self.lose_kernels else graph.kernels:
            self.later(stream, kernel)

    def _GraphDestroy(self, graph: Any) -> None:
        self._drop(id(graph))

    def _GraphExecDestroy(self, graph: Any) -> None:
        self._drop(id(graph))

    def _EventCreate(self, flags: int) -> Any:
        event = SimpleNamespace()
        self._keep(event, id(event))
        return event

    def _EventRecord(self, event: Any, stream: int) -> None:
        def reached() -> None: ...

        event.stream, event.reached = stream, reached
        self.later(stream, reached)

    def _StreamWaitEvent(self, stream: int, event: Any, flags: int) -> None:
        self.later(stream, functools.partial(self._until, event.stream, event.reached))

    def _EventSynchronize(self, event: Any) -> None:
        self._until(event.stream, event.reached)

    def _until(self, stream: int, reached: Callable[[], object]) -> None:
        while reached in self.streams[stream]:
            self.streams[stream].pop(0)()

    def _EventElapsedTime(self, begin: Any, end: Any) -> float:
        return 0.25

    def _EventDestroy(self, event: Any) -> None:
        self._drop(id(event))

    def later(self, stream: int, what: Callable[[], object]) -> None:
        """Enqueue what a runtime does, or capture it."""
        (self.streams[stream] if self.capturing is None else self.capturing).append(what)

    def catch_up(self, stream: int) -> None:
        """Let a stream come to its end."""
        self._StreamSynchronize(stream)

    def _keep(self, what: Any, handle: int) -> int:
        self.alive[handle] = what
        return handle

    def _drop(self, handle: int) -> None:
        del self.alive[handle]


def install(monkeypatch: pytest.MonkeyPatch) -> FakeCuda:
    """Put a fake device in the place of the driver, and the emulator in that of NVRTC."""
    fake = FakeCuda()
    monkeypatch.setattr(driver, "installed", lambda: True)
    monkeypatch.setattr(driver, "bindings", lambda: fake)
    monkeypatch.setattr(driver, "_contexts", {})
    monkeypatch.setattr(nvrtc, "version", lambda: (13, 0))
    monkeypatch.setattr(nvrtc, "cubin", lambda text, capability, version: str(library_of(text)).encode())
    return fake
