"""The way of frames that need not pass through main memory: from NVDEC to the engine, and on to NVENC."""

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
    """Says which frames stay on the device, before and after the engine.

    Attributes:
        results: frames on the device that an encoder takes from there; None where it takes main memory.
    """

    def __init__(self, working: FrameFormat, session: Session, results: DeviceFrames | None) -> None:
        """Note what the engine works on."""
        self.results = results
        self._working = working
        self._taken = isinstance(session, TakesDeviceFrames)

    def planes(self, frame: av.VideoFrame, coding: Coding) -> DeviceFrame | None:
        """Return a decoded frame as the engine takes it on the device; None if it goes by main memory."""
        if not self._taken or software_format(frame) != self._working.pix_fmt:
            return None
        if coding != self._working.coding or has_captions(frame):
            return None
        return device_frame(frame, self._working.geometry)
