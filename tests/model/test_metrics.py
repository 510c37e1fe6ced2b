import math

import numpy as np
import pytest

from model import metrics


def image(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 200, (16, 12, 3), np.uint8)


def test_quantise_truncates_and_clips() -> None:
    values = np.array([-1, 0, 0.999 / 255, 1 / 255, 254.9 / 255, 1, 2])
    assert metrics.quantise(values).tolist() == [0, 0, 0, 1, 254, 255, 255]


def test_psnr() -> None:
    a = image()
    assert metrics.psnr(a, a) == math.inf
    assert metrics.psnr(a + np.uint8(5), a) == pytest.approx(20 * math.log10(255 / 5))
    b = a.copy()
    b[..., 0] += 6  # one channel of three
    assert metrics.psnr(b, a) == pytest.approx(10 * math.log10(255**2 / 12))


def test_ssim() -> None:
    a = image()
    assert metrics.ssim(a, a) == 1
    assert metrics.ssim(image(1), a) < 0.2
    assert metrics.ssim(a // 2, a) < 1


def test_mean_matching_removes_a_gain_only() -> None:
    a = image()
    assert metrics.mean_matched_psnr(a // 4, a) > 35 > 20 > metrics.psnr(a // 4, a)
    b = a.copy()
    b[:, :6] //= 4
    assert metrics.mean_matched_psnr(b, a) < 20
    assert math.isfinite(metrics.mean_matched_psnr(np.zeros_like(a), a))


def test_blown() -> None:
    a = np.zeros((10, 10, 3), np.uint8)
    a[0] = 250
    a[1] = (255, 255, 249)
    assert metrics.blown(a) == 0.1
