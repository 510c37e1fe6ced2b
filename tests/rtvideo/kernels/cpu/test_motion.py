"""The picture so far moves along with the camera, and with what moves."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from rtvideo.engines.fused import FusedSession
from rtvideo.frame import Geometry, Plane
from tests.rtvideo.kernels.cpu.test_temporal import (
    LAYOUTS,
    RATE,
    geometry,
    opened,
    shown,
    to_codes,
    to_planes,
)

Picture = npt.NDArray[np.float32]

WIDTH, HEIGHT, NOISE = 256, 160, 3.0


def texture(seed: int = 0, side: int = 480) -> Picture:
    """A picture with detail of all sizes, as sharp as a lens lets through, in codes of 8 bits."""
    rng = np.random.default_rng(seed)
    picture = np.zeros((side, side), np.float32)
    for blur in (1.0, 4.0, 16.0):
        part = cv2.GaussianBlur(rng.normal(0, 1, (side, side)).astype(np.float32), (0, 0), blur)
        picture += 12 * part / part.std()
    return np.clip(picture + 110, 20, 230)


def pan(number: int) -> Picture:
    return np.array([[1, 0, -60 - 2.3 * number], [0, 1, -60 - 1.4 * number]], np.float32)


def shake(number: int) -> Picture:
    """Turns by a degree about the middle, zooms by a percent and slides, in a frame."""
    turn, size = 0.02 * np.sin(0.9 * number), 1 + 0.012 * np.cos(0.7 * number)
    a, b = size * np.cos(turn), size * np.sin(turn)
    return np.array(
        [
            [a, -b, WIDTH / 2 - 240 * (a - b) + 2 * np.sin(number)],
            [b, a, HEIGHT / 2 - 240 * (a + b) + 2 * np.cos(0.6 * number)],
        ],
        np.float32,
    )


def seen(picture: Picture, move: Picture) -> Picture:
    size = (WIDTH, HEIGHT)
    return np.asarray(cv2.warpAffine(picture, move, size, flags=cv2.INTER_CUBIC), np.float32)


def gained(
    move: Callable[[int], Picture],
    *,
    name: str = "420",
    depth: int = 8,
    carries: bool = True,
    fades: float = 1.0,
    lamp: float = 0.0,
    rate: Callable[[int], float] = lambda number: RATE,
) -> float:
    """Decibels by which luma of the later frames is nearer the truth than the frame is.

    From frame 12 on the light is ``fades``, and a lamp adds up to ``lamp`` to it; ``rate`` is the seconds
    before a frame.
    """
    of = geometry(name, WIDTH, HEIGHT, depth)
    session = opened(of, carries=carries)
    rng, picture = np.random.default_rng(0), texture()
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    light = fades + lamp * np.exp(-((x - 90) ** 2 + (y - 80) ** 2) / 60**2)
    left, was = [], []
    time = 0.0
    for number in range(24):
        time += rate(number)
        truth = (seen(picture, move(number)) - 16) * (light if number >= 12 else 1) + 16
        noisy = to_planes([np.clip(truth + rng.normal(0, NOISE, truth.shape), 0, 255), *grey(of)], of)
        out = to_codes(shown(session, noisy, of, time), of)[0]
        if number >= 14:
            left.append(np.mean((out - truth)[8:-8, 8:-8] ** 2))
            was.append(np.mean((to_codes(noisy, of)[0] - truth)[8:-8, 8:-8] ** 2))
    return 10 * float(np.log10(np.mean(was) / np.mean(left)))


def grey(of: Geometry) -> list[npt.NDArray[np.float64]]:
    if of.layout == "gray":
        return []
    shape = (-(-HEIGHT // (1 << of.chroma[1])), -(-WIDTH // (1 << of.chroma[0])))
    return [np.full(shape, 128.0) for _ in range(2)]


@pytest.mark.parametrize("move", [pan, shake])
def test_noise_falls_where_the_camera_moves(move: Callable[[int], Picture]) -> None:
    carried = gained(move)
    assert carried > 5
    assert carried > gained(move, carries=False) + 3


@pytest.mark.parametrize("name", ["422", "444", "nv", "gray"])
def test_planes_of_all_layouts_move_along(name: str) -> None:
    assert gained(pan, name=name, depth=10) > 5


@pytest.mark.parametrize("name", sorted(LAYOUTS))
def test_colour_moves_along(name: str) -> None:
    of = geometry(name, WIDTH, HEIGHT, 10)
    session, picture = opened(of), texture()
    rgb = of.layout == "rgb" or name == "gbr"
    channels = (
        [picture, texture(1), texture(2)] if rgb else [picture, 128 + (picture - 110) / 4, 150 - picture / 5]
    )
    for number in range(10):
        codes = [seen(channel, pan(number)) for channel in channels]
        if not rgb:
            sizes = [(plane.shape[1], plane.shape[0]) for plane in grey(of)]
            codes[1:] = [
                cv2.resize(c, s, interpolation=cv2.INTER_AREA) for c, s in zip(codes[1:], sizes, strict=False)
            ]
        codes = codes[:1] if of.layout == "gray" else codes
        planes = to_planes(codes, of)
        out = to_codes(shown(session, planes, of, number * RATE), of)
    for a, b in zip(out, codes, strict=True):
        assert np.abs(a - b)[8:-8, 8:-8].mean() < 1


def test_a_picture_carried_a_hundred_times_stays_sharp() -> None:
    of = geometry("gray", WIDTH, HEIGHT)
    session, picture = opened(of), texture()
    for number in range(101):
        turned = 40 * np.sin(number / 9)
        truth = seen(picture, np.array([[1, 0, -100 - turned], [0, 1, -80 - 0.4 * turned]], np.float32))
        out = to_codes(shown(session, to_planes([truth], of), of, number * RATE), of)[0]

    def detail(p: npt.NDArray[np.floating]) -> float:
        return float((p - cv2.GaussianBlur(np.asarray(p, np.float32), (0, 0), 1.5))[8:-8, 8:-8].std())

    assert detail(out) > 0.95 * detail(truth)
    assert np.abs(out - truth)[8:-8, 8:-8].mean() < 1


def test_what_enters_begins_anew() -> None:
    of = geometry("gray", WIDTH, HEIGHT)
    session, picture = opened(of), texture()
    for number in range(12):
        frame = np.rint(seen(picture, np.array([[1, 0, -10 - 7 * number], [0, 1, -60]], np.float32)))
        out = shown(session, to_planes([frame], of), of, number * RATE)[0]
    assert np.abs(out[:, -6:] - frame[:, -6:]).max() <= 1


def test_something_that_passes_is_cleaned_and_leaves_no_trail() -> None:
    of = geometry("gray", WIDTH, HEIGHT)
    sessions = [opened(of), opened(of, carries=False)]
    rng, thing = np.random.default_rng(0), texture(5)[:80, :80] + 40
    truth = np.full((HEIGHT, WIDTH), 60, np.float32)
    for number in range(30):
        left = 10 + 5 * number
        truth[:] = 60
        truth[40:120, left : left + 80] = thing
        planes = to_planes([np.clip(truth + rng.normal(0, NOISE, truth.shape), 0, 255)], of)
        carried, alone = (shown(s, planes, of, number * RATE)[0] - truth for s in sessions)
    inside = np.s_[48:112, left + 8 : left + 72]
    assert carried[inside].std() < 0.7 * alone[inside].std()
    assert abs(float(carried[50:110, left - 14 : left - 4].mean())) < 1.5


def test_an_exposure_that_steps_in_a_pan_keeps_what_was_learnt() -> None:
    assert gained(pan, fades=0.8) > 3


def test_a_lamp_in_a_pan_keeps_what_was_learnt() -> None:
    assert gained(pan, lamp=0.5) > 2


def test_frames_at_uneven_times_move_along() -> None:
    uneven = [1 / 60, 1 / 20, 1 / 30, 1 / 24]
    assert gained(pan, rate=lambda number: uneven[number % 4]) > 4


@pytest.mark.parametrize("event", ["a gap", "a seek", "a reset"])
def test_where_time_ends_a_pan_begins_anew(event: str) -> None:
    of = geometry("gray", WIDTH, HEIGHT)
    session, rng, picture = opened(of), np.random.default_rng(0), texture()
    time = {"a gap": 11 * RATE + 1, "a seek": 3 * RATE}.get(event, 12 * RATE)
    for number in range(13):
        last = number == 12
        truth = seen(picture, pan(number))
        planes = to_planes([np.clip(truth + rng.normal(0, NOISE, truth.shape), 0, 255)], of)
        if last and event == "a reset":
            session.reset()
        out = shown(session, planes, of, time if last else number * RATE)
        assert np.array_equal(out[0], planes[0]) == (number == 0 or last)


def test_of_a_scene_as_bright_hardly_anything_is_carried_into_another() -> None:
    of = geometry("gray", WIDTH, HEIGHT)
    session, rng, scenes = opened(of), np.random.default_rng(0), (texture(), texture(5))
    for number in range(14):
        truth = seen(scenes[number >= 12], pan(number))
        planes = to_planes([np.clip(truth + rng.normal(0, NOISE, truth.shape), 0, 255)], of)
        out = shown(session, planes, of, number * RATE)
        if number >= 12:  # of both what happens to be alike is averaged
            assert (out[0] - truth).std() < (1.6 if number == 12 else 1.1) * (planes[0] - truth).std()


def test_a_still_picture_is_as_quiet_as_without() -> None:
    def at_rest(number: int) -> Picture:
        return pan(0)

    assert gained(at_rest) > gained(at_rest, carries=False) - 0.1


def test_threads_make_no_difference_where_the_camera_moves() -> None:
    of = geometry("420", WIDTH, HEIGHT)
    picture = texture()
    sessions = [opened(of, 1.0, threads=n) for n in (1, 2, 3, 5)]  # strips of other widths
    for number in range(8):
        planes = to_planes([seen(picture, shake(number)), *grey(of)], of)
        first, *others = (shown(s, planes, of, number * RATE) for s in sessions)
        for other in others:
            assert all(np.array_equal(a, b) for a, b in zip(first, other, strict=True))


@pytest.mark.parametrize("width, height", [(1, 1), (63, 200), (64, 64), (65, 67), (130, 71)])
@pytest.mark.parametrize("kind", ["black", "flat", "noise", "flips"])
def test_frames_of_any_size_and_kind_pass(width: int, height: int, kind: str) -> None:
    of = geometry("420", width, height)
    session: FusedSession = opened(of, 1.0)
    rng = np.random.default_rng(0)
    level = {"black": 0, "flat": 90}.get(kind)
    for number in range(5):
        planes: list[Plane] = [
            np.full(shape, level, np.uint8)
            if level is not None
            else rng.integers(0, 256, shape, np.uint8) // (1 if kind == "noise" else 1 + 3 * (number % 2))
            for shape in of.shapes()
        ]
        out = shown(session, planes, of, number * RATE)
        assert all(plane.shape == shape for plane, shape in zip(out, of.shapes(), strict=True))
