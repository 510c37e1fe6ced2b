"""``temporal`` on a real GPU, against the engine for processors, which is held against double precision."""

from __future__ import annotations

import numpy as np
import pytest

from rtvideo import models
from rtvideo.engines.fused import FusedSession
from rtvideo.engines.gpu.cuda import CudaSession
from rtvideo.engines.session import Settings
from rtvideo.frame import Geometry, Plane
from tests.gpu.test_device import LARGE, ODD

pytestmark = pytest.mark.gpu


def scene(of: Geometry, number: int) -> list[Plane]:
    """Noise over a still scene in which something moves; its exposure rises, then another scene follows."""
    rng = np.random.default_rng(number < 6)
    level = np.kron(rng.uniform(20, 60, (of.height // 24 + 1, of.width // 24 + 1)), np.ones((24, 24)))
    luma = level[: of.height, : of.width].copy()
    luma[100:300, 20 * number : 20 * number + 150] += 60
    rng = np.random.default_rng(100 + number)
    luma = luma * (1.25 if number >= 3 else 1) + rng.normal(0, 2.5, luma.shape)
    chroma = 128 + rng.normal(0, 1, of.shapes()[1])
    return [plane.round().clip(0, 255).astype(np.uint8) for plane in (luma, chroma)]


@pytest.mark.parametrize("denoise", [0.0, 1.0])
@pytest.mark.parametrize("of", [LARGE, ODD], ids=str)
def test_the_device_shows_what_the_processor_shows(of: Geometry, denoise: float) -> None:
    settings = Settings(1.0, denoise, 1.0)
    device = CudaSession(models.find("night"), of, settings)
    processor = FusedSession(models.find("night"), of, settings, threads=4)
    for number in range(8):
        planes, outs = scene(of, number), [of.empty(), of.empty()]
        for session, out in zip((device, processor), outs, strict=True):
            session.submit(planes, out, number / 30)
            session.flush()
            assert session.receive() is out
        for made, wanted in zip(*outs, strict=True):
            off = np.abs(made.astype(int) - wanted)
            # Light makes several codes of one, and an age may be rounded the other way.
            assert off.max() <= 4
            assert (off > 1).mean() <= 1e-4
    device.close()
    processor.close()


def test_it_forgets() -> None:
    session = CudaSession(models.find("night"), LARGE, Settings(temporal=1.0))
    shown = []
    for number, time in ((5, 0.0), (0, 1.0), (1, 1.03), (5, 9.0)):
        session.submit(scene(LARGE, number), out := LARGE.empty(), time)
        session.flush()
        session.receive()
        shown.append(out)
    session.close()
    assert all(np.array_equal(a, b) for a, b in zip(shown[0], shown[-1], strict=True))
