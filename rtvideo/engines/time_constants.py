"""How fast an engine forgets earlier frames: time constants in seconds, converted to frames."""

from __future__ import annotations

import math
from dataclasses import dataclass

#: Seconds that a part of the picture in which nothing moves is averaged over.
AVERAGED = 0.4

#: Seconds in which the light of a moving picture goes 63 % of its way, where it does not change much.
FOLLOWED = 1.0

#: Seconds between two frames beyond which they have nothing to do with each other.
GAP = 0.5

#: Frames that can be averaged at most: an age is kept in a byte, in sixteenths.
MOST = 15.0

#: Seconds between frames whose time nobody knows.
_USUAL = 1 / 30


@dataclass(frozen=True)
class Pace:
    """What an engine is told of time with a frame.

    Attributes:
        frames: 1..15, over which a still part of the picture is averaged at most; 0: nothing is kept.
        light: 0..1, share of its way that the light of a moving picture goes.
        forget: what was before this frame does not count.
    """

    frames: float
    light: float
    forget: bool


class Pacer:
    """Follows the time stamps of one stream of frames."""

    def __init__(self) -> None:
        self._known = False
        self._last: float | None = None

    def forget(self) -> None:
        """What comes next has nothing to do with what was."""
        self._known = False

    def pace(self, time: float | None, temporal: float) -> Pace:
        """Return the pace for a frame at ``time`` (seconds, None if unknown), ``temporal`` in 0..1."""
        if temporal == 0:
            self._known = False
            return Pace(0.0, 1.0, forget=False)
        step = _USUAL if time is None or self._last is None else time - self._last
        forget = not self._known or not 0 <= step <= GAP
        self._known, self._last = True, time
        step = min(max(step, 0.0), GAP)
        frames = min(max(AVERAGED / step if step else MOST, 1.0), MOST)
        follow = 1 - math.exp(-step / FOLLOWED)
        return Pace(1 + temporal * (frames - 1), 1 - temporal * (1 - follow), forget)
