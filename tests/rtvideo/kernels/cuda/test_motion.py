"""The CUDA kernels that carry the picture so far along, run on the processor."""

from __future__ import annotations

import ctypes
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("torch", reason="networks of tests are torch networks")

from rtvideo.frame import Geometry, Plane
from rtvideo.kernels.structs import TimeConstants
from tests.rtvideo.kernels import carrying_reference as reference
from tests.rtvideo.kernels.cpu.test_carrying import CLOSE, moved
from tests.rtvideo.kernels.cpu.test_motion import NOISE, Picture, grey, pan, seen, shake, texture
from tests.rtvideo.kernels.cpu.test_temporal import (
    FRAMES,
    LAYOUTS,
    RATE,
    Samples,
    geometry,
    opened,
    shown,
    to_codes,
    to_planes,
)
from tests.rtvideo.kernels.cuda.emulated import Image, emulated
from tests.rtvideo.kernels.cuda.test_temporal import PLAIN, Remembering, kept_picture

pytestmark = pytest.mark.compile


class Found(ctypes.Structure):
    """``rt::FoundMotion``."""

    _fields_ = [
        ("noise", ctypes.c_float * 4), ("terms", ctypes.c_float * 8), ("known", ctypes.c_bool),
        ("moved", ctypes.c_int),
    ]  # fmt: skip


def found(of: Remembering) -> Found:
    return Found.from_address(of.state.motion.found)


def frame(move: Picture, of: Geometry, number: int, other: bool = False) -> tuple[list[Plane], Picture]:
    """A noisy frame, in which something small moves by itself and whose exposure steps, and its luma."""
    rng = np.random.default_rng(number)
    truth = seen(texture(5) * 3 - 200 if other else texture(), move)[: of.height, : of.width]
    thing = truth[30:62, 20 + 6 * number : 60 + 6 * number]
    thing[:] = texture(7)[: thing.shape[0], : thing.shape[1]]
    truth = (truth - 16) * (0.85 if number >= 5 else 1) + 16
    noisy = np.clip(truth + rng.normal(0, NOISE, truth.shape), 16, 235)
    if of.layout == "rgb":
        return to_planes([noisy, 0.5 * noisy, 0.9 * noisy], of), truth
    chroma = [c[:rows, :columns] for c, (rows, columns) in zip(grey(of), of.shapes()[1:] * 2, strict=False)]
    return to_planes([noisy, *chroma], of), truth


@pytest.mark.parametrize(
    "move, name, size",
    [
        (pan, "420", (256, 160)),
        (shake, "rgb", (256, 160)),
        (shake, "gray", (255, 157)),
        (pan, "422", (161, 99)),
    ],
    ids=["pan", "shake in RGB", "shake", "odd pan"],
)
def test_the_picture_is_carried_as_by_the_processor(
    move: Callable[[int], Picture], name: str, size: tuple[int, int]
) -> None:
    of = geometry(name, *size, 16)
    device, processor = Remembering(emulated(PLAIN, temporal=True), of), opened(of)
    for number in range(9):
        planes, truth = frame(move(number), of, number)
        device(planes, TimeConstants(FRAMES, RATE, number == 0, True))
        out = to_codes(shown(processor, planes, of, number * RATE), of)
        assert (found(device).moved > 0) == (number > 0)
        made = device.picture()
        check(made, out)
        # By so little do they differ from each other that they are off from the truth by the same.
        errors = [float(np.std(p[0] - truth)) for p in (made, out)]
        assert errors[0] == pytest.approx(errors[1], rel=5e-3)
    assert errors[0] < 0.85 * NOISE


def check(made: Samples, wanted: Samples) -> None:
    """Sums in another order make a vector that lies between two sixteenths of a pixel the other one of them,
    and a block choose the other of two motions that are as good; from frame to frame there are more of them.
    A frame's range ends sooner than that of the picture so far."""
    for a, b in zip(made, wanted, strict=True):
        off = np.abs(a.clip(16, 235) - b.clip(16, 235))
        assert (off > 0.5).mean() < 0.01
        assert off.mean() < 0.02


