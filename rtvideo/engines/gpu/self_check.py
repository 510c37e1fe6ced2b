"""Compare a GPU's kernels with the processor's on small frames, before ``auto`` trusts the GPU."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np

from rtvideo.engines.fused import FusedSession
from rtvideo.engines.session import Session, Settings
from rtvideo.errors import UnavailableError
from rtvideo.frame import Geometry, Plane, Planes
from rtvideo.models import Model

#: Of 255. The processor's kernels may be off by one and a half themselves (bf16, rounding).
TOLERANCE = 3.0

#: Of the frame that is tried: a few tiles, none of them whole.
_WIDTH, _HEIGHT = 150, 90


#: Opens what is checked, for frames of a geometry.
Opener = Callable[[Geometry, Settings], Session]


def check(opener: Opener, model: Model, geometry: Geometry, denoise: float) -> None:
    """Raise UnavailableError if a GPU's kernels do not agree with the processor's, or cannot run."""
    off = difference(opener, model, geometry, denoise)
    if off is not None and off > TOLERANCE:
        raise UnavailableError(f"the GPU is off by {off:.0f} of 255 from the processor (please report it)")


def difference(opener: Opener, model: Model, geometry: Geometry, denoise: float) -> float | None:
    """Return by how many codes of 255 a GPU and the processor differ at most on dark frames.

    Alone, and over time without bands near black. None where the processor has no kernel for it, so that
    nothing can be said.

    Raises:
        UnavailableError: the GPU cannot do it.
    """
    small = dataclasses.replace(geometry, width=_WIDTH, height=_HEIGHT)
    frames = still_scene(small)
    made: list[Plane] = []
    wanted: list[Plane] = []
    for temporal in (0.0, 1.0):
        settings = Settings(denoise=denoise, temporal=temporal, deband=temporal)
        try:
            wanted += _enhanced(FusedSession(model, small, settings, threads=1), frames, small)
        except UnavailableError:
            return None
        made += _enhanced(opener(small, settings), frames, small)
    shift = 16 - small.depth if small.msb and small.depth > 8 else 0
    unit = 2.0 ** (shift + small.depth - 8)
    return max(float(np.abs(a.astype(int) - b).max()) for a, b in zip(made, wanted, strict=True)) / unit


def still_scene(geometry: Geometry) -> Sequence[Planes]:
    """Return frames of a scene that stands still, with a little noise."""
    rng = np.random.default_rng(0)
    shift = 16 - geometry.depth if geometry.msb and geometry.depth > 8 else 0
    frame = geometry.empty()
    for k, plane in enumerate(frame):
        coloured = k > 0 and geometry.layout in ("yuv", "nv")
        low, high = (0.47, 0.53) if coloured else (0.06, 0.25)
        plane[...] = (rng.uniform(low, high, plane.shape) * (1 << geometry.depth)).astype(int) << shift
    unit = 1 << (shift + geometry.depth - 8)
    return [
        [plane + (rng.integers(0, 4, plane.shape) * unit).astype(plane.dtype) for plane in frame]
        for _ in range(3)
    ]


def _enhanced(session: Session, frames: Sequence[Planes], geometry: Geometry) -> Planes:
    """Return what becomes of the last frame."""
    for number, frame in enumerate(frames):
        out = geometry.empty()
        session.submit(frame, out, number / 30)
        session.flush()
        session.receive()
    session.close()
    return out
