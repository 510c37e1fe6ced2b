from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtvideo.sample import camera_simulator as night
from rtvideo.sample.camera_simulator import Camera

#: No noise but that of light itself, and no mosaic.
CLEAN = Camera(exposure=0.25, read_noise=0, row_noise=0, dark_pattern=0, gain_pattern=0, bayer=False, bits=16)


def flat(value: float, size: int = 256) -> night.Linear:
    return np.full((size, size, 3), value, np.float32)


def linear(image: night.Image) -> np.ndarray:
    return night.to_linear(image).astype(np.float64)


def test_srgb_goes_there_and_back() -> None:
    codes = np.arange(256, dtype=np.uint8).repeat(3).reshape(16, 16, 3)
    np.testing.assert_array_equal(night.from_linear(night.to_linear(codes), bits=16), codes)
    assert night.to_linear(np.uint8([[[0, 188, 255]]])).ravel() == pytest.approx([0, 0.5029, 1], abs=1e-4)


def test_exposure_scales_the_mean() -> None:
    rng = np.random.default_rng(0)
    picture = night.capture(flat(0.8), rng, CLEAN)
    assert linear(picture).mean() == pytest.approx(0.2, rel=0.01)


@pytest.mark.parametrize(("electrons", "read_noise"), [(500.0, 0.0), (5000.0, 0.0), (500.0, 8.0)])
def test_variance_is_that_of_shot_and_read_noise(electrons: float, read_noise: float) -> None:
    # Var = mean + read noise squared, in electrons (Foi et al., equation 2).
    camera = dataclasses.replace(CLEAN, electrons=electrons, read_noise=read_noise)
    picture = linear(night.capture(flat(1.0), np.random.default_rng(0), camera)) * electrons
    assert picture.var() == pytest.approx(0.25 * electrons + read_noise**2, rel=0.03)


def test_the_pattern_stays_and_the_noise_does_not() -> None:
    camera = dataclasses.replace(CLEAN, dark_pattern=60.0, electrons=4000.0)
    rng = np.random.default_rng(0)
    first, second = (linear(night.capture(flat(0.5), rng, camera)).ravel() for _ in range(2))
    assert np.corrcoef(first, second)[0, 1] > 0.7
    other = dataclasses.replace(camera, pattern_seed=1)
    assert abs(np.corrcoef(first, linear(night.capture(flat(0.5), rng, other)).ravel())[0, 1]) < 0.1


def test_rows_share_their_noise() -> None:
    camera = dataclasses.replace(CLEAN, row_noise=50.0)
    picture = linear(night.capture(flat(0.5), np.random.default_rng(0), camera))
    assert picture.mean(axis=(1, 2)).std() > 10 * picture.mean(axis=(0, 2)).std()


def test_a_video_camera_is_darker_near_black() -> None:
    levels = np.float32([[[0.01, 0.018, 1.0]]])
    assert night.from_linear(levels, "bt709", 16).ravel().tolist() == [11, 21, 255]  # H.273, transfer 1
    assert night.from_linear(levels, "srgb", 16).ravel().tolist() == [25, 36, 255]


def test_noise_hardly_lifts_black() -> None:
    # Cut off before demosaicing, noise of deviation s would lift black to 0.4 s.
    camera = dataclasses.replace(CLEAN, bayer=True, read_noise=20.0)
    picture = linear(night.capture(flat(0.0), np.random.default_rng(0), camera)) * camera.electrons
    assert 0.1 * 20 < picture.mean() < 0.3 * 20


def test_the_mosaic_keeps_flat_colours_and_spreads_noise() -> None:
    scene = flat(1.0) * np.float32([0.8, 0.4, 0.2])
    bayer = dataclasses.replace(CLEAN, bayer=True, exposure=1.0)
    picture = linear(night.capture(scene, np.random.default_rng(0), bayer))
    np.testing.assert_allclose(picture[2:-2, 2:-2].mean((0, 1)), [0.8, 0.4, 0.2], rtol=0.01)
    green = picture[..., 1] - picture[..., 1].mean()
    assert (green[:, 1:] * green[:, :-1]).mean() > 0.3 * green.var()  # neighbours resemble each other


def test_white_balance_tints() -> None:
    camera = dataclasses.replace(CLEAN, white_balance=(1.2, 1.0, 0.8))
    mean = linear(night.capture(flat(0.8), np.random.default_rng(0), camera)).mean((0, 1))
    np.testing.assert_allclose(mean / mean[1], [1.2, 1.0, 0.8], rtol=0.02)


@pytest.mark.parametrize(
    ("field", "value"), [("exposure", 0.0), ("electrons", -1.0), ("read_noise", -0.1), ("bits", 20)]
)
def test_impossible_cameras_are_named(field: str, value: float) -> None:
    with pytest.raises(ValueError, match=f"{field} {value}"):
        dataclasses.replace(Camera(), **{field: value})


@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 3))
def test_the_encoder_keeps_size_and_count(height: int, width: int, count: int) -> None:
    frames = [np.full((height, width, 3), 40 * k, np.uint8) for k in range(count)]
    back = night.encode_decode(frames, 20)
    assert [f.shape for f in back] == [(height, width, 3)] * count
    for sent, got in zip(frames, back, strict=True):
        assert np.abs(sent.astype(int) - got).max() <= 4


def test_the_encoder_keeps_colours_and_loses_dark_noise() -> None:
    colour = np.full((32, 32, 3), (200, 60, 30), np.uint8)
    assert np.abs(night.encode_decode([colour], 10)[0].astype(int) - colour).max() <= 3
    noise = np.random.default_rng(0).integers(0, 9, (64, 64, 3), np.uint8)
    coarse = night.encode_decode([noise], 34)[0]
    assert coarse.std() < 0.6 * noise.std()
    assert night.encode_decode([]) == []


def test_darken_is_dark_noisy_and_repeatable() -> None:
    lit = np.random.default_rng(0).integers(60, 220, (48, 64, 3), np.uint8)
    first, again, other = (night.darken(lit, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert first.shape == lit.shape and first.dtype == np.uint8
    assert first.mean() < 0.7 * lit.mean()
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()
