"""A CUDA device through the driver's own interface, ``cuda.bindings.driver``: every call checked.

The device's primary context is used, which is that of PyTorch, CuPy and PyAV too: their device memory can be
read and written here. A process retains it once and keeps it, as they do: to make and destroy it takes longer
than most work on small frames, and a thread may still have it current.
"""

from __future__ import annotations

import contextlib
import ctypes
import threading
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import numpy as np
import numpy.typing as npt

from rtvideo.errors import UnavailableError
from rtvideo.version import install

#: The status of a device that has no memory left.
OUT_OF_MEMORY = "CUDA_ERROR_OUT_OF_MEMORY"

#: Bytes of shared memory that every device gives a block without being asked.
LEAST_SHARED = 48 << 10

#: What the driver keeps for itself of each block's shared memory.
_RESERVED = 1 << 10

#: Number of a device -> its primary context, once it was retained.
_contexts: dict[int, Any] = {}
_retaining = threading.Lock()


class DeviceError(UnavailableError):
    """A call to the driver failed.

    Attributes:
        status: as the driver names it, `OUT_OF_MEMORY` for example.
    """

    def __init__(self, message: str, status: str) -> None:
        super().__init__(message)
        self.status = status


def bindings() -> Any:
    """Return ``cuda.bindings.driver``.

    Raises:
        UnavailableError: it is not installed; the message says how to get it.
    """
    try:
        from cuda.bindings import driver  # type: ignore[import-not-found,import-untyped,unused-ignore]
    except ImportError as error:
        raise UnavailableError(f"engine cuda needs cuda-bindings: {install('cuda')} ({error})") from None
    return driver


def installed() -> bool:
    """Return whether this machine has NVIDIA's driver."""
    try:
        ctypes.CDLL("libcuda.so.1")
    except OSError:
        return False
    return True


def count() -> int:
    """Return the number of CUDA devices that work; 0 without a driver.

    Raises:
        UnavailableError: there is a driver, but cuda-bindings is not installed.
    """
    if not installed():
        return 0
    api = bindings()
    status, *_ = api.cuInit(0)
    if int(status) == 0:
        status, found = api.cuDeviceGetCount()
    return int(found) if int(status) == 0 else 0


def listed() -> list[tuple[str, str]]:
    """Return ``cuda:N`` and a description of each device; one line that says why if they cannot be used."""
    try:
        found = []
        for index in range(count()):
            device = CudaDevice(index)
            capability = ".".join(map(str, device.capability))
            found.append((f"cuda:{index}", f"{device.name}, compute capability {capability}"))
    except UnavailableError as error:
        return [("cuda", f"cannot be used: {error}")]
    return found


