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
from rtvideo.media.network.connect import SourceTraits, reason_of
from rtvideo.media.timing import Packet, tick

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
        connection: the first one, by which encoders and containers are chosen.
        traits: how the input behaves.
        lost: why the input ended too early; None if it has not.
        reconnect: seconds for which it is tried again when it is lost.
        reconnects: how often it came back.
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
            say: called when the source is lost, and when it is back.
            traits: instead of the input's own, for tests.

        Raises:
            RtvideoError: see `rtvideo.media.network.connect.connect`, `SourceConnection`.
        """
        self._open, self.name, self._stop = open, name, stop
        self.reconnect, self._say = reconnect, say
        container, natural = open()
        self.traits = traits or natural
        self._connect = partial(SourceConnection, name=name, video_stream=video_stream, threads=threads)
        self.connection = self._connect(container)
        self.lost: str | None = None
        self.reconnects = 0
        self.seen = time.monotonic()
        self._opened = [self.connection]
        self._clock = Clock()

    @property
    def damaged(self) -> int:
        """Packets that could not be decoded, or only in part."""
        return sum(connection.damaged for connection in self._opened)

    def arrivals(self) -> Iterator[TimedPacket]:
        """Yield packets as they come, until the source ends or is lost. Live ones have times on one clock."""
        connection: SourceConnection | None = self.connection
        while connection is not None:
            reason = "the stream ended"
            backlog = BacklogDetector() if self.traits.live and not self.traits.paced else None
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
                reason = reason_of(error)
                if not self.traits.lasts:
                    self.lost = f"reading stopped: {reason}"
                    return
            if not self.traits.lasts or (reason == "the stream ended" and not self.reconnect):
                return
            connection = self._again(connection, reason)

    def shared(self, packet: Packet) -> list[Packet]:
        """Return a copy of a packet of sound for one output, or nothing if it is another kind of packet.

        The copy belongs to a stream of the first connection, since the outputs were opened for those. Each
        output needs its own copy, since it changes the packet.
        """
        streams = self.connection.container.streams
        if packet.stream_index >= len(streams) or streams[packet.stream_index].type != "audio":
            return []
        # Copied into memory of FFmpeg. Memory of Python is freed under its lock, and a thread of FFmpeg
        # (`rtvideo.media.network.push.PushServer`) would wait for the lock while that waits for the thread.
        copy = Packet(packet.size)
        copy.update(bytes(packet))
        copy.stream = streams[packet.stream_index]
        copy.pts, copy.dts, copy.duration = packet.pts, packet.dts, packet.duration
        copy.time_base, copy.is_keyframe = tick(packet), packet.is_keyframe
        return [copy]

    def _settle(self, packet: Packet, connection: SourceConnection) -> None:
        """Move a packet's times to the common clock; if the source is paced, wait until it is due."""
        base = tick(packet)
        if packet.stream_index != connection.index:
            _move(packet, round(self._clock.shift / base))
            return
        stamp = packet.dts if packet.dts is not None else packet.pts
        shift, early = self._clock.place(
            None if stamp is None else stamp * base, self.seen, _PACED if self.traits.paced else STRAY
        )
        if self.traits.paced and early > 0:
            self._stop.wait(early)
            self.seen = time.monotonic()
        packet.pts = round(((packet.pts or stamp or 0) * base + shift) / TICK)
        packet.dts = packet.pts if stamp is None else round((stamp * base + shift) / TICK)
        packet.time_base = TICK

    def _again(self, last: SourceConnection, reason: str) -> SourceConnection | None:
        """Return a new connection in place of a lost one, after some attempts; None if they all fail."""
        if last is not self.connection or not last.container.streams.audio:
            # With sound, the streams of the first connection stay in use.
            last.close()
        self._clock.restart()
        if self.reconnect:
            self._say(f"{self.name}: lost ({reason}); trying again for {self.reconnect:g} s")
        began, wait = time.monotonic(), _SHORTEST
        while (left := began + self.reconnect - time.monotonic()) > 0 and not self._stop.is_set():
            self._stop.wait(min(wait, left))
            wait = min(2 * wait, _LONGEST)
            self.seen = time.monotonic()
            try:
                container, traits = self._open()
                if not traits.live:  # a live list that has become a finished recording
                    container.close()
                    return None
                connection = self._connect(container)
            except RtvideoError as error:
                reason = str(error).removeprefix(f"{self.name}: ")
                continue
            self.reconnects += 1
            self._opened.append(connection)
            self._say(f"{self.name}: back after {time.monotonic() - began:.1f} s")
            return connection
        if not self._stop.is_set():
            self.lost = f"source lost: {reason}"
        return None

    def close(self) -> None:
        """Close every connection."""
        for connection in self._opened:
            connection.close()


def _move(packet: Packet, ticks: int) -> None:
    packet.pts = None if packet.pts is None else packet.pts + ticks
    packet.dts = None if packet.dts is None else packet.dts + ticks