def test_where_time_or_a_scene_ends_all_begins_anew_as_on_the_processor() -> None:
    of = geometry("gray", 160, 96, 16)
    device, processor = Remembering(emulated(PLAIN, temporal=True), of), opened(of)
    time = 0.0
    for number in range(12):
        planes, _ = frame(pan(number), of, number, other=number >= 9)
        reset = number in (0, 6)
        time += 2.0 if reset else RATE
        device(planes, TimeConstants(FRAMES, RATE, reset, True))
        check(device.picture(), to_codes(shown(processor, planes, of, time), of))
        assert number >= 9 or (found(device).moved > 0) != reset
        assert device.scene.seen == 1 + number - max(begin for begin in (0, 6, 9) if begin <= number)
        assert found(device).known == (device.scene.seen > 1)
        if reset:
            assert np.array_equal(device.picture()[0], to_codes(planes, of)[0])


def test_a_picture_at_rest_is_not_touched() -> None:
    of = geometry("gray", 160, 96, 16)
    carrying, staying = (Remembering(emulated(PLAIN, temporal=True), of) for _ in range(2))
    still = seen(texture(), pan(0))[:96, :160]
    for number in range(5):
        planes = to_planes([still + 0.2 * (number % 2)], of)
        for kernels, carries in ((carrying, True), (staying, False)):
            kernels(planes, TimeConstants(FRAMES, RATE, number == 0, carries))
        assert found(carrying).moved == 0
        assert np.array_equal(carrying.picture()[0], staying.picture()[0])


def test_a_picture_too_small_to_follow_stays() -> None:
    of = geometry("420", 200, 63)
    kernels = Remembering(emulated(PLAIN, temporal=True), of)
    for number in range(3):
        kernels(frame(pan(number), of, number)[0], TimeConstants(FRAMES, RATE, number == 0, True))
        assert found(kernels).moved == 0


@given(
    name=st.sampled_from(sorted(LAYOUTS)),
    width=st.integers(64, 150),
    height=st.integers(64, 100),
    seed=st.integers(0, 999),
)
@settings(max_examples=12, deadline=None, derandomize=True)
def test_carrying_is_that_of_the_reference(name: str, width: int, height: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    of = geometry(name, width, height, 16)
    kernels = emulated(PLAIN, temporal=True)
    device, vectors = Remembering(kernels, of), moved(rng, width, height)
    state = device.state
    ages = rng.integers(0, 241, (-(-height // 2), -(-width // 2)), np.uint8)
    before = [rng.integers(0, 65536, plane.shape) for plane in of.empty()]
    for k, plane in enumerate(before):
        part(device, state.before[0].data[k], (plane.shape[0], state.before[0].stride[k] // 2), np.uint16)[
            :, : plane.shape[1]
        ] = plane
    part(device, state.age_before, ages.shape, np.uint8)[:] = ages
    part(device, state.motion.vectors[0], vectors.shape, np.float32)[:] = vectors
    found(device).moved = 1
    kernels.planes(
        device.layout, of.empty(), of.empty(), (width, height), 1, 0,
        time=TimeConstants(FRAMES, RATE, False, True), state=state, only="carry_picture",
    )  # fmt: skip
    codes = kept_picture(device.memory, state.before[0], of)
    rgb = name in ("rgb", "gbr")
    across, down = (0, 0) if rgb else of.chroma
    made = kept_picture(device.memory, state.before[1], of)
    for c, (a, b) in enumerate(zip(made, codes, strict=True)):
        wanted = reference.carried(256 * b, vectors, *((0, 0) if c == 0 else (across, down)))
        assert np.abs(256 * a - wanted).max() <= CLOSE
    carried = part(device, state.age, ages.shape, np.uint8)
    assert np.array_equal(carried, reference.carried_ages(ages.astype(np.float64), vectors))


def part(of: Remembering, address: int, shape: tuple[int, ...], kind: type) -> Image:
    """A part of a device's memory as an array."""
    begin = address - of.memory.ctypes.data
    size = int(np.prod(shape)) * np.dtype(kind).itemsize
    return of.memory[begin : begin + size].view(kind).reshape(shape)
