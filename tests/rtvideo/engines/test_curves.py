"""Frames with a transfer curve: engines against double precision, and one scene sent as SDR, HLG and PQ."""

from __future__ import annotations

import functools

import numpy as np
import pytest

pytest.importorskip("torch", reason="the reference is a torch network")

from rtvideo.colour import Coding, Matrix
from rtvideo.engines.opening import open_session
from rtvideo.engines.rgb import RgbConverter
from rtvideo.engines.session import Settings
from rtvideo.frame import Geometry
from rtvideo.kernels.cpu.library import CpuNetwork
from rtvideo.kernels.structs import format_of
from rtvideo.models import find
from rtvideo.transfer import CURVES, tables
from tests.helpers import hdr, networks
from tests.rtvideo.engines import reference
from tests.rtvideo.engines.geometries import planes
from tests.rtvideo.kernels.compiled import compiled
from tests.rtvideo.kernels.cuda.emulated import emulated

pytestmark = pytest.mark.compile

GEOMETRIES = [
    Geometry(35, 22, "yuv", 10, Coding(Matrix.BT2020_NCL, False, "hlg")),
    Geometry(34, 21, "nv", 10, Coding(Matrix.BT2020_NCL, False, "pq"), msb=True),
    Geometry(23, 19, "yuv", 12, Coding(Matrix.BT709, True, "slog3"), (1, 0)),
    Geometry(16, 9, "rgb", 16, Coding(Matrix.RGB, True, "pq")),
    Geometry(19, 6, "gray", 10, Coding(Matrix.BT709, False, "hlg")),
]


def lamps(geometry: Geometry, seed: int) -> list[np.ndarray]:
    """Dark planes with lights far above the white of SDR."""
    made = planes(geometry, seed)
    made[0][:4, :6] = int(0.85 * ((1 << geometry.depth) - 1)) << (16 - geometry.depth if geometry.msb else 0)
    return made


def wanted(geometry: Geometry, given: list[np.ndarray]) -> list[np.ndarray]:
    """What `rtvideo.transfer` defines, in double precision and without tables; components not rounded."""
    curve, table = CURVES[geometry.coding.curve], tables(geometry.coding.curve, wide=geometry.coding.wide)
    codes = np.clip(reference.to_rgb(geometry, given), 0, 1)
    whole = np.tensordot(table.to_view, curve.seen(codes), 1)
    seen = np.clip(whole, 0, 1)
    lit = compiled(networks.NIGHT).reference(seen, 1.0, 0.0)
    lit = lit + (whole - seen) * lit.max(0) / np.maximum(seen.max(0), 1e-6)
    return reference.from_rgb(geometry, curve.coded(np.tensordot(table.from_view, lit, 1)))


def error(geometry: Geometry, made: list[np.ndarray], right: list[np.ndarray]) -> float:
    """The largest difference in codes of 10 bits."""
    found = max(np.abs(a - b).max() for a, b in zip(reference.split(geometry, made), right, strict=True))
    return float(found) / (1 << (geometry.depth - 10))


@pytest.mark.parametrize("geometry", GEOMETRIES, ids=lambda g: f"{g.layout} {g.coding.curve}")
def test_processor_and_cuda_are_within_a_code_of_double_precision(geometry: Geometry) -> None:
    given = lamps(geometry, 5)
    right, size, layout = wanted(geometry, given), (geometry.width, geometry.height), format_of(geometry)
    assert error(geometry, given, right) > 20
    kernel = compiled(networks.NIGHT)
    for run in (
        CpuNetwork(kernel.library, kernel.weights, *size, layout, 1).run,
        functools.partial(emulated(networks.NIGHT, denoise=False).planes, layout, size=size),
    ):
        out = geometry.empty()
        run(given, out, strength=1.0, denoise=0.0)
        assert error(geometry, out, right) <= 0.8  # rounding is half of a code


@pytest.mark.parametrize("geometry", GEOMETRIES, ids=lambda g: f"{g.layout} {g.coding.curve}")
def test_what_networks_cannot_see_comes_back(geometry: Geometry) -> None:
    given, out, top = lamps(geometry, 3), geometry.empty(), 1 << (16 if geometry.msb else geometry.depth)
    given[0][:] = np.maximum(given[0], top // 5 & -64)  # inside the gamut
    for plane in given[1:]:
        plane[:] = top * 33 // 64
    converter, rgb = RgbConverter(geometry), np.empty((3, geometry.height, geometry.width), np.float32)
    converter.to_rgb(given, rgb)
    assert rgb.min() >= 0 and rgb.max() == 1
    converter.from_rgb(rgb, out)
    assert error(geometry, out, reference.split(geometry, given)) <= 1


def enhanced(kind: str) -> tuple[hdr.Light, hdr.Light]:
    """Return the light of the night before and after."""
    light = hdr.night()
    size = light.shape[1::-1]
    given = hdr.planes(light, kind)
    geometry = hdr.geometry(kind, size)
    session = open_session(find("night"), geometry, Settings(1.0, 1.0), engine="fused", threads=1)
    out = geometry.empty()
    session.submit(given, out)
    session.close()
    return hdr.shown(given, kind), hdr.shown(out, kind)


def hue(light: hdr.Light) -> np.ndarray:
    red, green, blue = np.moveaxis(light, -1, 0)
    return np.degrees(np.arctan2(np.sqrt(3) * (green - blue), 2 * red - green - blue))


def test_one_scene_by_three_curves_agrees_and_its_lights_stay() -> None:
    sdr, hlg, pq = (enhanced(kind) for kind in ("sdr", "hlg", "pq"))
    dark = hdr.night().max(-1) < 1
    codes = [np.clip(after, 0, 1)[dark] ** (1 / 2.4) for _, after in (sdr, hlg, pq)]
    for one, other in ((0, 1), (0, 2), (1, 2)):
        assert 10 * np.log10(1 / np.square(codes[one] - codes[other]).mean()) > 45
    assert np.median(codes[1]) > 2 * np.median(np.clip(hlg[0], 0, 1)[dark] ** (1 / 2.4))
    for before, after in (hlg, pq):
        lights = before.max(-1) > 1.02
        assert lights.sum() > 100
        colours = lights & (np.ptp(before, axis=-1) > 0.1 * before.max(-1))
        turned = (hue(after) - hue(before) + 180) % 360 - 180
        assert np.abs(turned[colours]).max() < 0.5
        order = np.argsort(before[lights].max(-1), kind="stable")
        assert np.diff(after[lights].max(-1)[order]).min() > -0.01 * before.max()
        assert after[lights].max(-1) == pytest.approx(before[lights].max(-1), rel=0.01)
