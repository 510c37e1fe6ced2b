"""Frames that lie in a device's memory already, for sessions that take them from there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from rtvideo.engines.session import Session
from rtvideo.frame import Planes

if TYPE_CHECKING:
    from rtvideo.kernels.cuda.network import DevicePlane


@dataclass(frozen=True)
class DeviceFrame:
    """A frame in the memory of a CUDA device's primary context.

    Attributes:
        planes: as the session's geometry says; addresses and strides are multiples of 4 bytes.
        owner: what the memory belongs to; it is kept until the device is done with the frame.
    """

    planes: Sequence[DevicePlane]
    owner: object


@runtime_checkable
class TakesDeviceFrames(Session, Protocol):
    """A session whose frames need not lie in main memory."""

    def submit_on_device(
        self, frame: Planes | DeviceFrame, out: Planes | DeviceFrame, time: float | None = None
    ) -> None:
        """Take a frame as `rtvideo.engines.session.Session.submit` does; what is on the device is not copied.

        What makes the frame may still be at work on the default stream: the session waits for it there. A
        result is on the device when the matching `receive` returns.

        Raises:
            ValueError: strength is 0, which leaves frames as they are, or rows on the device begin elsewhere.
        """
