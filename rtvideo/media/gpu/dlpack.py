"""DLPack (github.com/dmlc/dlpack): lets PyAV read a plane where it is in memory, and say when it is done."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from typing import Any

#: ``DLDeviceType``.
CPU, CUDA = 1, 2

_UNSIGNED = 1  # DLDataTypeCode


class _Tensor(ctypes.Structure):
    _fields_ = [
        ("data", ctypes.c_void_p), ("device_type", ctypes.c_int32), ("device_id", ctypes.c_int32),
        ("ndim", ctypes.c_int32),
        ("code", ctypes.c_uint8), ("bits", ctypes.c_uint8), ("lanes", ctypes.c_uint16),
        ("shape", ctypes.POINTER(ctypes.c_int64)), ("strides", ctypes.POINTER(ctypes.c_int64)),
        ("byte_offset", ctypes.c_uint64),
    ]  # fmt: skip


class _Managed(ctypes.Structure):
    _fields_ = [("tensor", _Tensor), ("context", ctypes.c_void_p), ("deleter", ctypes.c_void_p)]


#: Planes in use: address of the record -> what must stay alive meanwhile, and what to call afterwards.
_in_use: dict[int, tuple[Any, Callable[[], None]]] = {}


def _released(address: int) -> None:
    _in_use.pop(address)[1]()


_deleter = ctypes.CFUNCTYPE(None, ctypes.c_void_p)(_released)

_new = ctypes.pythonapi.PyCapsule_New
_new.restype, _new.argtypes = ctypes.py_object, [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p]


class DLPackPlane:
    """A plane of unsigned samples that can be taken once, by ``__dlpack__``.

    Args:
        address: of its memory.
        shape: rows, columns.
        stride: samples from row to row.
        bits: of a sample, 8 or 16.
        device: `CPU` or `CUDA`, and the number of the device.
        release: called when the memory is no longer used, from any thread.
    """

    def __init__(
        self, address: int, shape: Sequence[int], stride: int, bits: int, device: tuple[int, int],
        release: Callable[[], None],
    ) -> None:  # fmt: skip
        self._device, self._release = device, release
        sizes = (ctypes.c_int64 * 2)(*shape)
        strides = (ctypes.c_int64 * 2)(stride, 1)
        tensor = _Tensor(address, *device, 2, _UNSIGNED, bits, 1, sizes, strides, 0)
        self._record = _Managed(tensor, None, ctypes.cast(_deleter, ctypes.c_void_p))
        self._kept = sizes, strides

    def __dlpack_device__(self) -> tuple[int, int]:
        """Return the device that its memory is on."""
        return self._device

    def __dlpack__(self, **_: object) -> Any:
        """Return a capsule, whose consumer calls the deleter when it is done."""
        place = ctypes.addressof(self._record)
        _in_use[place] = (self._record, self._kept), self._release
        return _new(place, b"dltensor", None)
