"""A clamp that values can come back from: its slope is zero only for steps that lead further out."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


def clamp(x: Tensor, low: float, high: float) -> Tensor:
    """Return ``x`` limited to ``low..high``.

    `torch.clamp` has no slope outside, so that a pixel which an untrained network burns out stays burnt out:
    nothing tells it to darken. Here the gradient passes wherever a step against it leads back inside.
    """
    return _Clamp.apply(x, low, high)  # type: ignore[no-untyped-call, no-any-return]


class _Clamp(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, low: float, high: float) -> Tensor:
        ctx.save_for_backward(x)
        ctx.limits = low, high
        return x.clamp(low, high)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        (gradient,) = gradients
        (x,) = ctx.saved_tensors
        low, high = ctx.limits
        outwards = ((x > high) & (gradient < 0)) | ((x < low) & (gradient > 0))
        return gradient.masked_fill(outwards, 0), None, None
