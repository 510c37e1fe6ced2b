from __future__ import annotations

import pytest

from rtvideo.colour import Coding, Matrix
from rtvideo.engines.auto import resolve_settings
from rtvideo.frame import Geometry
from rtvideo.models import Model
from rtvideo.options import Options
from tests.helpers import networks
from tests.helpers.doubles import FakeSession

NIGHT = Model("night", networks.NIGHT)


def geometry(width: int, height: int) -> Geometry:
    return Geometry(width, height, "yuv", 8, Coding(Matrix.BT709, False))


def auto_denoise(
    model: Model,
    geometry: Geometry,
    fps: float | None,
    engine: str,
    threads: int = 0,
    *,
    temporal: bool = False,
    deband: bool = False,
) -> float:
    session = FakeSession()
    session.name, session.remembers, session.debands = engine, temporal, deband
    options = Options(threads=threads, temporal=float(temporal), deband=float(deband))
    return resolve_settings(options, model, geometry, session, fps).denoise


def test_auto_denoise_is_on_where_it_keeps_up() -> None:
    slow, fast = "onnx cpu", "fused cpu avx512"
    assert auto_denoise(NIGHT, geometry(1920, 1080), None, slow) == 1.0  # an image has all the time it takes
    assert auto_denoise(NIGHT, geometry(1920, 1080), 30, fast, threads=2) == 0.0
    assert auto_denoise(NIGHT, geometry(640, 360), 30, fast, threads=2) == 1.0
    just = next(
        width
        for width in range(640, 1920)
        if not auto_denoise(NIGHT, geometry(width, 360), 30, fast, threads=2)
    )
    for more in ({"temporal": True}, {"deband": True}):
        assert not auto_denoise(NIGHT, geometry(just - 20, 360), 30, fast, threads=2, **more)
    assert auto_denoise(NIGHT, geometry(640, 360), 30, slow, threads=2) == 0.0
    assert auto_denoise(NIGHT, geometry(640, 360), 30, "not measured yet", threads=2) == 0.0
    assert auto_denoise(NIGHT, geometry(64, 64), 30, slow, threads=2) == 1.0
    assert auto_denoise(Model("fine", networks.FINE), geometry(64, 64), None, slow) == 0.0
    assert auto_denoise(Model("peer", None), geometry(64, 64), None, slow) == 0.0


@pytest.mark.parametrize("engine", ["onnx cpu", "fused cpu sse4"])
def test_auto_denoise_never_turns_on_as_work_grows(engine: str) -> None:
    sizes = range(16, 1200, 16)
    on = [auto_denoise(NIGHT, geometry(w, w), 30, engine, threads=1) for w in sizes]
    assert on == sorted(on, reverse=True)
    assert {0.0, 1.0} == set(on)
    assert sum(on) <= sum(auto_denoise(NIGHT, geometry(w, w), 30, engine, threads=4) for w in sizes)
