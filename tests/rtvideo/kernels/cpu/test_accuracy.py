"""Kernels against torch in double precision, before anything is rounded to codes."""

from __future__ import annotations

import dataclasses
import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("torch", reason="the reference is a torch network")

import torch

from rtvideo.models.description import Description
from tests.helpers import networks
from tests.rtvideo.kernels.compiled import anything, compiled, picture

pytestmark = pytest.mark.compile

torch.set_num_threads(1)

DESCRIPTIONS = [
    networks.NIGHT,
    networks.RUAS,
    networks.RELEASED,
    networks.HALF,
    networks.HALF_RELEASED,
    networks.FINE,
    networks.GUIDED,
    networks.ALL[-1],
    *map(anything, (1, 2, 3)),
]

sizes = st.tuples(st.integers(1, 70), st.integers(1, 90))
strengths = st.sampled_from([1.0, 0.5])
wishes = st.sampled_from([0.0, 0.7, -0.7])


@pytest.mark.parametrize("description", DESCRIPTIONS, ids=lambda d: d.name)
@given(
    size=sizes,
    seed=st.integers(0, 99),
    strength=strengths,
    denoise=st.sampled_from([0.0, 1.0, 0.3]),
    wish=wishes,
)
@settings(max_examples=15, deadline=None, derandomize=True)
def test_f32_is_within_1e5_of_double(
    description: Description, size: tuple[int, int], seed: int, strength: float, denoise: float, wish: float
) -> None:
    kernel = compiled(description)
    y = picture(*size, seed)
    denoise = denoise if description.noise else 0.0
    out = kernel.run(y, strength, denoise, brightness=wish)
    wanted = kernel.reference(y, strength, denoise, wish)
    assert np.abs(out - wanted).max() <= 1e-5
    assert np.ptp(wanted) > 0 or min(size) == 1


def test_a_roll_off_leaves_what_is_below_the_knee_to_the_bit_and_burns_nothing() -> None:
    plain = dataclasses.replace(
        networks.NIGHT, illumination=dataclasses.replace(networks.NIGHT.illumination, rolloff=False)
    )
    kernel, without = compiled(networks.NIGHT), compiled(plain)
    y = picture(40, 60, 3)
    assert np.array_equal(kernel.run(y * 0.3, 0.3, 0), without.run(y * 0.3, 0.3, 0))
    burnt, kept = without.run(y, 1, 0), kernel.run(y, 1, 0)
    assert (burnt - kept).max() > 0.1 and kept.max() < 1


def test_brightness_is_continuous_and_follows_the_wish() -> None:
    kernel, y = compiled(networks.NIGHT), picture(40, 60, 3) * np.float32(0.3)
    means = [kernel.run(y, 1, 1, brightness=wish).mean() for wish in (-1, -0.01, 0, 0.01, 1)]
    assert all(darker < brighter for darker, brighter in itertools.pairwise(means))
    assert means[3] - means[1] < 0.05 * (means[4] - means[0])


def test_a_frame_that_is_light_enough_is_left_alone() -> None:
    y = 0.95 + 0.05 * picture(40, 60, 3)
    assert np.abs(compiled(networks.NIGHT).run(y, 1, 1) - y).max() <= 2e-7
    assert np.abs(compiled(networks.NIGHT).run(y * 0.5, 1, 1) - y * 0.5).max() > 1e-3


@pytest.mark.parametrize("instructions", ["avx2", "sse4"])
@pytest.mark.parametrize("description", [networks.HALF], ids=lambda d: d.name)
def test_older_instruction_sets_too(description: Description, instructions: str) -> None:
    kernel = compiled(description, instructions)
    y = picture(61, 83, 4)
    assert np.abs(kernel.run(y, 0.8, 1) - kernel.reference(y, 0.8, 1)).max() <= 1e-5


STEADY = dataclasses.replace(
    networks.RUAS, illumination=dataclasses.replace(networks.RUAS.illumination, t_min=0.05)
)


@pytest.mark.parametrize("description", [networks.NIGHT, networks.HALF, STEADY], ids=lambda d: d.name)
@given(size=sizes, seed=st.integers(0, 99), strength=strengths, denoise=st.sampled_from([0.0, 1.0]))
@settings(max_examples=20, deadline=None, derandomize=True)
def test_bf16_is_within_two_codes_and_55_decibels(
    description: Description, size: tuple[int, int], seed: int, strength: float, denoise: float
) -> None:
    kernel = compiled(description, "avx512-bf16")
    y = picture(*size, seed)
    error = kernel.run(y, strength, denoise) - kernel.reference(y, strength, denoise)
    assert np.abs(error).max() <= 2 / 255
    assert np.square(error).mean() <= 10**-5.5


@pytest.mark.parametrize("size", [(130, 1100), (61, 521)])
@pytest.mark.parametrize("description", [*DESCRIPTIONS[:2], networks.HALF], ids=lambda d: d.name)
def test_strips_bands_and_threads_leave_no_seam(description: Description, size: tuple[int, int]) -> None:
    kernel = compiled(description)
    y = picture(*size, 7)
    one = kernel.run(y, 1, 1, threads=1)
    assert np.abs(one - kernel.reference(y, 1, 1)).max() <= 1e-5
    for threads in (2, 3, 7):
        assert np.array_equal(one, kernel.run(y, 1, 1, threads=threads))


def test_a_frame_leaves_nothing_behind_for_the_next() -> None:
    kernel = compiled(networks.NIGHT)
    from rtvideo.kernels.cpu.library import CpuNetwork
    from rtvideo.kernels.structs import float_format

    first, second = picture(40, 50, 1), picture(40, 50, 2)
    network = CpuNetwork(kernel.library, kernel.weights, 50, 40, float_format(), 2)
    out = np.empty_like(first)
    results = []
    for y in (first, second, first):
        network.run(list(y), list(out), 1, 1)
        results.append(out.copy())
    network.close()
    assert np.array_equal(results[0], results[2])
    assert not np.array_equal(results[0], results[1])


def test_the_floating_point_mode_is_left_alone() -> None:
    kernel = compiled(networks.NIGHT)
    events = 0x3F  # bits that say what has happened so far: no mode
    before = kernel.library.floating_point_mode() & ~events
    kernel.run(picture(20, 30, 0), 1, 1, threads=2)
    assert kernel.library.floating_point_mode() & ~events == before
    assert before & 0x8040 == 0  # neither flush to zero nor denormals as zero
    assert np.float32(1e-40) * np.float32(0.5) > 0


def test_nan_in_the_frame_stays_visible() -> None:
    kernel = compiled(networks.RUAS)
    y = picture(20, 30, 0)
    y[:, 10, 10] = np.nan
    out = kernel.run(y, 1, 0)
    assert not np.array_equal(out, kernel.run(picture(20, 30, 0), 1, 0))
