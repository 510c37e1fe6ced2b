"""The losses of section 3.2.3, and further terms that need no reference.

All are means over batch, channels and pixels where the papers write sums, so that weights do not depend on
the crop's size. Images are (N, C, H, W) in 0..1.
"""

from __future__ import annotations

import functools
import math

import torch
from torch import Tensor
from torch.nn import functional

from model import compiled


def fidelity(x: Tensor, target: Tensor) -> Tensor:
    """Return ``1/2 mean (x - target)^2``: t against t_hat_0, or x against u_K."""
    return 0.5 * (x - target).square().mean()


def total_variation(x: Tensor) -> Tensor:
    """Return ``mean |d_x x| + mean |d_y x|``, forward differences."""
    return mean(_difference(x, 3).abs()) + mean(_difference(x, 2).abs())


def gained_variation(x: Tensor, t: Tensor) -> Tensor:
    """Return the total variation of ``x``, each difference weighted by the gain ``1 / t`` of its pixel.

    The weight of total variation that fits noise grows with the noise's variance (Rudin et al., Physica D
    1992, as a posterior), and shot noise of mean u, once lit, has the variance ``u / t`` times a constant.
    Gains count up to 50.
    """
    gain = 1 / t.detach().clamp_min(0.02)
    return mean(_difference(x, 3).abs() * gain[..., 1:]) + mean(_difference(x, 2).abs() * gain[..., 1:, :])


def relative_total_variation(t: Tensor, sigma: float = 3.0, eps: float = 1e-3) -> Tensor:
    """Return the relative total variation of Xu et al., "Structure extraction from texture" (TOG 2012).

    ``mean D_x / (L_x + eps) + mean D_y / (L_y + eps)`` with ``D = sum_q g |d t|_q``,
    ``L = |sum_q g (d t)_q|`` and ``g`` a Gaussian window of ``sigma`` pixels, cut off at 2.5 sigma. Across an
    edge all differences have one sign, so D = L and the term is at most 1; across texture they cancel in L.
    """
    total = t.new_zeros(())
    for axis in (2, 3):
        d = _difference(t, axis)
        if d.numel():
            spread, net = _gaussian(torch.stack((d.abs(), d)), sigma)
            total = total + (spread / (net.abs() + eps)).mean()
    return total


def charbonnier(x: Tensor, target: Tensor, eps: float = 1e-3) -> Tensor:
    """Return ``mean (sqrt((x - target)^2 + eps^2) - eps)``: L1 with a slope that is defined at zero."""
    return ((x - target).square() + eps**2).sqrt().mean() - eps


def brightness(x: Tensor, target: Tensor, patch: int = 16) -> Tensor:
    """Return ``mean |X - T|``, the means of each patch and channel: light and colour, whatever the noise."""
    side = min(patch, *x.shape[-2:])
    return (functional.avg_pool2d(x, side) - functional.avg_pool2d(target, side)).abs().mean()


def exposure(x: Tensor, target: Tensor, patch: int = 16) -> Tensor:
    """Return ``mean (X - T)^2``, the means of each patch and channel.

    What is light in a scene counts for as much as it is light. Of absolute differences the median over
    patches decides, and a picture with a few bright parts comes out too dark.
    """
    side = min(patch, *x.shape[-2:])
    return (functional.avg_pool2d(x, side) - functional.avg_pool2d(target, side)).square().mean()


def dissimilarity(x: Tensor, target: Tensor) -> Tensor:
    """Return ``1 - SSIM`` (Wang et al., TIP 2004) with the 7x7 mean windows of `model.metrics.ssim`.

    Images must be at least 7x7.
    """
    if compiled.applies(x):
        return compiled.dissimilarity(x, target)
    size = 7
    sample = size**2 / (size**2 - 1)  # scikit-image uses the sample covariance
    mean_x, mean_y = _box(x, size), _box(target, size)
    var_x = sample * (_box(x * x, size) - mean_x**2)
    var_y = sample * (_box(target * target, size) - mean_y**2)
    cov = sample * (_box(x * target, size) - mean_x * mean_y)
    c1, c2 = 0.01**2, 0.03**2
    luminance = (2 * mean_x * mean_y + c1) / (mean_x**2 + mean_y**2 + c1)
    structure = (2 * cov + c2) / (var_x + var_y + c2)
    return 1 - (luminance * structure).mean()


