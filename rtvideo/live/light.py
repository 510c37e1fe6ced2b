"""How much light there is in live pictures, and ``--when dark``: nothing is done while there is enough."""

from __future__ import annotations

import math
from dataclasses import dataclass

import av
import numpy as np

from rtvideo.media.planes import FrameFormat, views

#: Rows that are looked at.
_ROWS = 120

#: Brightness below which a scene is dark, and above which it is lit. Between the two it stays what it was.
DARK, LIT = 0.22, 0.30

#: Seconds for which a scene must be lit, or dark, until it counts: a car's lamps are no morning.
_PATIENCE = 5.0


@dataclass(frozen=True)
class Light:
    """What a picture looks like.

    Attributes:
        brightness: the mean of its luma, 0 (black) to 1 (white).
        noise: its standard deviation, in codes of 255; fine texture counts too.
    """

    brightness: float
    noise: float


def measure(frame: av.VideoFrame, format: FrameFormat) -> Light:
    """Look at some rows of a picture.

    Noise is what second differences along the rows leave, which straight edges hardly touch (in one direction
    the estimate of Immerkaer, "Fast Noise Variance Estimation", 1996).
    """
    geometry = format.geometry
    luma = views(frame, geometry)[0]
    rows = luma[:: max(1, -(-luma.shape[0] // _ROWS))].astype(np.float32)
    step = 3 if geometry.layout == "rgb" else 1
    left, middle, right = rows[:, : -2 * step], rows[:, step:-step], rows[:, 2 * step :]
    bits = 16 if geometry.msb else geometry.depth
    scale = 2.0 ** (8 - bits)
    low, span = (0.0, 255.0) if geometry.coding.full_range else (16.0, 219.0)
    brightness = (float(rows.mean()) * scale - low) / span
    # Differences of Gaussian noise: sqrt(6) times its deviation, whose mean size is sqrt(2 / pi) of it.
    size = float(np.abs(left - 2 * middle + right).mean()) if middle.size else 0.0
    noise = size * scale * math.sqrt(math.pi / 12) * 255 / span
    return Light(min(1.0, max(0.0, brightness)), noise)


class DarkSwitch:
    """Decides whether a scene is dark, with hysteresis."""

    def __init__(self) -> None:
        self._dark: bool | None = None
        self._since: float | None = None

    @property
    def lit(self) -> bool:
        """Whether there is enough light; not before the first picture."""
        return self._dark is False

    def observe(self, brightness: float, now: float) -> None:
        """Take the brightness of a picture, and the time in seconds on any steady clock."""
        if self._dark is None:
            self._dark = brightness < (DARK + LIT) / 2
            return
        differs = brightness > LIT if self._dark else brightness < DARK
        if not differs:
            self._since = None
        elif self._since is None:
            self._since = now
        elif now - self._since >= _PATIENCE:
            self._dark, self._since = not self._dark, None
