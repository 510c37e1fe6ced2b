"""A CUDA source on a device: compiled, loaded, its kernels ready to be launched and its variables found."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any

from rtvideo.kernels.cuda import nvrtc
from rtvideo.kernels.cuda.driver import LEAST_SHARED, CudaDevice

#: Percent of the memory that shared memory and first-level cache have together.
_ALL = 100


class CudaModule:
    """The kernels of a source.

    Args:
        device: current for the calling thread.
        text: of the source.
        stack: gives the module back.

    Raises:
        UnavailableError: it cannot be compiled, or the device does not take it.
    """

    def __init__(self, device: CudaDevice, text: str, stack: ExitStack) -> None:
        self._device = device
        binary = nvrtc.cubin(text, device.capability, device.driver)
        self._module = device.call("cuModuleLoadData", binary)
        stack.callback(device.give_back, "cuModuleUnload", self._module)

    def address(self, variable: str, size: int) -> int:
        """Return where a variable of so many bytes lies."""
        address, there = self._device.call("cuModuleGetGlobal", self._module, variable.encode())
        assert int(there) == size, f"{variable}: {there} bytes on the device, {size} here"
        return int(address)

    def kernel(self, name: str, shared: int = 0) -> Any:
        """Return a kernel that may take so many bytes of shared memory.

        Call it before a stream is captured: the driver loads a kernel when it is first asked for, and says of
        neither this nor of attributes that they may happen in between.
        """
        device = self._device
        function = device.call("cuModuleGetFunction", self._module, name.encode())
        if shared > LEAST_SHARED:
            for attribute, value in (
                ("MAX_DYNAMIC_SHARED_SIZE_BYTES", shared),
                # Else the driver may leave room for one block where the schedule counts on two.
                ("PREFERRED_SHARED_MEMORY_CARVEOUT", _ALL),
            ):
                key = device.constant("CUfunction_attribute", f"CU_FUNC_ATTRIBUTE_{attribute}")
                device.call("cuFuncSetAttribute", function, key, value)
        return function