class CudaDevice:
    """A device. Work on it begins with `use`, in each thread.

    Args:
        index: as CUDA counts them.

    Raises:
        UnavailableError: there is no such device, no driver, or cuda-bindings is missing.
    """

    def __init__(self, index: int = 0) -> None:
        there = count()
        if index >= there:
            has = "no CUDA device that works" if there == 0 else f"cuda:0 to cuda:{there - 1} alone"
            raise UnavailableError(f"device 'cuda:{index}': this machine has {has}; use --device cpu")
        self._api = bindings()
        self.index = index
        self._handle = self.call("cuDeviceGet", index)
        name = self.call("cuDeviceGetName", 100, self._handle)
        self.name = bytes(name).split(b"\0")[0].decode(errors="replace")
        self.driver = int(self.call("cuDriverGetVersion"))
        self.capability = (
            self._attribute("COMPUTE_CAPABILITY_MAJOR"), self._attribute("COMPUTE_CAPABILITY_MINOR"),
        )  # fmt: skip
        self.multiprocessors = self._attribute("MULTIPROCESSOR_COUNT")
        self._kilohertz = self._attribute("CLOCK_RATE")
        half = self._attribute("MAX_SHARED_MEMORY_PER_MULTIPROCESSOR") // 2 - _RESERVED
        #: Bytes that a block may take so that two share a multiprocessor.
        self.shared = max(LEAST_SHARED, min(half, self._attribute("MAX_SHARED_MEMORY_PER_BLOCK_OPTIN")))

    @property
    def multiply_adds(self) -> float:
        """F32 multiply-adds a second at most, counted as 64 a multiprocessor and clock (the least of any)."""
        return self.multiprocessors * 64 * self._kilohertz * 1e3

    def call(self, function: str, *arguments: Any) -> Any:
        """Call the driver and return what it returns beyond the status: nothing, a value or several.

        Raises:
            DeviceError: the status is not success.
        """
        status, *values = getattr(self._api, function)(*arguments)
        if int(status) != 0:
            name = getattr(status, "name", str(status))
            what = "is out of memory" if name == OUT_OF_MEMORY else f"failed: {function}: {name}"
            raise DeviceError(f"device 'cuda:{self.index}' {what}", name)
        return values[0] if len(values) == 1 else values

    def launch(
        self,
        function: Any,
        blocks: tuple[int, int],
        threads: int,
        shared: int,
        stream: Any,
        rows: tuple[int, int] = (0, 0),
    ) -> None:
        """Enqueue a kernel over blocks across and down; ``rows`` are the arguments of KERNEL in frame.cuh."""
        arguments = (rows, (ctypes.c_int, ctypes.c_int))
        self.call("cuLaunchKernel", function, *blocks, 1, threads, 1, 1, shared, stream, arguments, 0)

    def stream(self, stack: ExitStack) -> Any:
        """Return a stream that is not ordered with the default one; ``stack`` gives it back."""
        stream = self.call("cuStreamCreate", 1)
        stack.callback(self.give_back, "cuStreamDestroy", stream)
        return stream

    def graph(self, stream: Any, enqueue: Callable[[], None], stack: ExitStack) -> Any:
        """Return what ``enqueue`` puts onto a stream as a graph; ``stack`` waits for it and gives it back."""
        mode = self.constant("CUstreamCaptureMode", "CU_STREAM_CAPTURE_MODE_THREAD_LOCAL")
        self.call("cuStreamBeginCapture", stream, mode)
        try:
            enqueue()
        except BaseException:
            with contextlib.suppress(DeviceError):  # it says less than what went wrong first
                self.call("cuGraphDestroy", self.call("cuStreamEndCapture", stream))
            raise
        captured = self.call("cuStreamEndCapture", stream)
        stack.callback(self.give_back, "cuGraphDestroy", captured)
        graph = self.call("cuGraphInstantiate", captured, 0)
        stack.callback(self.give_back, "cuGraphExecDestroy", graph)
        stack.callback(self.give_back, "cuStreamSynchronize", stream)
        self.call("cuGraphUpload", graph, stream)  # else the first frame waits for it
        return graph

    def give_back(self, function: str, *arguments: Any) -> None:
        """Call the driver, whatever it says: of a device that was lost there is nothing left to free."""
        with contextlib.suppress(DeviceError):
            self.call(function, *arguments)

    def constant(self, enumeration: str, name: str) -> Any:
        """Return a value of one of the driver's enumerations."""
        return getattr(getattr(self._api, enumeration), name)

    def use(self) -> None:
        """Make the device current for the calling thread."""
        self.call("cuCtxSetCurrent", self._primary_context())

    def allocate(self, size: int) -> int:
        """Return the address of so many bytes of device memory."""
        return int(self.call("cuMemAlloc", size))

    def free(self, address: int) -> None:
        """Give device memory back."""
        self.give_back("cuMemFree", address)

    def pinned(self, size: int) -> npt.NDArray[np.uint8]:
        """Return bytes of main memory that the device copies from and to by itself; see `unpin`."""
        address = int(self.call("cuMemHostAlloc", size, 0))
        return np.ctypeslib.as_array((ctypes.c_uint8 * size).from_address(address))

    def unpin(self, array: npt.NDArray[np.uint8]) -> None:
        """Give pinned memory back; nothing may refer to it any more."""
        self.give_back("cuMemFreeHost", array.ctypes.data)

    def _primary_context(self) -> Any:
        """Return the primary context, as FFmpeg demands to find it: whoever comes first sets its flags."""
        with _retaining:
            if self.index not in _contexts:
                _, active = self.call("cuDevicePrimaryCtxGetState", self._handle)
                if not active:
                    blocking = self.constant("CUctx_flags", "CU_CTX_SCHED_BLOCKING_SYNC")
                    self.call("cuDevicePrimaryCtxSetFlags", self._handle, int(blocking))
                _contexts[self.index] = self.call("cuDevicePrimaryCtxRetain", self._handle)
            return _contexts[self.index]

    def _attribute(self, name: str) -> int:
        key = self.constant("CUdevice_attribute", f"CU_DEVICE_ATTRIBUTE_{name}")
        return int(self.call("cuDeviceGetAttribute", key, self._handle))
