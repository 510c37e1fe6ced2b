"""``--when dark``: while a scene is lit, recordings get the packets of the source as they came.

Copying begins and ends at key frames. All pictures from the time of the first copied one to that of the last
are copied; those before and after are encoded. So each picture is recorded once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

from rtvideo.live.connection import SourceConnection
from rtvideo.live.input import TICK, TimedPacket
from rtvideo.media.stream_copy import clone
from rtvideo.media.template import InputTemplate
from rtvideo.media.timing import Packet


@dataclass(frozen=True)
class CopiedPacket:
    """A packet of video for one output.

    Attributes:
        packet: without a stream.
        source: what it is of.
    """

    packet: Packet
    source: InputTemplate

    @property
    def time(self) -> Fraction:
        """When it is shown, in seconds on the clock of the run."""
        return (self.packet.pts or 0) * TICK


@dataclass(frozen=True)
class CopyEnd:
    """Nothing more is copied: pictures from this time on, in seconds on the clock of the run, are encoded."""

    time: Fraction


class PacketCopier:
    """Decides which packets are copied. It is for the thread that decodes, before it decodes them."""

    def __init__(
        self, lit: Callable[[], bool], give: Callable[[Callable[[], CopiedPacket | CopyEnd]], None]
    ) -> None:
        """Copy nothing yet.

        Args:
            lit: returns whether the scene is lit.
            give: hands what a function makes to each output that copies.
        """
        self._lit, self._give = lit, give
        self._source: SourceConnection | None = None
        self._begin = self._last = 0

    def take(self, arrival: TimedPacket) -> None:
        """Copy a packet of video, if it is one to be copied."""
        packet, pts = arrival.packet, arrival.packet.pts
        if self._source is not None and arrival.connection is not self._source:
            self._end()
        if arrival.stale or pts is None or not packet.size:
            return
        if packet.is_keyframe:
            if not self._lit():
                self._end()
            elif self._source is None:
                self._source, self._begin, self._last = arrival.connection, pts, pts
        # Pictures that are decoded after the first one, but shown before it, are encoded.
        if self._source is not None and pts >= self._begin:
            self._last = max(self._last, pts)
            template = arrival.connection.template
            self._give(lambda: CopiedPacket(_copy(packet), template))

    def _end(self) -> None:
        if self._source is not None:
            self._source, end = None, CopyEnd((self._last + 1) * TICK)
            self._give(lambda: end)


def _copy(packet: Packet) -> Packet:
    copied = clone(packet)
    copied.time_base = TICK
    return copied
