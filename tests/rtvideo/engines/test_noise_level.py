"""How much noise removal a photograph gets, by its own noise."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from rtvideo.engines.noise_level import denoise_for

Pixels = np.ndarray[Any, np.dtype[Any]]


def scene(noise: float, seed: int = 0, more: float = 0) -> Pixels:
    """A dark slope, and a part with strong texture; black and white at the sides."""
    rng = np.random.default_rng(seed)
    luma = np.linspace(8, 60, 320)[None] + np.zeros((240, 1))
    luma[:, 160:260] += 12 * (np.indices((240, 100)).sum(0) // 2 % 2)
    luma += more + rng.normal(0, noise, luma.shape)
    luma[:, :20], luma[:, 300:] = 0, 255
    return np.rint(luma.clip(0, 255) * 257).astype(np.uint16)


@pytest.mark.parametrize("seed", range(3))
def test_the_noisier_the_more(seed: int) -> None:
    told = [denoise_for(scene(noise, seed), lossless=True) for noise in (0.0, 0.3, 0.5, 0.7, 1.2, 5.0)]
    assert told[0] == pytest.approx(0.3)
    assert told == pytest.approx(sorted(told), abs=0.01)
    assert told[3] > 0.9
    assert told[4] == told[5] == 1


def test_brightness_and_texture_do_not_count() -> None:
    plain, lighter = (denoise_for(scene(0.5, more=more), lossless=True) for more in (0, 60))
    assert lighter == pytest.approx(plain, abs=0.05)
    assert 0.5 < plain < 1  # though a third of the picture is texture of 12 codes


def test_texture_without_noise_is_kept() -> None:
    rng = np.random.default_rng(0)
    strength = np.repeat(np.repeat(rng.uniform(0.05, 2, (30, 40)), 8, 0), 8, 1)
    texture = 40 + strength * rng.normal(0, 1, strength.shape)  # as fine as noise, but not everywhere alike
    noise = 40 + rng.normal(0, 0.5, strength.shape)
    told = [denoise_for(np.rint(luma * 257).astype(np.uint16), lossless=True) for luma in (texture, noise)]
    assert told[0] < 0.7 and told[1] == 1


def test_what_an_encoder_made_constant_tells_nothing() -> None:
    blocks = np.kron(np.random.default_rng(0).integers(16, 22, (30, 40)), np.ones((16, 16))).astype(np.uint8)
    assert denoise_for(blocks, lossless=False) == 1
    assert denoise_for(blocks, lossless=True) == pytest.approx(0.3)


@pytest.mark.parametrize("shape", [(1, 1), (3, 400), (400, 3), (10, 10), (64, 64)])
def test_too_little_to_tell(shape: tuple[int, int]) -> None:
    assert denoise_for(np.zeros(shape, np.uint8), lossless=True) == 1


def test_depth_and_colour_do_not_count() -> None:
    grey = scene(0.6)
    coloured = np.dstack([grey] * 3)
    assert denoise_for(coloured, lossless=True) == pytest.approx(denoise_for(grey, lossless=True), abs=0.01)
    coarse = np.rint(grey / 257).astype(np.uint8)  # whose rounding is noise, too
    assert denoise_for(coarse, lossless=True) == pytest.approx(denoise_for(grey, lossless=True), abs=0.12)
