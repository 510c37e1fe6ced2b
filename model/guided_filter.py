"""Guided upsampling of the illumination: how ``log t`` follows a pixel's light, as a line around each cell.

The fast guided filter (He and Sun, arXiv:1505.00996) with radius 1, on logarithms: lines are fitted and
averaged on the grid, and only their two coefficients are resized to full size. Step 7 of
`rtvideo.models.description` is the exact computation.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from rtvideo.models.description import GUIDE_EPSILON


def lines(guide: Tensor, log_t: Tensor) -> tuple[Tensor, Tensor]:
    """Return slope and intercept of ``log_t`` over ``guide``: (N, C, h, w) each, natural logarithms."""
    light, wanted = _around(guide), _around(log_t)
    light_mean, wanted_mean = light.mean(2), wanted.mean(2)
    off = light - light_mean[:, :, None]
    covariance = (off * (wanted - wanted_mean[:, :, None])).mean(2)
    slope = covariance / (off.square().mean(2) + GUIDE_EPSILON)
    intercept = log_t + wanted_mean - slope * (guide + light_mean)
    return slope + _around(slope).mean(2), intercept + _around(intercept).mean(2)


def _around(x: Tensor) -> Tensor:
    """Return what the 3x3 cells around each are above its own, (N, C, 9, h, w); edges repeat.

    Differences are small where values are not, so that sums of their products stay exact in f32.
    """
    height, width = x.shape[-2:]
    padded = functional.pad(x, (1, 1, 1, 1), mode="replicate")
    parts = [padded[..., i : i + height, j : j + width] - x for i in range(3) for j in range(3)]
    return torch.stack(parts, 2)
