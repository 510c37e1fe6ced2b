"""One clock for an input whose own clock wraps, is set back or leaps ahead.

A container's times should grow. Those of MPEG-TS wrap after 26.5 hours, begin again where recordings were
joined by ``cat`` or an encoder was restarted, and leap ahead where a clock was set. Each such step begins a
new *epoch*: from there on one offset is added to the times of all streams, so that sound and picture stay
together and the new part follows the old one. A late packet of an earlier epoch keeps its offset.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

from rtvideo.media.timing import Packet, tick

#: Seconds by which the times of one stream may go back: a muxer's disorder, no new epoch.
_BACK = Fraction(1, 2)

#: Seconds by which they may leap ahead in a format that may be cut and joined anywhere (FFmpeg's limit too).
_AHEAD = Fraction(10)

#: Seconds between a packet and the time expected of it up to which it belongs to an epoch.
_NEAR = Fraction(1)

#: Kinds of streams that go on without gaps. Subtitles and data come when they come.
_STEADY = ("video", "audio")


@dataclass
class _Stream:
    """Where a stream has come to: its epoch, and when its last packet ends on the common clock."""

    epoch: int = 0
    end: Fraction | None = None


class Timeline:
    """Places the packets of an input, in the order of the file, on one clock that does not step.

    Attributes:
        resets: how often the input's clock was set back; leaps: how often it leapt ahead.
    """

    def __init__(self, *, start: Fraction = Fraction(0), joins: bool = False) -> None:
        """Begin with the input's own times.

        Args:
            start: the time in seconds at which the input begins. Where it lies below zero (a clock that was
                about to wrap) and ``joins``, everything moves up by it.
            joins: the format may be cut and joined anywhere, so that a leap ahead is no gap.
        """
        self.resets = self.leaps = 0
        self._joins = joins
        self._offsets = [-start if joins and start < 0 else Fraction(0)]
        self._streams: dict[int, _Stream] = {}

    @property
    def offset_at_start(self) -> Fraction:
        """Seconds that the first packet moves up by."""
        return self._offsets[0]

    def notes(self) -> Iterator[str]:
        """Yield a line about each kind of step that was mended."""
        for count, what in ((self.resets, "went back"), (self.leaps, "leapt ahead")):
            if count:
                often = "once" if count == 1 else f"{count} times"
                yield f"its clock {what} {often} (joined recordings?); the parts follow each other"

    def place(self, packet: Packet) -> None:
        """Move a packet's times; one without times, or without an epoch of its own, stays as it is."""
        stamp = packet.pts if packet.dts is None else packet.dts
        if stamp is None:
            return
        base = tick(packet)
        steady = packet.stream.type in _STEADY
        offset = self.offset(packet.stream_index, stamp * base, (packet.duration or 0) * base, steady=steady)
        ticks = round(offset / base)
        if ticks:
            packet.pts = None if packet.pts is None else packet.pts + ticks
            packet.dts = None if packet.dts is None else packet.dts + ticks

    def seek(self) -> None:
        """Expect packets from anywhere: where the streams had come to says nothing about them."""
        self._streams.clear()

    def offset(self, index: int, time: Fraction, duration: Fraction, *, steady: bool) -> Fraction:
        """Return the seconds to add to the times of a stream's next packet.

        Args:
            index: of the stream.
            time: decoding time of the packet in seconds, on the input's own clock; duration: of the packet.
            steady: the stream has no gaps of its own.
        """
        stream = self._streams.setdefault(index, _Stream())
        if stream.end is None:
            stream.epoch = self._first_epoch(time)
        elif not self._continues(time + self._offsets[stream.epoch] - stream.end, steady=steady):
            stream.epoch = self._epoch_of(time, stream.end, stream.epoch, steady=steady)
        offset = self._offsets[stream.epoch]
        ends = time + offset + duration
        stream.end = ends if stream.end is None else max(ends, stream.end - _BACK)
        return offset

    def _continues(self, gap: Fraction, *, steady: bool) -> bool:
        """Whether a packet that comes so many seconds after the end of the last one is of the same epoch."""
        return gap >= -_BACK and (not steady or not self._joins or gap <= _AHEAD)

    def _first_epoch(self, time: Fraction) -> int:
        """Return the epoch of a stream's first packet: of those begun, the one whose place is nearest."""
        reached = self._reached()
        if reached is None:
            return 0
        return min(range(len(self._offsets)), key=lambda k: abs(time + self._offsets[k] - reached))

    def _epoch_of(self, time: Fraction, end: Fraction, left: int, *, steady: bool) -> int:
        """Return the epoch of a packet that cannot be of the one that its stream was in, ``left``."""
        gaps = {k: time + offset - end for k, offset in enumerate(self._offsets) if k != left}
        nearest = min(gaps, key=lambda k: (abs(gaps[k]), -k), default=left)
        if nearest != left and abs(gaps[nearest]) <= _NEAR:
            return nearest
        newest = len(self._offsets) - 1
        if newest != left and self._continues(gaps[newest], steady=True):
            return newest  # another stream began this epoch, and this one has a gap there
        if not steady:
            return nearest
        gap = time + self._offsets[left] - end
        self.resets += gap < 0
        self.leaps += gap > 0
        reached = self._reached()
        assert reached is not None
        self._offsets.append(max(end, min(reached, end + _NEAR)) - time)
        return newest + 1

    def _reached(self) -> Fraction | None:
        """Return how far the input has come, on the common clock."""
        return max((s.end for s in self._streams.values() if s.end is not None), default=None)
