"""Frames as arrays of pixels, the right way up."""

from __future__ import annotations

import av
import numpy as np
import numpy.typing as npt

from rtvideo.colour import Coding, Matrix
from rtvideo.media.orientation import turned
from rtvideo.media.planes import FrameConverter, FrameFormat
from rtvideo.media.tags import Tags


class UprightPixels:
    """Makes arrays of the frames of one video."""

    def __init__(self, pix_fmt: str, frames: FrameFormat, orientation: int) -> None:
        """Prepare for frames of one format.

        Args:
            pix_fmt: ``rgb24``, ``bgr24`` or ``gray``, all of them in full range.
            frames: what comes.
            orientation: of what comes, see `rtvideo.media.orientation`.
        """
        matrix = frames.coding.matrix if pix_fmt == "gray" else Matrix.RGB
        coding = Coding(matrix, full_range=True)
        self._format = FrameFormat(pix_fmt, frames.width, frames.height, coding)
        self._convert = FrameConverter(self._format)
        self._orientation = orientation

    def __call__(self, frame: av.VideoFrame) -> npt.NDArray[np.uint8]:
        """Return an array of shape (h, w, 3), or (h, w) of grey, of 0..255, that shares no memory."""
        made = self._convert(frame, Tags.of(frame).coding(frame.format.name, frame.height))
        return np.ascontiguousarray(turned(made.to_ndarray(), self._orientation)).astype(np.uint8, copy=False)
