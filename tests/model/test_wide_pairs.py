import numpy as np
import pytest

from model.panoramas import view
from model.tone import MEAN, Photographic, scene_of
from model.wide_pairs import panorama_pair, photograph_pair
from rtvideo.sample.camera_simulator import Image, Linear, from_linear


def photograph(height: int = 64, width: int = 96) -> Image:
    random = np.random.default_rng(0)
    return random.integers(20, 250, (height // 8, width // 8, 3), np.uint8).repeat(8, 0).repeat(8, 1)


def panorama() -> Linear:
    """A room of one wall, and in one direction a window a hundred times as bright."""
    wall = np.full((64, 128, 3), (0.2, 0.15, 0.1), np.float32)
    wall[24:40, 60:68] = 15
    return wall


@pytest.mark.parametrize("white", [1.0, 3.0, 24.0])
def test_the_operator_shows_the_scene_of_a_photograph_as_the_photograph(white: float) -> None:
    lit = photograph()
    scene = scene_of(lit, white)
    value = scene.max(axis=2, keepdims=True)
    again = from_linear(scene * (1 + value / white**2) / (1 + value))
    assert np.abs(again.astype(int) - lit).max() <= 1
    assert scene.max() > lit.max() / 255 * white * 0.5


@pytest.mark.parametrize("seed", range(6))
def test_targets_of_all_exposures_of_a_panorama_are_equally_bright(seed: int) -> None:
    dark, target = panorama_pair(panorama(), np.random.default_rng(seed))
    assert dark.shape == target.shape and dark.dtype == target.dtype == np.uint8
    assert dark.mean() < 0.8 * target.mean()
    assert 100 < target.mean() < 135


@pytest.mark.parametrize("seed", range(6))
def test_a_photograph_is_taken_darker_than_it_is_shown(seed: int) -> None:
    lit = photograph()
    dark, target = photograph_pair(lit, np.random.default_rng(seed))
    assert dark.shape == target.shape == lit.shape
    assert dark.mean() < target.mean() <= lit.mean()


def test_the_cleanest_camera_decides_how_much_noise_there_is() -> None:
    lit = np.full((64, 96, 3), 160, np.uint8)

    def grain(cleanest: float) -> float:
        dark = [photograph_pair(lit, np.random.default_rng(seed), cleanest)[0] for seed in range(8)]
        return float(np.abs(np.diff(np.array(dark, int), axis=2)).mean())

    assert grain(1e8) < 0.8 * grain(2e3)


def test_the_seed_decides() -> None:
    first, again, other = (panorama_pair(panorama(), np.random.default_rng(seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first[0], other[0])


def test_a_tone_curve_has_the_mean_that_was_asked_for_and_burns_no_window() -> None:
    scene = view(panorama(), 0, (96, 64))
    for mean in (60.0, MEAN, 130.0):
        shown = Photographic([scene], mean)(scene)
        assert shown.mean() == pytest.approx(mean, abs=12)
        assert (shown.min(axis=2) == 255).mean() < 0.05
