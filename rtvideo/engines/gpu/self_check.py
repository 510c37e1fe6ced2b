"""Compare a GPU's kernels with the processor's on small frames, before ``auto`` trusts the GPU."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np

from rtvideo.engines.fused import FusedSession
from rtvideo.engines.session import Session, Settings
from rtvideo.errors import UnavailableError
from rtvideo.frame import Geometry, Planes
from rtvideo.models import Model

#: Of 255. The processor's kernels may be off by one and a half themselves (bf16, rounding).
TOLERANCE = 3.0

#: Share of the samples that counts where the camera turns: sums in another order may make a block of the
#: picture choose the other of two motions that are as good.
_SHARE = 0.98

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

    Alone, and over time without bands near black, at rest and where the camera turns. None where the
    processor has no kernel for it, so that nothing can be said.

    Raises:
        UnavailableError: the GPU cannot do it.
    """
    small = dataclasses.replace(geometry, width=_WIDTH, height=_HEIGHT)
    still, turning = still_scene(small), turning_scene(small)
    off = 0.0
    for temporal, frames, share in ((0.0, still, 1.0), (1.0, still, 1.0), (1.0, turning, _SHARE)):
        settings = Settings(denoise=denoise, temporal=temporal, deband=temporal)
        try:
            wanted = _enhanced(FusedSession(model, small, settings, threads=1), frames, small)
        except UnavailableError:
            return None
        made = _enhanced(opener(small, settings), frames, small)
        for a, b in zip(made, wanted, strict=True):
            off = max(off, float(np.quantile(np.abs(a.astype(int) - b), share)))
    return off / 2.0 ** (_shift(small) + small.depth - 8)


def still_scene(geometry: Geometry) -> Sequence[Planes]:
    """Return frames of a scene that stands still, with a little noise."""
    rng, shift = np.random.default_rng(0), _shift(geometry)
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


def turning_scene(geometry: Geometry) -> Sequence[Planes]:
    """Return frames of a camera that turns past a smooth scene, with a little noise."""
    rng, shift = np.random.default_rng(0), _shift(geometry)
    waves = rng.uniform(-0.5, 0.5, (12, 2))
    phases = rng.uniform(0, 2 * np.pi, 12)
    frames = []
    for number in range(4):
        frame = geometry.empty()
        for k, plane in enumerate(frame):
            # Of each sample its place in the picture, whatever a row holds.
            y, x = (
                (np.arange(n) * (of / n))
                for n, of in zip(plane.shape, (geometry.height, geometry.width), strict=True)
            )
            at = [np.add.outer(v * (y + 1.5 * number), u * (x + 2.5 * number)) for u, v in waves]
            scene = sum(np.sin(a + phase) for a, phase in zip(at, phases, strict=True))
            coloured = k > 0 and geometry.layout in ("yuv", "nv")
            middle, size = (0.5, 0.005) if coloured else (0.16, 0.02)
            level = middle + size * scene + rng.normal(0, 0.004, plane.shape)
            plane[...] = (level.clip(0.06, 0.6) * (1 << geometry.depth)).astype(int) << shift
        frames.append(frame)
    return frames


def _shift(geometry: Geometry) -> int:
    """Return how many bits up samples sit."""
    return 16 - geometry.depth if geometry.msb and geometry.depth > 8 else 0


def _enhanced(session: Session, frames: Sequence[Planes], geometry: Geometry) -> Planes:
    """Return what becomes of the last frame."""
    for number, frame in enumerate(frames):
        out = geometry.empty()
        session.submit(frame, out, number / 30)
        session.flush()
        session.receive()
    session.close()
    return out
