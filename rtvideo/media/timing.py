"""Times of frames and packets as exact fractions of a second, and PyAV's packet as a plain type."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any, TypeAlias

import av

if TYPE_CHECKING:
    # PyAV's stubs make the packet generic over its stream; at run time it is not.
    Packet: TypeAlias = av.Packet[Any]
else:
    Packet = av.Packet

#: A frame of the chosen video stream, or a packet of any other stream.
Event: TypeAlias = "av.VideoFrame | Packet"


def tick(timed: Any) -> Fraction:
    """Return the time base of a stream, packet, frame or chapter: the seconds of a tick."""
    base = timed["time_base"] if isinstance(timed, dict) else timed.time_base
    if not base:
        raise ValueError(f"{timed!r} has no time base")
    return Fraction(base)


def seconds(event: Event) -> Fraction | None:
    """Return when a frame or packet is shown, in seconds; None if it has no time."""
    return None if event.pts is None or not event.time_base else event.pts * tick(event)


def end(event: Event) -> Fraction | None:
    """Return when it stops being shown, in seconds; a missing duration counts as 0."""
    start = seconds(event)
    return None if start is None else start + (event.duration or 0) * tick(event)


def decoded(packet: Packet) -> Fraction | None:
    """Return when a packet is decoded, in seconds; None if it has no time."""
    return None if packet.dts is None else packet.dts * tick(packet)


def move(packet: Packet, ticks: int) -> None:
    """Move the times of a packet by so many ticks of its own."""
    packet.pts = None if packet.pts is None else packet.pts + ticks
    packet.dts = None if packet.dts is None else packet.dts + ticks
