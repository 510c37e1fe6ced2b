"""How much light and noise a picture has, from some of its rows."""

from __future__ import annotations

import math
from dataclasses import dataclass

import av
import numpy as np

from rtvideo.media.planes import FrameFormat, views

#: Rows that are looked at.
_ROWS = 120


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
