"""The upper level's gradient by one unrolled step: steps 5 and 10 (equations 7 and 8 of DARTS, ICLR 2019)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor
from torch.autograd import grad

#: A loss of one image, evaluated at whatever alpha and omega the network has when it is called.
Loss = Callable[[], Tensor]

#: How far the finite difference steps, as a norm; the value of DARTS.
REACH = 1e-2


def unrolled_gradient(
    train: Loss, val: Loss, alpha: Sequence[Tensor], weights: Sequence[Tensor], xi: float
) -> list[Tensor]:
    """Return ``d/d alpha L_val(alpha; omega - xi grad_omega L_tr)``, a tensor for each of ``alpha``.

    By the chain rule that is ``grad_alpha L_val - xi grad^2_{alpha, omega} L_tr grad_omega L_val``; both
    gradients of L_val are at the unrolled weights. With ``xi = 0`` it is the first-order gradient.
    Afterwards the weights are as before, to the bit.
    """
    if xi == 0:
        return list(grad(val(), alpha))
    with moved(weights, grad(train(), weights), -xi):
        gradients = grad(val(), [*alpha, *weights])
    direct, v = gradients[: len(alpha)], gradients[len(alpha) :]
    return [d - xi * h for d, h in zip(direct, hessian_vector(train, alpha, weights, v), strict=True)]


def hessian_vector(
    loss: Loss, alpha: Sequence[Tensor], weights: Sequence[Tensor], v: Sequence[Tensor], reach: float = REACH
) -> list[Tensor]:
    """Return ``grad^2_{alpha, omega} L v`` by central differences of ``grad_alpha L`` at ``omega +- eps v``.

    ``eps = reach / |v|``. Where ``v`` is zero, so is the product.
    """
    norm = torch.sqrt(sum((x.square().sum() for x in v), torch.zeros((), device=v[0].device))).item()
    if norm == 0:
        return [torch.zeros_like(a) for a in alpha]
    eps = reach / norm
    with moved(weights, v, eps):
        ahead = grad(loss(), alpha)
    with moved(weights, v, -eps):
        behind = grad(loss(), alpha)
    return [(a - b) / (2 * eps) for a, b in zip(ahead, behind, strict=True)]


@contextmanager
def moved(weights: Sequence[Tensor], direction: Sequence[Tensor], step: float) -> Iterator[None]:
    """Set ``weights += step * direction`` for the length of the block, then put the old values back."""
    before = [w.detach().clone() for w in weights]
    with torch.no_grad():
        for w, d in zip(weights, direction, strict=True):
            w.add_(d, alpha=step)
    try:
        yield
    finally:
        with torch.no_grad():
            for w, old in zip(weights, before, strict=True):
                w.copy_(old)