def exposure_control(x: Tensor, level: float = 0.6, patch: int = 16) -> Tensor:
    """Return ``mean |Y - level|``, Y the grey mean of each patch (Zero-DCE, CVPR 2020)."""
    grey = x.mean(1, keepdim=True)
    side = min(patch, *grey.shape[-2:])
    return (functional.avg_pool2d(grey, side) - level).abs().mean()


def exposure_level(x: Tensor, level: float = 0.575) -> Tensor:
    """Return ``mean |rms X - level|``, X the largest channel of each image as a whole.

    Exposure control of Zero-DCE, but of the frame and not of its patches, which would make all parts of it
    equally bright; and by the root mean square, which lamps raise more than the mean, so that they burn less.
    """
    power = x.amax(1).square().mean((1, 2)).clamp_min(1e-6)  # the root's slope at zero is infinite
    return (power.sqrt() - level).abs().mean()


def tone(x: Tensor, y: Tensor, exponent: float = 0.5, region: int = 4, floor: float = 0.01) -> Tensor:
    """Return ``mean (d log X - exponent d log Y)^2``, X and Y as in `spatial_consistency`, ``floor`` added.

    Spatial consistency of Zero-DCE for a power law: brightness is felt as about the square root of light
    (Stevens, "To honor Fechner and repeal his law", Science 1961), so ratios of light shrink by that
    power, and the same everywhere: an illumination that follows the scene any closer takes its light away.
    """
    side = min(region, *x.shape[-2:])
    log_x, log_y = ((functional.avg_pool2d(z.mean(1, keepdim=True), side) + floor).log() for z in (x, y))
    change = [(_difference(log_x, a) - exponent * _difference(log_y, a)).square() for a in (2, 3)]
    return mean(change[0]) + mean(change[1])


def colour_constancy(x: Tensor) -> Tensor:
    """Return the squared differences of the channels' means, summed over pairs (Zero-DCE)."""
    r, g, b = x.mean((2, 3)).unbind(1)
    return ((r - g).square() + (r - b).square() + (g - b).square()).mean()


def spatial_consistency(x: Tensor, y: Tensor, region: int = 4) -> Tensor:
    """Return how far differences of neighbouring regions' brightness changed (Zero-DCE).

    ``mean (|d X| - |d Y|)^2``, right and lower neighbours (each pair once instead of twice), X and Y the mean
    brightness of regions of the result ``x`` and the input ``y``.
    """
    side = min(region, *x.shape[-2:])
    bright_x, bright_y = (functional.avg_pool2d(z.mean(1, keepdim=True), side) for z in (x, y))
    total = x.new_zeros(())
    for axis in (2, 3):
        change = _difference(bright_x, axis).abs() - _difference(bright_y, axis).abs()
        total = total + mean(change.square())
    return total


def mean(x: Tensor) -> Tensor:
    """Return the mean, zero for a tensor without elements: a frame of one row has no vertical differences."""
    return x.mean() if x.numel() else x.new_zeros(())


def _difference(x: Tensor, axis: int) -> Tensor:
    return torch.diff(x, dim=axis)


# Sums over windows are products with band matrices: faster than pooling or a convolution of one channel.


def _box(x: Tensor, size: int) -> Tensor:
    """Return the mean over windows of ``size x size`` that lie inside."""

    def band(length: int) -> Tensor:
        ahead = _distances(length, x)[: length - size + 1]
        return ((ahead >= 0) & (ahead < size)).to(x.dtype) / size

    return band(x.shape[2]) @ x @ band(x.shape[3]).T


def _gaussian(x: Tensor, sigma: float) -> Tensor:
    """Blur with zeros outside; numerator and denominator of a ratio lose alike at the border."""
    down, across = (_bell(length, sigma, x.dtype, x.device) for length in x.shape[-2:])
    return down @ x @ across


@functools.lru_cache(maxsize=16)
def _bell(length: int, sigma: float, dtype: torch.dtype, device: torch.device) -> Tensor:
    """Return the Gaussian window of each place as a row of (length, length)."""
    radius = round(2.5 * sigma)
    total = sum(math.exp(-(k**2) / (2 * sigma**2)) for k in range(-radius, radius + 1))
    distance = _distances(length, torch.empty(0, dtype=dtype, device=device))
    return (-distance.square() / (2 * sigma**2)).exp() * (distance.abs() <= radius) / total


def _distances(length: int, like: Tensor) -> Tensor:
    """Return the (length, length) matrix of ``column - row``."""
    place = torch.arange(length, dtype=like.dtype, device=like.device)
    return place - place[:, None]
