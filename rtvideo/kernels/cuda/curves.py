"""Tables of transfer curves in a device's memory."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any

from rtvideo.frame import Geometry
from rtvideo.kernels.cuda.driver import CudaDevice
from rtvideo.kernels.structs import Format, format_of
from rtvideo.transfer import tables


def format_on_device(device: CudaDevice, stream: Any, geometry: Geometry, stack: ExitStack) -> Format:
    """Return the conversion coefficients of a geometry, with tables on the device.

    Args:
        device: current for the calling thread.
        stream: that the kernels which read them go onto.
        stack: gives the tables back.

    Raises:
        UnavailableError: memory is short.
    """
    layout = format_of(geometry)
    if geometry.coding.curve:
        table = tables(geometry.coding.curve, wide=geometry.coding.wide)
        content = table.seen.tobytes() + table.coded.tobytes()
        address = device.allocate(len(content))
        stack.callback(device.free, address)
        device.call("cuMemcpyHtoDAsync", address, content, len(content), stream)
        layout.place_tables(address, address + table.seen.nbytes)
    return layout
