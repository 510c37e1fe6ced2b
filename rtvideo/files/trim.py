"""``--start``, ``--duration`` and ``--frames``: a piece of a file, with sound and picture cut together."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from fractions import Fraction

import av
from av.stream import Disposition

from rtvideo.errors import UsageError
from rtvideo.media.file_input import FileInput
from rtvideo.media.timing import Event, Packet, end, seconds, tick

#: Seconds that are read past the end, since a file may store packets late.
_LATE = 1.0


class Trim:
    """The frames and packets of an input between two times.

    Without ``start``, times stay as they are. With it, the first frame shown at or after ``start`` (seconds
    from the beginning of the input, as players count) gets time 0, and everything else moves by the same
    amount: sound and picture stay together to half a tick. A packet of sound that begins before that frame is
    left out, a subtitle is shortened.
    """

    def __init__(
        self, source: FileInput, start: float | None, duration: float | None, frames: int | None
    ) -> None:
        self._source = source
        self._frames = frames
        beginning = source.start
        self._from = beginning + _typed(start) if start else None
        self._until = (self._from or beginning) + _typed(duration) if duration else None
        self._asked = start
        self._whole_streams: set[int] = set()

    @property
    def shift(self) -> Fraction:
        """Seconds by which everything moves back, to within a frame: the first frame decides exactly."""
        return self._from or Fraction(0)

    def read(self) -> Iterator[Event]:
        """Yield the frames and packets between the times.

        Raises:
            UsageError: there is no frame.
        """
        if self._from is not None:
            self._source.seek(self._from)
        shift: Fraction | None = None if self._from is not None else Fraction(0)
        held: deque[Packet] = deque()
        count, until = 0, self._until
        for event in self._source.read():
            if not isinstance(event, av.VideoFrame):
                held.append(event)
                continue
            time = seconds(event) or Fraction(0)
            if self._from is not None and time < self._from:
                held = deque(p for p in held if (end(p) or 0) > self._from)
                continue
            if shift is None:
                shift = time
            if until is None and count == self._frames:
                until = time
            if until is not None and time >= until:
                if time >= until + Fraction(_LATE):
                    break
                continue
            count += 1
            # Packets wait for the next frame, so that none beyond the end is passed on.
            while held and (seconds(held[0]) or 0) <= time:
                yield from self._moved(held.popleft(), shift)
            event.pts = None if event.pts is None else event.pts - round(shift / tick(event))
            yield event
        if shift is None or count == 0:
            length = self._source.duration
            known = f"{length:.1f} s long" if length else "shorter"
            raise UsageError(f"--start {self._asked}: no frame there; {self._source.path} is {known}")
        for packet in held:
            if until is None or (seconds(packet) or 0) < until:
                yield from self._moved(packet, shift)

    def _moved(self, packet: Packet, shift: Fraction) -> Iterator[Packet]:
        if packet.pts is None or packet.stream.disposition & Disposition.attached_pic:
            yield packet
            return
        ticks = round(shift / tick(packet))
        if shift and packet.stream.type == "video" and packet.stream_index not in self._whole_streams:
            # A copied video can only begin with a key frame.
            if not packet.is_keyframe or packet.pts < ticks:
                return
            self._whole_streams.add(packet.stream_index)
        packet.pts -= ticks
        packet.dts = None if packet.dts is None else packet.dts - ticks
        if shift and packet.pts < 0 and packet.stream.type != "video":
            if packet.stream.type != "subtitle" or packet.pts + (packet.duration or 0) <= 0:
                return
            packet.duration = (packet.duration or 0) + packet.pts
            packet.pts = packet.dts = 0
        yield packet


def _typed(seconds: float) -> Fraction:
    """Return the seconds that were typed: the binary number beside 0.08 lies behind the frame at 0.08."""
    return Fraction(seconds).limit_denominator(1_000_000)
