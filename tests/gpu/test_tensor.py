"""The engines that run networks of others, on a real device, against the processor."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch", reason="is the reference")
pytest.importorskip("onnx", reason="torch reads the networks with it")

from rtvideo.colour import Coding, Matrix
from rtvideo.engines.opening import open_session
from rtvideo.engines.session import Settings
from rtvideo.errors import UnavailableError
from rtvideo.frame import Geometry
from rtvideo.models import find

pytestmark = pytest.mark.gpu

FRAMES = [
    Geometry(641, 359, "nv", 8, Coding(Matrix.BT709, False)),
    Geometry(640, 360, "nv", 10, Coding(Matrix.BT2020_NCL, False), msb=True),
]


@pytest.mark.parametrize("engine", ["tensorrt", "onnx", "torch"])
@pytest.mark.parametrize("geometry", FRAMES, ids=lambda g: f"{g.layout}{g.depth}")
@pytest.mark.parametrize("denoise", [0.0, 1.0])
def test_frames_are_those_of_the_processor(engine: str, geometry: Geometry, denoise: float) -> None:
    model, settings = find("ruas"), Settings(0.8, denoise)  # whose card asks for f32
    try:
        session = open_session(model, geometry, settings, engine=engine, device="cuda")
    except UnavailableError as error:
        if "pip install" not in str(error) and "pytorch.org" not in str(error):
            raise
        pytest.skip(f"{engine} for CUDA is not installed")
    reference = open_session(model, geometry, settings, engine="torch", device="cpu")
    rng = np.random.default_rng(0)
    unit = 1 << (geometry.depth - 8 + (6 if geometry.msb else 0))
    for _ in range(3):  # the first as it is, the others as a graph
        frame = geometry.empty()
        for plane in frame:
            plane[...] = rng.integers(20, 160, plane.shape) * unit
        made, wanted = geometry.empty(), geometry.empty()
        session.submit(frame, made)
        reference.submit(frame, wanted)
        session.flush()
        session.receive()
        reference.receive()
        for ours, theirs in zip(made, wanted, strict=True):
            assert np.abs(ours.astype(int) - theirs).max() <= unit
    session.close()
    reference.close()
