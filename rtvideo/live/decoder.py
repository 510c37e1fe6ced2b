"""Decode a live source: packets in, frames out; packets that are late or not needed are skipped."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator

import av

from rtvideo.live.copying import PacketCopier
from rtvideo.live.input import LiveInput, TimedPacket
from rtvideo.stopwatch import Stopwatch

#: Age in seconds of a packet from which on decoding skips to the next key frame.
_LATE = 0.5


class PacketDecoder:
    """Decodes the packets of a source; iterate it once for frames with their times of arrival.

    Attributes:
        skipped: packets that were not decoded because decoding was too slow.
        work: the time that decoding takes.
    """

    def __init__(
        self,
        source: LiveInput,
        arrivals: Iterable[TimedPacket],
        watched: Callable[[], bool],
        hold: float = 0.0,
        copier: PacketCopier | None = None,
    ) -> None:
        """Decode nothing yet.

        Args:
            arrivals: packets of the video of ``source``.
            watched: returns whether any output takes frames now.
            hold: seconds that pictures may be late.
            copier: gets each packet before it is decoded.
        """
        self.skipped, self.work = 0, Stopwatch()
        self._source, self._arrivals, self._watched = source, arrivals, watched
        self._copier = copier
        self._skipping, self._late = False, _LATE + hold

    def __iter__(self) -> Iterator[tuple[av.VideoFrame, float]]:
        """Yield frames, and when they came on the clock of `time.monotonic`."""
        live, fresh = self._source.traits.live, None
        if not live:
            yield from self._source.connection.ready
        connection = self._source.connection  # all packets of a short file may be in the decoder by now
        for arrival in self._arrivals:
            if arrival.connection is not connection:
                yield from connection.decode(None)
                fresh = None
            connection = arrival.connection
            if self._copier is not None:
                self._copier.take(arrival)
            if live and self._skips(arrival):
                continue
            began = time.monotonic()
            frames = connection.decode(arrival.packet, arrival.captured)
            self.work.add(time.monotonic() - began)
            if not arrival.stale and fresh is None:
                fresh = arrival.captured
            # The decoder may have held back frames of stale packets, and of those that opened the source.
            yield from (each for each in frames if fresh is not None and (not live or each[1] >= fresh))
        yield from connection.decode(None)

    def _skips(self, arrival: TimedPacket) -> bool:
        """Whether a packet is skipped: any whole picture can be, other packets up to the next key frame."""
        if arrival.connection.intra:
            return arrival.stale or not self._watched()
        late = time.monotonic() - arrival.captured > self._late
        self._skipping = late or (self._skipping and not arrival.packet.is_keyframe)
        self.skipped += self._skipping
        return self._skipping
