"""What a frame costs, from figures measured once: for decisions that must not change from run to run."""

from __future__ import annotations

from rtvideo.engines.base import Geometry
from rtvideo.models.description import Description
from rtvideo.models.shapes import multiply_adds

#: The part of a frame's time that enhancing may take; decoding and encoding share the cores.
REAL_TIME_SHARE = 0.6

#: Nanoseconds a pixel on one thread that do not depend on the network: conversions and the application of t.
NS_PIXEL = 60.0

#: Nanoseconds a multiply-add on one thread.
NS_MULTIPLY_ADD = 0.4


def seconds_per_frame(description: Description, geometry: Geometry, *, threads: int) -> float:
    """Return the estimated seconds that the onnx engine takes for a frame with noise removal."""
    nanoseconds = NS_PIXEL + NS_MULTIPLY_ADD * sum(multiply_adds(description))
    return geometry.width * geometry.height * nanoseconds * 1e-9 / threads
