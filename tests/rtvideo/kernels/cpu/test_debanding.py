"""Debanding near black against its reference in double precision, and what it promises to whoever looks."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rtvideo.colour import Matrix, levels
from rtvideo.engines.fused import FusedSession
from rtvideo.engines.session import Settings
from rtvideo.frame import Geometry
from rtvideo.models import find
from tests.rtvideo.kernels.cpu.test_temporal import (
    LAYOUTS,
    RATE,
    UNLIT,
    Samples,
    geometry,
    to_codes,
    to_planes,
)
from tests.rtvideo.kernels.debanding_reference import deband

BLACK, NEUTRAL = 16, 128


def opened(of: Geometry, amount: float = 1.0, temporal: float = 0.0, threads: int = 2) -> FusedSession:
    return FusedSession(find("night"), of, Settings(UNLIT, 0.0, temporal, amount), threads=threads)


def debanded(codes: Samples, of: Geometry, amount: float = 1.0, threads: int = 2) -> Samples:
    """What the kernels make of one frame, in codes of 8 bits."""
    session, out = opened(of, amount, threads=threads), of.empty()
    session.enhance(to_planes(codes, of), out)
    session.close()
    return to_codes(out, of)


def reference(codes: Samples, of: Geometry) -> Samples:
    """The same in double precision."""
    lv, unit = levels(of.coding, of.depth), 1 << (of.depth - 8)
    black, neutral, code = lv.black / unit, lv.zero / unit, max(1 / unit, 0.5)
    if of.coding.matrix != Matrix.RGB:
        done = deband([codes[0] - black, *(c - neutral for c in codes[1:])], code)
        return [done[0] + black, *(c + neutral for c in done[1:])]
    luma = 0.25 * (codes[0] + codes[2]) + 0.5 * codes[1]
    grey, red, blue = deband([luma - black, codes[0] - luma, codes[2] - luma], code)
    grey = grey + black
    return [grey + red, 2 * grey - 0.5 * (2 * grey + red + blue), grey + blue]


def dark_scene(of: Geometry, seed: int) -> Samples:
    """Blocks of few codes, a slope, an edge, a textured part, a lamp; chroma that no colour clips."""
    rng = np.random.default_rng(seed)
    high, wide = of.height, of.width
    across = np.linspace(0, 1, wide)[None] + np.zeros((high, 1))
    blocks = np.kron(rng.integers(0, 3, (-(-high // 8), -(-wide // 8))), np.ones((8, 8)))[:high, :wide]
    luma = BLACK + 8 + 6 * across + blocks + 40 * (across > 0.8)
    luma += rng.normal(0, 1.0, luma.shape) * (across < 0.2)
    luma[high // 2, wide // 2] += 60
    if of.layout == "gray":
        return [luma]
    if of.coding.matrix == Matrix.RGB:
        return [luma - BLACK, luma - BLACK + 1 + blocks / 4, luma - BLACK + 2 * across]
    shape = (-(-high // (1 << of.chroma[1])), -(-wide // (1 << of.chroma[0])))
    tint = np.kron(rng.integers(-1, 2, (-(-shape[0] // 4), -(-shape[1] // 4))), np.ones((4, 4)))
    tint = tint[: shape[0], : shape[1]]
    return [luma, NEUTRAL + tint + rng.normal(0, 0.2, shape), NEUTRAL - tint]


@pytest.mark.slow
@pytest.mark.compile
@given(
    name=st.sampled_from(sorted(LAYOUTS)),
    width=st.integers(1, 150),
    height=st.integers(1, 90),
    depth=st.sampled_from([(10, False), (10, True), (16, False)]),
    seed=st.integers(0, 99),
    threads=st.sampled_from([1, 3]),
)
@settings(max_examples=25, deadline=None, derandomize=True)
def test_the_picture_is_that_of_the_reference(
    name: str, width: int, height: int, depth: tuple[int, bool], seed: int, threads: int
) -> None:
    of = geometry(name, width, height, *depth)
    codes = to_codes(to_planes(dark_scene(of, seed), of), of)
    got, wanted = debanded(codes, of, threads=threads), reference(codes, of)
    for a, b in zip(got, wanted, strict=True):
        assert np.abs(a - b).max() <= 0.6 / (1 << (of.depth - 8)) + 0.004


def blocks(of: Geometry, code: float) -> Samples:
    """Blocks of 8 pixels that differ by one code, as an encoder leaves them near black."""
    drawn = np.random.default_rng(0).integers(0, 2, (of.height // 8, of.width // 8))
    tint = code * np.kron(drawn, np.ones((4, 4)))
    return [BLACK + 2 + code * np.kron(drawn, np.ones((8, 8))), NEUTRAL + tint, NEUTRAL - tint]


@pytest.mark.compile
def test_half_as_much_is_half_way() -> None:
    of = geometry("420", 96, 64, 16)
    codes = blocks(of, 0.5)
    none, half, whole = (debanded(codes, of, amount) for amount in (0.0, 0.5, 1.0))
    for a, b, c in zip(none, half, whole, strict=True):
        assert np.abs(c - a).max() > 0.15
        np.testing.assert_allclose(b, (a + c) / 2, atol=0.01)


def steps(luma: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> float:
    """Mean height of the steps between blocks of 8 pixels, beyond what lies within them."""
    across = np.abs(np.diff(luma, axis=1))
    return float(across[:, 7::8].mean() - across[:, 3::8].mean())


@pytest.mark.compile
def test_blocks_of_one_code_become_a_slope() -> None:
    of = geometry("420", 320, 192, 8)
    codes, lit = blocks(of, 1.0), {}
    for amount in (0.0, 1.0):
        session, out = FusedSession(find("night"), of, Settings(1.0, 0.0, 0.0, amount), threads=2), of.empty()
        session.enhance(to_planes(codes, of), out)
        lit[amount] = to_codes(out, of)[0]
        session.close()
    assert steps(lit[0.0]) > 4
    assert steps(lit[1.0]) < steps(lit[0.0]) / 5
    assert abs(lit[1.0].mean() - lit[0.0].mean()) < 0.08 * lit[0.0].mean()


@pytest.mark.compile
@pytest.mark.parametrize("layout", ["420", "rgb"])
def test_what_stands_out_stays(layout: str) -> None:
    """A star, texture of some codes, a dark red lamp, whatever is not dark."""
    of = geometry(layout, 256, 128, 16)
    rgb = layout == "rgb"
    luma = np.full((128, 256), 3.0)
    luma[20, 30] += 40
    luma[40:80, 20:90] += 5 * (np.indices((40, 70)).sum(0) // 2 % 2)
    luma[:, 160:] = 60 + 3 * (np.indices((128, 96)).sum(0) // 4 % 2)
    red = np.zeros((128, 256))
    red[90:102, 40:60] = 12
    if rgb:
        codes = [luma + red, luma, luma]
    else:
        codes = [BLACK + luma + red / 4, np.full((64, 128), NEUTRAL), NEUTRAL + red[::2, ::2] / 2]
    got = debanded(codes, of)
    assert got[0][20, 30] > codes[0][20, 30] - 2
    textured = np.s_[44:76, 24:86]
    assert np.std(got[0][textured]) > 0.9 * np.std(codes[0][textured])
    lit = np.s_[:, 176:]
    assert np.abs(got[0][lit] - codes[0][lit]).max() < 0.05
    lamp = np.s_[92:100, 44:56] if rgb else np.s_[47:49, 24:28]
    colour = [
        g[lamp] for g in (got[0] - got[1] if rgb else got[2] - NEUTRAL, red if rgb else red[::2, ::2] / 2)
    ]
    np.testing.assert_allclose(colour[0], colour[1], rtol=0.15)


@pytest.mark.compile
def test_what_time_has_told_from_noise_stays() -> None:
    """Texture finer than a code, in a noisy scene that stands: many frames show it, and it is no band."""
    of = geometry("gray", 128, 64, 8)
    rng = np.random.default_rng(0)
    texture = 0.6 * (np.indices((64, 128)).sum(0) // 4 % 2)
    shown = {}
    for amount in (0.0, 1.0):
        session = FusedSession(find("night"), of, Settings(1.0, 0.0, 1.0, amount), threads=2)
        for number in range(14):
            codes = [BLACK + 6 + texture + rng.normal(0, 1.5, texture.shape)]
            out = of.empty()
            session.enhance(to_planes([np.clip(c, 0, 255) for c in codes], of), out, number * RATE)
        shown[amount] = np.corrcoef(out[0].ravel(), texture.ravel())[0, 1]
        session.close()
    assert shown[1.0] > 0.8 * shown[0.0] > 0.2


@pytest.mark.compile
def test_strength_zero_leaves_every_sample() -> None:
    of = geometry("420", 64, 48)
    planes = to_planes(dark_scene(of, 0), of)
    session, out = FusedSession(find("night"), of, Settings(0.0, 0.0, 0.0, 1.0), threads=1), of.empty()
    session.enhance(planes, out)
    for a, b in zip(planes, out, strict=True):
        np.testing.assert_array_equal(a, b)
