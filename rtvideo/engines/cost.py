"""Estimates the time of a frame from figures measured once, so that no decision changes between runs."""

from __future__ import annotations

from dataclasses import dataclass

from rtvideo.frame import Geometry
from rtvideo.models.description import Description
from rtvideo.models.shapes import multiply_adds

#: The part of a frame's time that the engine may take; decoding and encoding share the cores.
REAL_TIME_SHARE = 0.6

# Nanoseconds on one thread of a 3.5 GHz AMD Zen 4, of CPU time, for 8-bit 4:2:0 at 640x360 and at 1920x1080;
# multiply-adds a pixel in brackets. onnxruntime 1.32; kernels by ziglang 0.17.
#
#                                                    onnx       avx512     avx2       sse4
#   illumination at 1/8 size, log domain (17)        48   55    3.6  3.3   4.3  4.3    9    9
#   the same with noise removal (2825)              817  605     72   66    87   84  232  225


@dataclass(frozen=True)
class Cost:
    """Nanoseconds of one pixel without the cells (conversion, applying t), and of one multiply-add."""

    pixel: float
    multiply_add: float


#: Nanoseconds a pixel of looking at the frames before where the picture moves, and of debanding; the same for
#: all instructions. Measured by AVX2 on an AMD EPYC (10.8 and 2.8), in turns with the light and noise
#: removal, which take 1.2 times as long there as above. Since then they take 0.77 and 0.70 times as long
#: (AVX2 on an Intel Xeon).
OVER_TIME, DEBANDING = 7.0, 1.7


def seconds_per_frame(
    cost: Cost,
    description: Description,
    geometry: Geometry,
    threads: int,
    *,
    temporal: bool = False,
    deband: bool = False,
) -> float:
    """Return the estimated seconds that an engine takes for a frame with noise removal."""
    nanoseconds = OVER_TIME * temporal + DEBANDING * deband + cost.pixel
    nanoseconds += cost.multiply_add * sum(multiply_adds(description))
    return geometry.width * geometry.height * nanoseconds * 1e-9 / threads
