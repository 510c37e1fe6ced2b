"""Read the weights beside a description: safetensors, a JSON header and then little-endian arrays."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from rtvideo.errors import UnavailableError
from rtvideo.models import files

_TYPES = {"F16": "<f2", "F32": "<f4", "F64": "<f8"}


def read(path: Path) -> dict[str, npt.NDArray[Any]]:
    """Return name -> array of a safetensors file.

    Raises:
        UnavailableError: missing, too large, or not well-formed; the file is untrusted and is checked.
    """
    data = files.read(path)
    try:
        return _parse(data)
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError) as error:
        raise UnavailableError(f"{path}: not a safetensors file: {error}") from None


def _parse(data: bytes) -> dict[str, npt.NDArray[Any]]:
    size = int.from_bytes(data[:8], "little")
    if len(data) < 8 + size:
        raise ValueError("cut short")
    header, body = json.loads(data[8 : 8 + size]), memoryview(data)[8 + size :]
    arrays = {}
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        begin, end = entry["data_offsets"]
        dtype = np.dtype(_TYPES[entry["dtype"]])
        shape = tuple(int(n) for n in entry["shape"])
        if not 0 <= begin <= end <= len(body) or min(shape, default=1) < 0:
            raise ValueError(f"{name} lies outside the file")
        arrays[name] = np.frombuffer(body[begin:end], dtype).reshape(shape)
    return arrays
