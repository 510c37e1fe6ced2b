"""Scores of an image against its reference, by one protocol for every table.

Full size, 8 bit by truncation, PSNR over all channels, SSIM by scikit-image with ``channel_axis=2,
data_range=255``. It reproduces the published figures of the authors' released weights.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from rtvideo.sample.camera_simulator import Image

_BLOWN = 250


def quantise(image: npt.NDArray[np.floating]) -> Image:
    """Return an image in 0..1 as 8 bit: clipped, scaled by 255, truncated."""
    levels: Image = (np.clip(image, 0, 1) * 255).astype(np.uint8)
    return levels


def psnr(image: Image, reference: Image) -> float:
    """Return the peak signal-to-noise ratio in dB over all channels; infinite for equal images."""
    error = float(np.mean((image.astype(np.float64) - reference) ** 2))
    return math.inf if error == 0 else 10 * math.log10(255**2 / error)


def ssim(image: Image, reference: Image) -> float:
    """Return the structural similarity, at most 1. Images must be at least 7x7."""
    from skimage.metrics import structural_similarity

    return float(structural_similarity(image, reference, channel_axis=2, data_range=255))  # type: ignore[no-untyped-call]


def mean_matched_psnr(image: Image, reference: Image) -> float:
    """Return the PSNR once a gain has given ``image`` the reference's mean: what exposure cannot explain."""
    gain = reference.mean() / max(float(image.mean()), 1e-9)
    return psnr(quantise(image * (gain / 255)), reference)


def blown(image: Image) -> float:
    """Return the share of pixels whose channels all are at least 250: burnt to white."""
    return float((image >= _BLOWN).all(axis=2).mean())
