"""Which frames stay on a GPU on their way from NVDEC to the engine, and on to NVENC."""

from __future__ import annotations

from typing import TYPE_CHECKING

import av

from rtvideo.colour import Coding
from rtvideo.engines.gpu.frame import DeviceFrame, TakesDeviceFrames
from rtvideo.engines.session import Session
from rtvideo.media.captions import has_captions
from rtvideo.media.gpu.decode import device_frame
from rtvideo.media.gpu.surfaces import software_format
from rtvideo.media.planes import FrameFormat

if TYPE_CHECKING:
    from rtvideo.media.gpu.encode import DeviceFrames


class DevicePath:
    """Decides for each frame whether it stays on the device.

    Attributes:
        results: frames on the device for the results, if the encoder takes them from there; else None.
    """

    def __init__(self, working: FrameFormat, session: Session, results: DeviceFrames | None) -> None:
        """Prepare for frames in the format ``working``, which ``session`` was opened for."""
        self.results = results
        self._working = working
        self._taken = isinstance(session, TakesDeviceFrames)

    def planes(self, frame: av.VideoFrame, coding: Coding) -> DeviceFrame | None:
        """Return the planes of a decoded frame on the device; None if it has to go through main memory."""
        if not self._taken or software_format(frame) != self._working.pix_fmt:
            return None
        if coding != self._working.coding or has_captions(frame):
            return None
        if any((plane.buffer_ptr | plane.line_size) % 4 for plane in frame.planes):
            return None  # kernels access two samples at once
        return device_frame(frame, self._working.geometry)
