"""What a frame costs, from figures measured once: for decisions that must not change from run to run."""

from __future__ import annotations

from rtvideo.engines.base import Geometry
from rtvideo.models.description import Description
from rtvideo.models.shapes import multiply_adds

#: The part of a frame's time that enhancing may take; decoding and encoding share the cores.
REAL_TIME_SHARE = 0.6

# Measured: onnxruntime 1.32, one thread of a 3.5 GHz AMD Zen 4, CPU time, nanoseconds a pixel of 8-bit 4:2:0
# at 640x360 and at 1920x1080. Multiply-adds a pixel in brackets.
#
#   illumination at 1/8 size, log domain (17)            48    55
#   the same with noise removal (2825)                  817   605
#   illumination at full size (1107)                    523   406
#   the same with noise removal (3915)                 1134   915

#: Nanoseconds a pixel that do not depend on the cells: colour conversion and the application of t.
NS_PIXEL = 50.0

#: Nanoseconds a multiply-add of the cells.
NS_MULTIPLY_ADD = 0.25


def seconds_per_frame(description: Description, geometry: Geometry, *, threads: int) -> float:
    """Return the estimated seconds that the onnx engine takes for a frame with noise removal."""
    nanoseconds = NS_PIXEL + NS_MULTIPLY_ADD * sum(multiply_adds(description))
    return geometry.width * geometry.height * nanoseconds * 1e-9 / threads
