"""Each measure is shown its fault, and a result that is free of it."""

import math

import cv2
import numpy as np
import pytest

from benchmarks.methods import baselines
from benchmarks.night import measures
from model.metrics import psnr


def flat(*colour: int, size: tuple[int, int] = (64, 96)) -> np.ndarray:
    return np.full((*size, 3), colour, np.uint8)


def half(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    picture = left.copy()
    picture[:, left.shape[1] // 2 :] = right[:, left.shape[1] // 2 :]
    return picture


def tiles(step: int) -> np.ndarray:
    """Blocks of 8x8 whose codes are 2 and 2 + step in turn."""
    y, x = np.mgrid[:64, :96] // 8
    return np.repeat((2 + step * ((x + y) % 2))[..., None], 3, axis=2).astype(np.uint8)


def test_what_no_camera_saw_is_not_scored() -> None:
    dark, truth = half(flat(40, 40, 40), flat(0, 0, 0)), flat(120, 120, 120)
    lit = half(flat(120, 120, 120), flat(0, 0, 0))
    # Nine pixels at the border see both halves.
    assert measures.psnr_seen(lit, dark, truth) > 15 > psnr(lit, truth)
    assert measures.psnr_seen(truth, dark, truth) == math.inf
    assert math.isnan(measures.psnr_seen(lit, flat(1, 1, 1), truth))


def test_only_what_the_result_burns_counts() -> None:
    dark = half(flat(255, 255, 255), flat(90, 90, 90))
    lit = half(flat(255, 255, 255), flat(252, 252, 252))
    assert measures.burnt(dark, dark) == 0
    assert measures.burnt(lit, dark) == 0.5
    assert measures.burnt(lit, dark, truth=lit) == 0
    assert measures.burnt(lit, dark, truth=dark) == 0.5


def test_a_yellow_hole_is_clipped_and_not_white() -> None:
    dark = flat(90, 80, 20)
    hole = baselines.fixed_gain(6)(dark)
    assert measures.burnt(hole, dark) == 0
    assert measures.clipped(hole, dark) == 1
    assert measures.clipped(dark, dark) == 0
    assert measures.clipped(hole, hole) == 0


def test_one_gain_for_all_channels_turns_no_hue_and_clipping_does() -> None:
    dark = flat(90, 60, 30)
    assert measures.hue_error(baselines.fixed_gain(2)(dark), dark, dark) == pytest.approx(0, abs=0.5)
    assert measures.hue_error(baselines.fixed_gain(6)(dark), dark, dark) > 20


@pytest.mark.parametrize("turned", [30, 60, 120])
def test_a_turn_of_hue_is_told_in_degrees(turned: int) -> None:
    dark, other = (
        cv2.cvtColor(np.full((32, 32, 3), (hue / 2, 200, 120), np.uint8), cv2.COLOR_HSV2RGB)
        for hue in (0, turned)
    )
    assert measures.hue_error(other, dark, dark) == pytest.approx(turned, abs=8)


def test_grey_and_unlit_pictures_have_no_hue() -> None:
    assert math.isnan(measures.hue_error(flat(90, 90, 90), flat(90, 90, 90), flat(90, 90, 90)))
    assert math.isnan(measures.hue_error(flat(90, 60, 20), flat(90, 60, 20), flat(9, 6, 2)))


def test_a_mosaic_is_told_in_codes_and_its_share_knows_no_gain() -> None:
    dark = tiles(2)
    assert measures.mosaic(flat(60, 60, 60), dark) == 0
    assert measures.mosaic_share(flat(60, 60, 60), dark) == 0
    four, eight = (baselines.fixed_gain(gain)(dark) for gain in (4, 8))
    assert measures.mosaic(eight, dark) == pytest.approx(2 * measures.mosaic(four, dark), rel=0.05)
    for lit in (dark, four, eight):
        assert measures.mosaic_share(lit, dark) == pytest.approx(1, abs=0.05)


def test_black_with_a_few_stray_codes_has_all_of_its_own_mosaic() -> None:
    dark = flat(0, 0, 0)
    dark[::16, ::24] = 2
    assert measures.mosaic_share(dark, dark) == 1


def test_what_is_light_or_has_structure_in_truth_is_no_mosaic() -> None:
    street = tiles(40)
    assert math.isnan(measures.mosaic(street, street))
    assert math.isnan(measures.mosaic_share(tiles(2), tiles(2), truth=street))
    assert measures.mosaic_share(tiles(2), tiles(2), truth=flat(60, 60, 60)) == pytest.approx(1)


def test_grain_counts_where_the_truth_is_smooth_alone() -> None:
    noise = np.random.default_rng(0).integers(90, 111, (64, 96, 3), np.uint8)
    assert measures.grain(noise, flat(100, 100, 100)) > 2
    assert measures.grain(flat(100, 100, 100), flat(100, 100, 100)) == 0
    assert math.isnan(measures.grain(noise, tiles(40)))


def test_colour_near_black_is_kept_by_a_gain_and_lost_in_grey() -> None:
    dark = flat(40, 8, 12)
    grey = cv2.cvtColor(cv2.cvtColor(dark, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    assert measures.saturation_kept(dark, dark) == 1
    assert measures.saturation_kept(baselines.fixed_gain(4)(dark), dark) == pytest.approx(1, abs=0.01)
    assert measures.saturation_kept(grey, dark) == 0
    for other in (flat(200, 40, 60), flat(8, 1, 2), flat(40, 35, 36)):
        assert math.isnan(measures.saturation_kept(other, other))


def test_colour_error_knows_lost_and_false_colour_and_no_lightness() -> None:
    red, grey = flat(120, 40, 40), flat(60, 60, 60)
    assert measures.colour_error(red, red) == 0
    assert measures.colour_error(flat(90, 90, 90), grey) == pytest.approx(0, abs=0.1)
    assert measures.colour_error(grey, red) == pytest.approx(measures.colour_error(red, grey))
    assert measures.colour_error(grey, red) > 20
