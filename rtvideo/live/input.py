"""A live source: packets with their times of arrival, on one clock, across lost connections."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import partial

import av
from av.container import InputContainer

from rtvideo.errors import RtvideoError
from rtvideo.live.clock import STRAY, BacklogDetector, Clock
from rtvideo.live.connection import SourceConnection
from rtvideo.live.loss import LossLine
from rtvideo.media.network.connect import SourceTraits
from rtvideo.media.network.diagnosis import reason_of
from rtvideo.media.timing import Packet, move, tick

#: The clock of live video: what MPEG uses, fine enough for every camera.
TICK = Fraction(1, 90_000)

#: Seconds that packets may come before they are due, from a source that delivers some seconds at a time.
_PACED = 60.0

#: Seconds between attempts to come back: the first, and the longest.
_SHORTEST, _LONGEST = 0.5, 8.0


@dataclass(frozen=True)
class TimedPacket:
    """A packet and when it came.

    Attributes:
        packet: of the video (decoded by ``connection``) or of another stream (passed on).
        connection: where it came from.
        captured: when it came, on the clock of `time.monotonic`.
        stale: it was waiting while the source was opened, so that the time of its capture is unknown. The
            decoder needs it, but its picture is not used.
    """

    packet: Packet
    connection: SourceConnection
    captured: float
    stale: bool = False

    @property
    def is_video(self) -> bool:
        """Whether it belongs to the stream that is enhanced."""
        return self.packet.stream_index == self.connection.index


class LiveInput:
    """An input that is read as it comes, and opened again when it is lost.

    Attributes:
        name: without secrets, for messages.
        connection: the present one; the first one decides about encoders and containers.
        traits: how the input behaves.
        lost: why the input ended too early; None if it has not.
        reconnect: seconds for which it is tried again when it is lost.
        reconnects: how often it came back.
        damaged: packets that could not be decoded, or only in part.
        seen: when the last packet came or a connection was tried, on the clock of `time.monotonic`.
    """

    def __init__(
        self,
        open: Callable[[], tuple[InputContainer, SourceTraits]],
        name: str,
        stop: threading.Event,
        *,
        video_stream: int = 0,
        threads: int = 0,
        reconnect: float = 0.0,
        say: Callable[[str], None] = lambda line: None,
        traits: SourceTraits | None = None,
    ) -> None:
        """Open it for the first time. If it is missing now, that is an error at once.

        Args:
            open: see `rtvideo.media.network.connect.connect`.
            stop: ends waiting.
            threads: for the decoder, at most; 0 leaves it to FFmpeg.
            reconnect: seconds for which a lost source is tried again; 0 is never.
            say: called when the source is lost, when it is back, and when it takes long to begin.
            traits: instead of the input's own, for tests.

        Raises:
            RtvideoError: see `rtvideo.media.network.connect.connect`, `SourceConnection`.
        """
        self._open, self.name, self._stop = open, name, stop
        self.reconnect, self._say = reconnect, say
        container, natural = open()
        self.traits = traits or natural
        self.damaged = 0
        self._connect = partial(
            SourceConnection,
            name=name,
            video_stream=video_stream,
            threads=threads,
            stop=stop,
            say=say,
            on_damage=self._count_damage,
        )
        self.connection = self._connect(container, traits=self.traits)
        self.lost: str | None = None
        self.reconnects = 0
        self.seen = time.monotonic()
        self._clock = Clock()

    def _count_damage(self) -> None:
        self.damaged += 1

    def arrivals(self) -> Iterator[TimedPacket]:
        """Yield packets as they come, until the source ends or is lost. Live ones have times on one clock."""
        goes_on = True
        while goes_on:
            connection = self.connection
            reason = "the stream ended"
            waits = self.traits.live and not self.traits.paced and not self.traits.timeless
            backlog = BacklogDetector() if waits else None
            try:
                for packet in connection.packets():
                    self.seen = time.monotonic()
                    is_video = packet.stream_index == connection.index
                    stale = backlog is not None and backlog.holds(packet if is_video else None, self.seen)
                    if backlog is not None and backlog.endless:
                        self.traits = replace(self.traits, paced=True)
                    if self.traits.live and not stale:
                        self._settle(packet, connection)
                    if self._stop.is_set():
                        return
                    if is_video or not stale:
                        yield TimedPacket(packet, connection, self.seen, stale)
            except av.FFmpegError as error:
                reason = reason_of(error, self.traits.silence)
                if not self.traits.lasts:
                    self.lost = f"reading stopped: {reason}"
                    return
            if not self.traits.lasts or (reason == "the stream ended" and not self.reconnect):
                return
            goes_on = self._again(reason)

    def _settle(self, packet: Packet, connection: SourceConnection) -> None:
        """Move a packet's times to the common clock; if the source is paced, wait until it is due."""
        base = tick(packet)
        if packet.stream_index != connection.index:
            move(packet, round(self._clock.shift / base))
            return
        if self.traits.timeless:
            packet.pts = packet.dts = None
        stamp = packet.dts if packet.dts is not None else packet.pts
        moved, early = self._clock.place(
            None if stamp is None else stamp * base, self.seen, _PACED if self.traits.paced else STRAY
        )
        if self.traits.paced and early > 0:
            self._stop.wait(early)
            self.seen = time.monotonic()
        packet.pts = round(((packet.pts or stamp or 0) * base + moved) / TICK)
        packet.dts = packet.pts if stamp is None else round((stamp * base + moved) / TICK)
        packet.time_base = TICK

    def _again(self, reason: str) -> bool:
        """Put a new connection in place of a lost one, after some attempts; return whether one succeeded."""
        last = self.connection
        last.close()
        if self._stop.is_set():  # the end of what is read is the end of the run
            return False
        self._clock.restart()
        if self.reconnect:
            self._say(LossLine(f"{self.name}: lost ({reason}); trying again for {self.reconnect:g} s"))
        began, wait = time.monotonic(), _SHORTEST
        while (left := began + self.reconnect - time.monotonic()) > 0 and not self._stop.is_set():
            self._stop.wait(min(wait, left))
            wait = min(2 * wait, _LONGEST)
            self.seen = time.monotonic()
            try:
                container, traits = self._open()
                if not traits.live:  # a live list that has become a finished recording
                    container.close()
                    return False
                self.connection = self._connect(container, traits=traits)
            except RtvideoError as error:
                reason = str(error).removeprefix(f"{self.name}: ")
                continue
            self.reconnects += 1
            changes = "".join(f", {change}" for change in _changes(last, self.connection))
            self._say(f"{self.name}: back after {time.monotonic() - began:.1f} s{changes}")
            return True
        if not self._stop.is_set():
            self.lost = f"source lost: {reason}"
        return False

    def close(self) -> None:
        """Close the connection."""
        self.connection.close()


def _changes(last: SourceConnection, now: SourceConnection) -> Iterator[str]:
    """Yield what is different after a connection was lost. (Other kinds of sound: `live.sound`.)"""
    size = (now.first.width, now.first.height)
    if size != (last.first.width, last.first.height):
        yield "with pictures of {}x{}".format(*size)
    sounds, before = (len(each.template.container.streams.audio) for each in (now, last))
    if sounds < before:
        yield "without its sound"
    if sounds > before:
        yield "with sound that was not there before"
