"""The times of live packets: those that were waiting when the source was opened, and one clock for all."""

from __future__ import annotations

from collections import deque
from fractions import Fraction

from rtvideo.media.timing import Packet, tick

#: Seconds by which times and arrival may drift apart before the source is placed on the clock again.
STRAY = 1.0

#: Seconds after which packets no longer count as a backlog, whatever their times are.
SETTLED = 3.0


class BacklogDetector:
    """Tells packets that were waiting to be read from those that come now: they come faster than real time.

    Attributes:
        endless: the backlog does not end: the source hands out a recording as fast as it is read.
    """

    def __init__(self) -> None:
        self._gone = self.endless = False
        self._began: float | None = None
        # On a busy machine one late packet says nothing; several together do.
        self._recent: deque[tuple[Fraction, float]] = deque(maxlen=6)

    def holds(self, packet: Packet | None, arrived: float) -> bool:
        """Return whether a packet belongs to the backlog.

        Args:
            packet: of the video; None: of another stream.
            arrived: when it came, on the clock of `time.monotonic`.
        """
        if self._gone or packet is None:
            return not self._gone
        self._began = self._began or arrived
        stamp = packet.dts if packet.dts is not None else packet.pts
        if stamp is None or arrived - self._began > SETTLED:
            self._gone, self.endless = True, stamp is not None
            return False
        self._recent.append((stamp * tick(packet), arrived))
        if len(self._recent) == self._recent.maxlen:
            (before, earlier), (now, _) = self._recent[0], self._recent[-1]
            self._gone = arrived - earlier >= 0.7 * float(now - before)
        return not self._gone


class Clock:
    """A clock in real time that begins at 0 with the first frame, for sources whose own times may jump."""

    def __init__(self) -> None:
        self._origin: float | None = None
        self._shift: Fraction | None = None
        self._last = Fraction(0)

    def restart(self) -> None:
        """Expect other times, since the source was opened again."""
        self._shift = None

    def place(self, stamp: Fraction | None, arrived: float, ahead: float) -> tuple[Fraction, float]:
        """Return the shift from the source's times to this clock, and by how many seconds it is early.

        Args:
            stamp: the source's own time in seconds, None if it has none.
            arrived: now, on the clock of `time.monotonic`.
            ahead: seconds that a packet may come before it is due.
        """
        if self._origin is None:
            self._origin = arrived
        now = Fraction(arrived - self._origin)
        if stamp is None:
            return now, 0.0
        if self._shift is None or not -STRAY <= stamp + self._shift - now <= ahead:
            self._shift = max(now, self._last) - stamp
        self._last = max(self._last, stamp + self._shift)
        return self._shift, float(stamp + self._shift - now)

    @property
    def shift(self) -> Fraction:
        """The present shift; 0 before the first frame."""
        return self._shift or Fraction(0)
