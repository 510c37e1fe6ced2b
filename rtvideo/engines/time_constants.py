"""How fast an engine forgets earlier frames: time constants in seconds, converted to frames."""

from __future__ import annotations

import math

from rtvideo.kernels.structs import TimeConstants

#: Seconds that a part of the picture in which nothing moves is averaged over.
AVERAGED = 0.4

#: Seconds in which the light of a moving picture goes 63 % of its way, where it does not change much.
FOLLOWED = 1.0

#: Seconds between two frames beyond which they have nothing to do with each other.
GAP = 0.5

#: Frames that can be averaged at most: an age is kept in a byte, in sixteenths.
MOST = 15.0

#: Seconds between frames whose time nobody knows.
USUAL = 1 / 30


class TimeStamps:
    """Those of one stream of frames, in order.

    Args:
        carries: the picture so far moves along with the camera and with what moves.
    """

    def __init__(self, carries: bool = True) -> None:
        self._carries = carries
        self._known = False
        self._last: float | None = None

    def reset(self) -> None:
        """The next frame has nothing to do with those before."""
        self._known = False

    def constants(self, time: float | None, temporal: float, flicker: bool = True) -> TimeConstants:
        """Return the time constants for the next frame.

        Args:
            time: presentation time in seconds, None if unknown.
            temporal: 0..1, how much the frames before count.
            flicker: bands of lamps on the mains are divided out.

        Returns:
            ``frames`` 1..15, over which a still part of the picture is averaged at most (0: no state is
            kept); ``light`` 0..1, the share of its way that the light of a moving picture goes; ``reset``
            1 if the frames before do not count; ``carries`` 1 if the picture so far moves along; ``evens``
            1 if bands are divided out.
        """
        if temporal == 0:
            self._known = False
            return TimeConstants(0.0, 1.0)
        step = USUAL if time is None or self._last is None else time - self._last
        reset = not self._known or not 0 <= step <= GAP
        self._known, self._last = True, time
        step = min(max(step, 0.0), GAP)
        frames = min(max(AVERAGED / step if step else MOST, 1.0), MOST)
        follow = 1 - math.exp(-step / FOLLOWED)
        averaged, light = 1 + temporal * (frames - 1), 1 - temporal * (1 - follow)
        return TimeConstants(averaged, light, reset, self._carries, flicker)
