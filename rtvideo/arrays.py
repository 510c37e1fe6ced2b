"""What programs hold frames in: arrays of numpy and of other libraries, and how engines take them."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from rtvideo.colour import Coding, Matrix
from rtvideo.frame import Geometry, Plane

#: What floats from 0 to 1 become: fine enough for everything that a camera or an encoder holds.
_FINE = 65535


@runtime_checkable
class Tensor(Protocol):
    """An array of any library that has DLPack: torch, JAX, CuPy, numpy."""

    def __dlpack__(self, *, stream: None = None) -> Any: ...

    def __dlpack_device__(self) -> tuple[Any, int]: ...


@dataclass(frozen=True)
class ArrayFrames:
    """The frames of one array.

    Attributes:
        pixels: of shape (n, h, w, channels), one channel or three, uint8 or uint16.
        dtype: of the array that they came in; floats are 0 to 1.
        shape: of that array.
        channels_first: whether it is (channels, h, w) or (n, channels, h, w).
        reverse: whether the three channels are blue, green and red.
    """

    pixels: npt.NDArray[Any]
    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    channels_first: bool
    reverse: bool

    @property
    def geometry(self) -> Geometry:
        """What engines are told of each frame."""
        _, height, width, channels = self.pixels.shape
        layout, matrix = ("gray", Matrix.BT709) if channels == 1 else ("rgb", Matrix.RGB)
        depth = 8 * self.pixels.dtype.itemsize
        return Geometry(width, height, layout, depth, Coding(matrix, full_range=True))

    @property
    def planes(self) -> list[Plane]:
        """The frames as engines take them, one plane for each."""
        n, height, width, channels = self.pixels.shape
        return list(np.ascontiguousarray(self.pixels).reshape(n, height, width * channels))

    def restored(self, planes: list[Plane]) -> npt.NDArray[Any]:
        """Return enhanced planes in a new array like the one that the frames came in."""
        pixels = np.stack([np.asarray(plane) for plane in planes]).reshape(self.pixels.shape)
        if self.reverse:
            pixels = pixels[..., ::-1]
        if self.channels_first:
            pixels = np.moveaxis(pixels, -1, 1)
        if self.dtype.kind == "f":
            pixels = pixels / np.float32(_FINE)
        return np.ascontiguousarray(pixels, self.dtype).reshape(self.shape)


def frames_of(array: npt.NDArray[Any], order: str, *, tensor: bool = False) -> ArrayFrames:
    """Return the frames in an array.

    Args:
        array: (h, w) or (h, w, 1) of grey, (h, w, 3), or (n, h, w, 1 or 3) of several frames; of uint8,
            uint16 (0 to 65535) or floats (0 to 1).
        order: of three channels, ``rgb`` or ``bgr``.
        tensor: it comes from a library that has channels first: (3, h, w) and (n, 3, h, w) are taken, too.

    Raises:
        TypeError: another type of samples.
        ValueError: another shape, no pixel, or floats outside 0 to 1.
    """
    dtype, shape = array.dtype, array.shape
    if dtype.kind != "f" and dtype not in (np.uint8, np.uint16):
        raise TypeError(f"frame is {dtype}; allowed: uint8 (0..255), uint16 (0..65535), floats (0..1)")
    first = tensor and len(shape) in (3, 4) and shape[-3] in (1, 3)
    pixels = np.moveaxis(array, -3, -1) if first else array
    if pixels.ndim == 2:
        pixels = pixels[..., None]
    if pixels.ndim not in (3, 4) or pixels.shape[-1] not in (1, 3) or pixels.size == 0:
        also = ", or the channels first" if tensor else ""
        raise ValueError(
            f"frame has shape {shape}; allowed: (height, width, 3) of at least one pixel, (height, width) of "
            f"grey, and (frames, height, width, 3){also}"
        )
    pixels = pixels.reshape(-1, *pixels.shape[-3:])
    if dtype.kind == "f":
        if not (pixels.min() >= 0 and pixels.max() <= 1):
            least, most = pixels.min(), pixels.max()
            raise ValueError(
                f"frame has values from {least:.3g} to {most:.3g}; floats are allowed from 0 to 1"
            )
        pixels = np.rint(pixels * np.float32(_FINE)).astype(np.uint16)
    reverse = order == "bgr" and pixels.shape[-1] == 3
    return ArrayFrames(pixels[..., ::-1] if reverse else pixels, dtype, shape, first, reverse)


def from_tensor(frame: Tensor) -> npt.NDArray[Any]:
    """Return an array that shares the memory of a tensor.

    Raises:
        TypeError: its memory is on a GPU, it is part of a gradient, or numpy has no such numbers.
    """
    kind = f"{type(frame).__module__.partition('.')[0]}.{type(frame).__name__}"
    if int(frame.__dlpack_device__()[0]) != 1:  # kDLCPU of DLPack
        raise TypeError(f"frame is a {kind} on a GPU; bring it to main memory first, as .cpu() does in torch")
    try:
        return np.from_dlpack(frame)
    except (BufferError, RuntimeError, TypeError) as error:
        why = str(error).partition("\n")[0]
        raise TypeError(f"frame is a {kind} that cannot be read: {why}") from None


def to_tensor(array: npt.NDArray[Any], like: Tensor) -> Any:
    """Return an array as a tensor of the library that another one comes from, without a copy.

    Raises:
        TypeError: the library cannot take it.
    """
    library = sys.modules[type(like).__module__.partition(".")[0]]
    take = getattr(library, "from_dlpack", None) or getattr(
        getattr(library, "dlpack", None), "from_dlpack", None
    )
    if take is None:
        raise TypeError(f"frame is of {library.__name__}, which takes no arrays by DLPack")
    return take(array)
