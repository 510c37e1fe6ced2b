"""Lines for guided upsampling, against the same fit written out cell by cell."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch", reason="trains and runs the networks")

import torch

from model.guided_filter import lines
from rtvideo.models.description import GUIDE_EPSILON

torch.set_num_threads(1)


def by_hand(guide: np.ndarray, log_t: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Slope and intercept of (h, w) arrays in float64."""
    height, width = guide.shape

    def around(x: np.ndarray, i: int, j: int) -> np.ndarray:
        rows, columns = np.clip([i - 1, i, i + 1], 0, height - 1), np.clip([j - 1, j, j + 1], 0, width - 1)
        return x[np.ix_(rows, columns)]

    slope, intercept = np.zeros_like(guide), np.zeros_like(guide)
    for i, j in np.ndindex(guide.shape):
        light, wanted = around(guide, i, j), around(log_t, i, j)
        covariance = (light * wanted).mean() - light.mean() * wanted.mean()
        slope[i, j] = covariance / (light.var() + GUIDE_EPSILON)
        intercept[i, j] = wanted.mean() - slope[i, j] * light.mean()
    smooth = [np.array([around(x, i, j).mean() for i, j in np.ndindex(x.shape)]) for x in (slope, intercept)]
    return smooth[0].reshape(guide.shape), smooth[1].reshape(guide.shape)


@pytest.mark.parametrize("size", [(1, 1), (1, 5), (7, 4)])
def test_lines_are_fitted_and_averaged_over_3x3_cells(size: tuple[int, int]) -> None:
    rng = np.random.default_rng(0)
    guide, log_t = rng.normal(-3, 1, (2, 3, *size)), rng.normal(-1, 1, (2, 3, *size))
    slope, intercept = lines(torch.from_numpy(guide), torch.from_numpy(log_t))
    for at in np.ndindex(2, 3):
        wanted = by_hand(guide[at], log_t[at])
        assert np.allclose(slope[at], wanted[0], atol=1e-12)
        assert np.allclose(intercept[at], wanted[1], atol=1e-12)


def test_single_precision_is_enough_where_the_light_hardly_varies() -> None:
    rng = np.random.default_rng(1)
    guide = -4 + rng.normal(0, 0.02, (1, 1, 9, 9)).astype(np.float32)
    log_t = -3 + rng.normal(0, 0.02, (1, 1, 9, 9)).astype(np.float32)
    slope, intercept = lines(torch.from_numpy(guide), torch.from_numpy(log_t))
    wanted = by_hand(guide[0, 0].astype(np.float64), log_t[0, 0].astype(np.float64))
    assert np.abs(slope[0, 0].numpy() - wanted[0]).max() < 1e-5
    assert np.abs(intercept[0, 0].numpy() - wanted[1]).max() < 1e-5
