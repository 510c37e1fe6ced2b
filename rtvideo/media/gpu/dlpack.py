"""Memory lent by DLPack (github.com/dmlc/dlpack): a plane that PyAV reads where it lies, and gives back."""

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


#: What is lent: the record's address -> all that must live as long, and whom to tell.
_lent: dict[int, tuple[Any, Callable[[], None]]] = {}


def _given_back(address: int) -> None:
    _lent.pop(address)[1]()


_deleter = ctypes.CFUNCTYPE(None, ctypes.c_void_p)(_given_back)

_new = ctypes.pythonapi.PyCapsule_New
_new.restype, _new.argtypes = ctypes.py_object, [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p]


class Lent:
    """A plane of unsigned samples, for whoever takes it by ``__dlpack__``, once.

    Args:
        address: of its memory.
        shape: rows first.
        stride: samples from row to row.
        bits: of a sample, 8 or 16.
        device: `CPU` or `CUDA`, and the number of the device.
        back: called when the memory is no longer used, from any thread.
    """

    def __init__(
        self, address: int, shape: Sequence[int], stride: int, bits: int, device: tuple[int, int],
        back: Callable[[], None],
    ) -> None:  # fmt: skip
        self._device, self._back = device, back
        sizes = (ctypes.c_int64 * 2)(*shape)
        strides = (ctypes.c_int64 * 2)(stride, 1)
        tensor = _Tensor(address, *device, 2, _UNSIGNED, bits, 1, sizes, strides, 0)
        self._record = _Managed(tensor, None, ctypes.cast(_deleter, ctypes.c_void_p))
        self._kept = sizes, strides

    def __dlpack_device__(self) -> tuple[int, int]:
        """Return where it lies, as the protocol asks."""
        return self._device

    def __dlpack__(self, **_: object) -> Any:
        """Return the capsule; who consumes it calls its deleter in the end."""
        place = ctypes.addressof(self._record)
        _lent[place] = (self._record, self._kept), self._back
        return _new(place, b"dltensor", None)
