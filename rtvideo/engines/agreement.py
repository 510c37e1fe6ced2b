"""Whether the GPU and the processor make the same of a frame: asked before ``auto`` trusts a GPU."""

from __future__ import annotations

import dataclasses

import numpy as np

from rtvideo.engines.base import Geometry, Planes, Session, Settings
from rtvideo.errors import UnavailableError
from rtvideo.models import Model

#: Of 255. The processor's kernels may be off by one and a half themselves (bf16, rounding).
TOLERANCE = 3.0

#: Of the frame that is tried: a few tiles, none of them whole.
_WIDTH, _HEIGHT = 150, 90


def check(model: Model, geometry: Geometry, denoise: float, number: int = 0) -> None:
    """Raise UnavailableError if a GPU's kernels do not agree with the processor's, or cannot run."""
    off = difference(model, geometry, denoise, number)
    if off is not None and off > TOLERANCE:
        raise UnavailableError(
            f"engine cuda is off by {off:.0f} of 255 from the processor (please report it)"
        )


def difference(model: Model, geometry: Geometry, denoise: float, number: int = 0) -> float | None:
    """Return by how many codes of 255 a GPU and the processor differ at most on a dark frame.

    None where the processor has no kernel for it, so that nothing can be said.

    Raises:
        UnavailableError: the GPU cannot do it.
    """
    from rtvideo.engines.cuda import CudaSession
    from rtvideo.engines.fused import FusedSession

    small = dataclasses.replace(geometry, width=_WIDTH, height=_HEIGHT)
    settings = Settings(denoise=denoise)
    frame = _dark(small)
    try:
        wanted = _enhanced(FusedSession(model, small, settings, threads=1), frame, small)
    except UnavailableError:
        return None
    made = _enhanced(CudaSession(model, small, settings, number=number), frame, small)
    shift = 16 - small.depth if small.msb and small.depth > 8 else 0
    unit = 2.0 ** (shift + small.depth - 8)
    return max(float(np.abs(a.astype(int) - b).max()) for a, b in zip(made, wanted, strict=True)) / unit


def _dark(geometry: Geometry) -> Planes:
    rng = np.random.default_rng(0)
    shift = 16 - geometry.depth if geometry.msb and geometry.depth > 8 else 0
    frame = geometry.empty()
    for k, plane in enumerate(frame):
        coloured = k > 0 and geometry.layout in ("yuv", "nv")
        low, high = (0.47, 0.53) if coloured else (0.06, 0.25)
        plane[...] = (rng.uniform(low, high, plane.shape) * (1 << geometry.depth)).astype(int) << shift
    return frame


def _enhanced(session: Session, frame: Planes, geometry: Geometry) -> Planes:
    out = geometry.empty()
    session.submit(frame, out)
    session.flush()
    session.receive()
    session.close()
    return out
