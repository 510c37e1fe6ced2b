"""A caller's own function on the pixels of each frame, between the engine and the encoder."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeAlias

import av
import numpy as np
import numpy.typing as npt

from rtvideo.colour import Matrix
from rtvideo.media.orientation import stored, turned
from rtvideo.media.planes import FrameConverter, FrameFormat, copy_times

Pixels: TypeAlias = npt.NDArray[Any]

#: Takes the pixels of a frame and its time in seconds; returns other pixels, or None if it wrote to them.
Callback: TypeAlias = Callable[[Pixels, float], Pixels | None]


class PixelFilter:
    """Passes frames through a function that knows nothing but RGB."""

    def __init__(self, callback: Callback, frames: FrameFormat, orientation: int) -> None:
        """Prepare for frames of one format.

        Args:
            callback: gets (h, w, 3) RGB, upright: uint8 of 8-bit frames, of deeper ones uint16 up to 65535.
            frames: that come, and are made.
            orientation: of what comes, see `rtvideo.media.orientation`.
        """
        self._callback, self._orientation = callback, orientation
        deep = frames.geometry.depth > 8
        coding = replace(frames.coding, matrix=Matrix.RGB, full_range=True)
        self._rgb = replace(frames, pix_fmt="rgb48le" if deep else "rgb24", coding=coding)
        self._to_rgb, self._from_rgb = FrameConverter(self._rgb), FrameConverter(frames)
        self._coding = frames.coding

    def __call__(self, frame: av.VideoFrame) -> av.VideoFrame:
        """Return a frame with other pixels, of the same time; itself where the function changed nothing.

        Raises:
            TypeError, ValueError: the function returned something else than such an array.
        """
        before = self._to_rgb(frame, self._coding).to_ndarray()
        given = np.array(turned(before, self._orientation), order="C")  # a copy, to see what was changed
        made = self._callback(given, frame.time or 0.0)
        made = _checked(given if made is None else made, given)
        pixels = np.ascontiguousarray(stored(made, self._orientation))
        if np.array_equal(pixels, before):
            return frame
        filtered = self._from_rgb(av.VideoFrame.from_ndarray(pixels, self._rgb.pix_fmt), self._rgb.coding)
        copy_times(frame, filtered)
        return filtered


def _checked(made: object, given: Pixels) -> Pixels:
    if not isinstance(made, np.ndarray):
        raise TypeError(f"callback returned a {type(made).__name__}; allowed: an array, or None")
    if (made.shape, made.dtype) != (given.shape, given.dtype):
        raise ValueError(
            f"callback returned {made.dtype} of shape {made.shape}; allowed: {given.dtype} of {given.shape}, "
            "as it was given"
        )
    return made
