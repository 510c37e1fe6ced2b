"""The filter over time against its reference in double precision, and what it promises to whoever looks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rtvideo.colour import Coding, Matrix, levels
from rtvideo.engines.fused import FusedSession
from rtvideo.engines.session import Settings
from rtvideo.frame import Geometry, Plane
from rtvideo.models import find
from tests.rtvideo.kernels.temporal_reference import Recursive

Samples = list[np.ndarray[Any, Any]]

#: Strength at which light is left as it is, and the output is the picture so far.
UNLIT = 1e-7

RATE = 1 / 30
FRAMES = 12.0  # that are averaged over at this rate

LAYOUTS = {
    "420": ("yuv", (1, 1), Matrix.BT709),
    "422": ("yuv", (1, 0), Matrix.BT709),
    "444": ("yuv", (0, 0), Matrix.BT709),
    "nv": ("nv", (1, 1), Matrix.BT709),
    "gray": ("gray", (1, 1), Matrix.BT709),
    "rgb": ("rgb", (1, 1), Matrix.RGB),
    "gbr": ("yuv", (0, 0), Matrix.RGB),
}


def geometry(name: str, width: int, height: int, depth: int = 8, msb: bool = False) -> Geometry:
    layout, chroma, matrix = LAYOUTS[name]
    return Geometry(width, height, layout, depth, Coding(matrix, matrix == Matrix.RGB), chroma, msb)


def opened(
    of: Geometry,
    strength: float = UNLIT,
    temporal: float = 1.0,
    threads: int = 2,
    carries: bool = True,
) -> FusedSession:
    settings = Settings(strength, 0.0, temporal)
    return FusedSession(find("night"), of, settings, threads=threads, carries=carries)


def shown(session: FusedSession, planes: Sequence[Plane], of: Geometry, time: float) -> list[Plane]:
    out = of.empty()
    session.submit(planes, out, time)
    assert session.receive() is out
    return out


def to_planes(codes: Samples, of: Geometry) -> list[Plane]:
    """Codes of 8 bits of each channel as planes of a geometry."""
    unit = 256 if of.msb else 1 << (of.depth - 8)
    kind = np.uint8 if of.depth == 8 else np.uint16
    samples = [np.rint(c * unit).astype(kind) for c in codes]
    if of.msb:
        samples = [(s >> (16 - of.depth) << (16 - of.depth)).astype(kind) for s in samples]
    if of.layout == "nv":
        return [samples[0], np.stack(samples[1:], -1).reshape(samples[1].shape[0], -1)]
    if of.layout == "rgb":
        return [np.stack(samples, -1).reshape(of.height, -1)]
    if of.coding.matrix == Matrix.RGB:
        return [samples[1], samples[2], samples[0]]
    return samples


def to_codes(planes: Sequence[Plane], of: Geometry) -> Samples:
    """The inverse of `to_planes`, in double precision."""
    unit = 256 if of.msb else 1 << (of.depth - 8)
    codes: Samples = [plane / unit for plane in planes]
    if of.layout == "nv":
        return [codes[0], codes[1][:, ::2], codes[1][:, 1::2]]
    if of.layout == "rgb":
        return [codes[0][:, c::3] for c in range(3)]
    if of.coding.matrix == Matrix.RGB:
        return [codes[2], codes[0], codes[1]]
    return codes


def film(of: Geometry, seed: int, frames: int = 9) -> Iterator[Samples]:
    """A noisy picture; something moves; a lamp goes out; the exposure rises; then another scene."""
    rng = np.random.default_rng(seed)
    rgb = of.coding.matrix == Matrix.RGB
    shapes = [(of.height, of.width)] * (3 if rgb else 1)
    if not rgb and of.layout != "gray":
        shapes += [(-(-of.height // (1 << of.chroma[1])), -(-of.width // (1 << of.chroma[0])))] * 2
    base = [rng.uniform(60, 140, (-(-h // 5), -(-w // 5))) for h, w in shapes]
    base = [np.kron(b, np.ones((5, 5)))[:h, :w] for b, (h, w) in zip(base, shapes, strict=True)]
    if not rgb:
        base[1:] = [128 + (b - 100) / 8 for b in base[1:]]
    for number in range(frames):
        scene = [b.copy() for b in base]
        scene[0][: of.height // 2, 2 * number : 2 * number + 6] += 40
        if number >= 3:
            for s in scene if rgb else scene[:1]:
                s[:, 2 * of.width // 3 :] *= 0.75
        if 5 <= number < 8:
            scene = [1.15 * s if rgb or c == 0 else s for c, s in enumerate(scene)]
        if number >= 8:
            scene = [s[::-1, ::-1] for s in scene]
        yield [s + rng.normal(0, 1.5, s.shape) for s in scene]


@pytest.mark.slow
@given(
    name=st.sampled_from(sorted(LAYOUTS)),
    width=st.integers(1, 150),
    height=st.integers(1, 90),
    depth=st.sampled_from([(10, False), (10, True), (16, False)]),
    seed=st.integers(0, 99),
    threads=st.sampled_from([1, 3]),
)
@settings(max_examples=60, deadline=None, derandomize=True)
def test_the_picture_so_far_is_that_of_the_reference(
    name: str, width: int, height: int, depth: tuple[int, bool], seed: int, threads: int
) -> None:
    of = geometry(name, width, height, *depth)
    rgb = of.coding.matrix == Matrix.RGB
    lv = levels(of.coding, of.depth)
    unit = 1 << (of.depth - 8)
    reference = Recursive(FRAMES, rgb=rgb, black=lv.black / unit, neutral=lv.zero / unit)
    session = opened(of, threads=threads, carries=False)
    for number, codes in enumerate(film(of, seed)):
        planes = to_planes(codes, of)
        got = to_codes(shown(session, planes, of, number * RATE), of)
        wanted = reference(to_codes(planes, of))
        # An age, kept in sixteenths, that rounds the other way moves a sample by up to 6 % of its change.
        # From an exposure step on, a quantile that falls between two bins may be taken from the other one.
        most, mean = (1.5, 0.1) if reference.exposed or reference.lit else (0.5, 0.01)
        for a, b in zip(got, wanted, strict=True):
            off, rounding = np.abs(a - b), 0.6 / (1 << (of.depth - 8))
            assert off.max() <= rounding + most
            assert off.size < 500 or off.mean() < rounding + mean


def test_the_film_has_what_the_reference_must_notice() -> None:
    of = geometry("420", 150, 90, 16)
    reference = Recursive(FRAMES)
    for codes in film(of, 1):
        reference(codes)
    assert reference.exposed >= 1 and reference.lit >= 1 and reference.cuts == 1


def test_threads_make_no_difference() -> None:
    of = geometry("420", 199, 121)
    sessions = [opened(of, 1.0, threads=n) for n in (1, 2, 5)]
    for number, codes in enumerate(film(of, 3)):
        planes = to_planes(codes, of)
        first, *others = (shown(s, planes, of, number * RATE) for s in sessions)
        for other in others:
            assert all(np.array_equal(a, b) for a, b in zip(first, other, strict=True))


def still(of: Geometry, frames: int, noise: float = 2.0, seed: int = 0) -> Iterator[list[Plane]]:
    rng = np.random.default_rng(seed)
    for _ in range(frames):
        yield [
            np.clip(np.rint(level + rng.normal(0, noise, shape)), 0, 255).astype(np.uint8)
            for shape, level in zip(of.shapes(), (40, 128, 128), strict=True)
        ]


def test_noise_of_what_stands_still_falls_to_a_quarter() -> None:
    of = geometry("420", 160, 96)
    session, alone = opened(of), opened(of, temporal=0.0)
    for number, planes in enumerate(still(of, 30)):
        quiet, noisy = (shown(s, planes, of, number * RATE)[0].std() for s in (session, alone))
    assert quiet < noisy / 3.5


def test_half_as_much_is_half_way() -> None:
    of = geometry("420", 160, 96)
    sessions = [opened(of, temporal=t) for t in (0.0, 0.3, 1.0)]
    for number, planes in enumerate(still(of, 30)):
        none, some, most = (float(shown(s, planes, of, number * RATE)[0].std()) for s in sessions)
    assert none > 1.5 * some > 1.5 * 1.3 * most


def test_nothing_is_left_behind_what_moves() -> None:
    of = geometry("420", 160, 96)
    session = opened(of)
    for number, planes in enumerate(still(of, 24)):
        left = 6 * number
        planes[0][30:60, left : left + 12] = 90
        out = shown(session, planes, of, number * RATE)
        trail = out[0][34:56, max(0, left - 12) : max(0, left - 1)]
        assert trail.size == 0 or abs(float(trail.mean()) - 40) < 1.5
        assert np.abs(out[0][34:56, left + 2 : left + 10].astype(float) - 90).max() <= 1


@pytest.mark.parametrize("lean", [-1, 0, 1])
def test_streaks_that_last_a_frame_are_kept(lean: int) -> None:
    of = geometry("420", 160, 96)
    session = opened(of)
    rows = np.arange(30, 58)
    line = rows, 80 + (lean < 0) + lean * (rows - 44)  # two pixels of each cell
    for number, planes in enumerate(still(of, 21)):
        if number == 20:
            planes[0][line] += 12
        out = shown(session, planes, of, number * RATE)
    assert float(out[0][line].mean()) - 40 > 0.8 * 12


def test_another_scene_begins_anew() -> None:
    of = geometry("420", 160, 96)
    session = opened(of)
    for number, planes in enumerate(still(of, 10)):
        shown(session, planes, of, number * RATE)
    other = [
        np.full(shape, level, np.uint8) for shape, level in zip(of.shapes(), (120, 90, 160), strict=True)
    ]
    out = shown(session, other, of, 10 * RATE)
    assert all(np.array_equal(a, b) for a, b in zip(out, other, strict=True))


def test_a_step_of_exposure_keeps_what_was_learnt() -> None:
    of = geometry("420", 160, 96)
    session, alone = opened(of), opened(of, temporal=0.0)
    rng = np.random.default_rng(0)
    scene = np.kron(rng.uniform(40, 120, (12, 20)), np.ones((8, 8)))
    for number in range(25):
        gain = 1.0 if number < 20 else 1.3
        luma = np.clip(np.rint(16 + (scene - 16) * gain + rng.normal(0, 2, scene.shape)), 0, 255)
        planes = [luma.astype(np.uint8), *(np.full((48, 80), 128, np.uint8) for _ in range(2))]
        quiet, noisy = (shown(s, planes, of, number * RATE)[0] for s in (session, alone))
        if number == 20:
            wanted = 16 + (scene - 16) * gain
            assert (quiet - wanted).std() < 0.8 * (noisy - wanted).std()
            assert abs((quiet - wanted).mean()) < 0.5


def test_a_lamp_keeps_what_was_learnt() -> None:
    of = geometry("420", 320, 192)
    session, alone = opened(of), opened(of, temporal=0.0)
    rng = np.random.default_rng(0)
    scene = np.kron(rng.uniform(24, 60, (12, 20)), np.ones((16, 16)))
    y, x = np.mgrid[:192, :320]
    lamp = 1 + 2 * np.exp(-((x - 90) ** 2 + (y - 80) ** 2) / 60**2)
    for number in range(24):
        wanted = 16 + (scene - 16) * (lamp if number >= 20 else 1.0)
        luma = np.clip(np.rint(wanted + rng.normal(0, 2, scene.shape)), 0, 255)
        planes = [luma.astype(np.uint8), *(np.full((96, 160), 128, np.uint8) for _ in range(2))]
        quiet, noisy = (shown(s, planes, of, number * RATE)[0] for s in (session, alone))
        if number >= 20:
            lit = lamp > 1.2
            assert (quiet - wanted)[lit].std() < 0.75 * (noisy - wanted)[lit].std()
            assert abs((quiet - wanted)[lit].mean()) < 0.5


@pytest.mark.parametrize("time", [3.0, -1.0])
def test_a_gap_or_a_step_back_begins_anew(time: float) -> None:
    of = geometry("420", 160, 96)
    session = opened(of)
    frames = list(still(of, 11))
    for number, planes in enumerate(frames[:10]):
        shown(session, planes, of, number * RATE)
    out = shown(session, frames[10], of, time)
    assert np.array_equal(out[0], frames[10][0])


def test_reset_begins_anew() -> None:
    of = geometry("420", 160, 96)
    session = opened(of)
    frames = list(still(of, 11))
    for number, planes in enumerate(frames[:10]):
        shown(session, planes, of, number * RATE)
    session.reset()
    assert np.array_equal(shown(session, frames[10], of, 10 * RATE)[0], frames[10][0])


def test_strength_0_hands_frames_through_and_forgets() -> None:
    of = geometry("420", 160, 96)
    session = opened(of)
    frames = list(still(of, 11))
    for number, planes in enumerate(frames[:10]):
        session.settings.strength = 0.0 if number == 9 else UNLIT
        out = shown(session, planes, of, number * RATE)
    assert all(np.array_equal(a, b) for a, b in zip(out, frames[9], strict=True))
    session.settings.strength = UNLIT
    assert np.array_equal(shown(session, frames[10], of, 10 * RATE)[0], frames[10][0])


def test_temporal_off_is_what_it_was() -> None:
    of = geometry("420", 160, 96)
    session, alone = opened(of, 1.0), opened(of, 1.0, temporal=0.0)
    frames = list(still(of, 5))
    for number, planes in enumerate(frames):
        shown(session, planes, of, number * RATE)
    session.settings.temporal = 0.0
    a, b = (shown(s, frames[0], of, 5 * RATE) for s in (session, alone))
    assert all(np.array_equal(x, y) for x, y in zip(a, b, strict=True))


def test_light_of_a_moving_picture_lags_and_of_a_still_one_does_not() -> None:
    of = geometry("420", 320, 192)
    rng = np.random.default_rng(0)
    scene = np.kron(rng.uniform(30, 60, (24, 400)), np.ones((8, 8)))

    def frame(shift: int, dark: float) -> list[Plane]:
        luma = np.clip(scene[:, shift : shift + 320] * dark, 16, 235).astype(np.uint8)
        return [luma, *(np.full((96, 160), 128, np.uint8) for _ in range(2))]

    def settled(moves: int) -> tuple[float, float]:
        """Mean luma with and without what was before, after the picture became a little darker."""
        session, alone = opened(of, 1.0), opened(of, 1.0, temporal=0.0)
        for number in range(14):
            planes = frame(moves * number, 1.0 if number < 13 else 0.97)
            a, b = (float(shown(s, planes, of, number * RATE)[0].mean()) for s in (session, alone))
        return a, b

    followed, alone = settled(0)
    assert abs(followed - alone) < 1
    lagging, alone = settled(9)
    assert alone - 6 < lagging < alone - 0.3
