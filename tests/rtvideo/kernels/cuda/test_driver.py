"""The calls that are made to the driver, against the real bindings: names and arguments."""

from __future__ import annotations

from ctypes import c_int
from typing import Any

import numpy as np
import pytest

from rtvideo.kernels.cuda import driver

if driver.installed():
    pytest.skip("tests/gpu makes these calls in earnest", allow_module_level=True)

api = pytest.importorskip("cuda.bindings.driver", reason="pip install 'rtvideo[cuda]'")

MEMORY = np.zeros(64, np.uint8)
ADDRESS = MEMORY.ctypes.data
DEVICE, CONTEXT, STREAM, EVENT = api.CUdevice(), api.CUcontext(), api.CUstream(), api.CUevent()
MODULE, FUNCTION, GRAPH, MADE = api.CUmodule(), api.CUfunction(), api.CUgraph(), api.CUgraphExec()
POINTER = api.CUdeviceptr(0)

CALLS: list[tuple[Any, ...]] = [
    ("cuInit", 0),
    ("cuDeviceGetCount",),
    ("cuDeviceGet", 0),
    ("cuDeviceGetName", 100, DEVICE),
    ("cuDriverGetVersion",),
    *(
        ("cuDeviceGetAttribute", getattr(api.CUdevice_attribute, f"CU_DEVICE_ATTRIBUTE_{name}"), DEVICE)
        for name in (
            "COMPUTE_CAPABILITY_MAJOR", "COMPUTE_CAPABILITY_MINOR", "MULTIPROCESSOR_COUNT", "CLOCK_RATE",
            "MAX_SHARED_MEMORY_PER_MULTIPROCESSOR", "MAX_SHARED_MEMORY_PER_BLOCK_OPTIN",
        )
    ),
    ("cuDevicePrimaryCtxGetState", DEVICE),
    ("cuDevicePrimaryCtxSetFlags", DEVICE, int(api.CUctx_flags.CU_CTX_SCHED_BLOCKING_SYNC)),
    ("cuDevicePrimaryCtxRetain", DEVICE),
    ("cuCtxSetCurrent", CONTEXT),
    ("cuMemAlloc", 10),
    ("cuMemFree", ADDRESS),
    ("cuMemHostAlloc", 10, 0),
    ("cuMemFreeHost", ADDRESS),
    ("cuMemcpyHtoD", POINTER, b"abc", 3),
    ("cuMemcpyHtoD", ADDRESS, ADDRESS, 3),
    ("cuMemcpyHtoDAsync", POINTER, b"abc", 3, STREAM),
    ("cuMemcpyHtoDAsync", ADDRESS, ADDRESS, 3, STREAM),
    ("cuMemcpyDtoHAsync", ADDRESS, ADDRESS, 3, STREAM),
    ("cuStreamCreate", 1),
    ("cuStreamDestroy", STREAM),
    ("cuStreamSynchronize", STREAM),
    ("cuStreamSynchronize", 0),
    ("cuStreamBeginCapture", STREAM, api.CUstreamCaptureMode.CU_STREAM_CAPTURE_MODE_THREAD_LOCAL),
    ("cuStreamEndCapture", STREAM),
    ("cuModuleLoadData", b"cubin"),
    ("cuModuleUnload", MODULE),
    ("cuModuleGetGlobal", MODULE, b"frame"),
    ("cuModuleGetFunction", MODULE, b"lit_0"),
    *(
        ("cuFuncSetAttribute", FUNCTION, getattr(api.CUfunction_attribute, f"CU_FUNC_ATTRIBUTE_{name}"), 100)
        for name in ("MAX_DYNAMIC_SHARED_SIZE_BYTES", "PREFERRED_SHARED_MEMORY_CARVEOUT")
    ),
    ("cuLaunchKernel", FUNCTION, 1, 1, 1, 256, 1, 1, 0, STREAM, ((0, 1), (c_int, c_int)), 0),
    ("cuOccupancyMaxActiveBlocksPerMultiprocessor", FUNCTION, 256, 1000),
    ("cuGraphInstantiate", GRAPH, 0),
    ("cuGraphUpload", MADE, STREAM),
    ("cuGraphLaunch", MADE, STREAM),
    ("cuGraphDestroy", GRAPH),
    ("cuGraphExecDestroy", MADE),
    ("cuEventCreate", 2),
    ("cuEventRecord", EVENT, STREAM),
    ("cuEventRecord", EVENT, 12345),
    ("cuEventRecord", EVENT, 0),
    ("cuStreamWaitEvent", STREAM, EVENT, 0),
    ("cuEventSynchronize", EVENT),
    ("cuEventElapsedTime", EVENT, EVENT),
    ("cuEventDestroy", EVENT),
]  # fmt: skip


@pytest.mark.parametrize("call", CALLS, ids=lambda call: call[0])
def test_the_bindings_take_the_call(call: tuple[Any, ...]) -> None:
    function, *arguments = call
    # Arguments are looked at first; then there is no driver to ask.
    with pytest.raises(RuntimeError, match="driver library"):
        getattr(api, function)(*arguments)


def test_a_wrong_argument_would_be_seen() -> None:
    with pytest.raises(TypeError):
        api.cuLaunchKernel(FUNCTION, 1, 1, 1, 256, 1, 1, 0, STREAM, 0)
