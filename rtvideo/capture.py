"""`VideoCapture`: enhanced frames by the methods that OpenCV's class of this name has."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from rtvideo.errors import RtvideoError
from rtvideo.media.location import LocationKind, kind_of
from rtvideo.streaming import FrameStream, stream

#: OpenCV's numbers of properties: cv2.CAP_PROP_POS_MSEC and so on.
POS_MSEC, POS_FRAMES, FRAME_WIDTH, FRAME_HEIGHT, FPS, FRAME_COUNT = 0, 1, 3, 4, 5, 7


class VideoCapture:
    """Takes the place of ``cv2.VideoCapture`` in a program: what `read` returns is enhanced.

    As OpenCV does it, a source that cannot be opened is no exception: `isOpened` is False, and a warning
    says why. `setExceptionMode` changes that. Frames are (h, w, 3) uint8 BGR arrays, upright.

    Args:
        source: number of a camera, address, or path, as `rtvideo.stream` takes it; None opens nothing yet.
        apiPreference: for OpenCV's sake; it has no effect.
        options: those of `rtvideo.stream`, such as ``strength`` and, of a camera, ``size`` and ``rate``.

    Raises:
        TypeError: an unknown option.
    """

    def __init__(
        self, source: str | Path | int | None = None, apiPreference: int = 0, **options: Any
    ) -> None:
        self._stream: FrameStream | None = None
        self._options = options
        self._source: str | Path | int = ""
        self._strict = False
        self._grabbed: npt.NDArray[np.uint8] | None = None
        self._count = 0
        if source is not None:
            self.open(source)

    def open(self, source: str | Path | int, apiPreference: int = 0) -> bool:
        """Open a source in place of the present one; return whether that worked."""
        self.release()
        self._source = source
        return self._begin(self._options)

    def _begin(self, options: dict[str, Any]) -> bool:
        self._grabbed, self._count = None, 0
        try:
            self._stream = stream(self._source, pixels="bgr", **options)
        except RtvideoError as error:
            self._failed(error)
        return self.isOpened()

    def isOpened(self) -> bool:
        """Return whether a source is open."""
        return self._stream is not None

    def read(self, image: object = None) -> tuple[bool, npt.NDArray[np.uint8] | None]:
        """Wait for the next frame; return (True, frame), or (False, None) at the end.

        Args:
            image: for OpenCV's sake; the frame is a new array.
        """
        return (True, self._grabbed) if self.grab() else (False, None)

    def grab(self) -> bool:
        """Take the next frame for `retrieve`; return whether there was one."""
        self._grabbed = None
        if self._stream is not None:
            try:
                self._grabbed = next(self._stream, None)
            except RtvideoError as error:
                self._failed(error)
        self._count += self._grabbed is not None
        return self._grabbed is not None

    def retrieve(self, image: object = None, flag: int = 0) -> tuple[bool, npt.NDArray[np.uint8] | None]:
        """Return (True, the frame that `grab` took), or (False, None)."""
        return self._grabbed is not None, self._grabbed

    def get(self, propId: int) -> float:
        """Return a property by OpenCV's number; 0 for those that are not known here."""
        if self._stream is None:
            return 0.0
        width, height = self._stream.size
        known = {
            POS_MSEC: 1000 * (self._stream.time or 0.0),
            POS_FRAMES: self._count,
            FRAME_WIDTH: width,
            FRAME_HEIGHT: height,
            FPS: self._stream.fps,
            FRAME_COUNT: _frame_count(str(self._source)) if propId == FRAME_COUNT else 0,
        }
        return float(known.get(propId, 0))

    def set(self, propId: int, value: float) -> bool:
        """Go to a time of a file (``CAP_PROP_POS_MSEC``); return whether that worked, False for all else.

        Size and rate of a camera are options of the class: `stream` has to know them when it opens it.
        """
        if propId != POS_MSEC or kind_of(str(self._source)) is not LocationKind.FILE:
            return False
        self.release()
        return self._begin(self._options | {"start": value / 1000})

    def release(self) -> None:
        """Leave the source. Doing it twice is fine."""
        if self._stream is not None:
            self._stream.close()
        self._stream = None

    def getBackendName(self) -> str:
        """Return ``RTVIDEO``."""
        return "RTVIDEO"

    def setExceptionMode(self, enable: bool) -> None:
        """Raise `rtvideo.RtvideoError` where a source cannot be opened or is lost, instead of a warning."""
        self._strict = enable

    def getExceptionMode(self) -> bool:
        """Return whether errors are raised."""
        return self._strict

    def _failed(self, error: RtvideoError) -> None:
        if self._strict:
            raise error
        warnings.warn(str(error), RuntimeWarning, stacklevel=4)


def _frame_count(source: str) -> int:
    """Return how many frames a file has, as far as it says so; 0 for what is no file."""
    if kind_of(source) is not LocationKind.FILE:
        return 0
    import av

    with av.open(source) as container:
        video = container.streams.video[0]
        seconds = (container.duration or 0) / av.time_base
        return video.frames or round(seconds * (video.average_rate or 0))
