"""Noise removal that learns from noisy images alone.

Huang et al., "Neighbor2Neighbor: Self-Supervised Denoising from Single Noisy Images" (CVPR 2021). Of each 2x2
cell of pixels two neighbours are drawn, which makes two half-size images of one scene. What one says of the
other is the scene; of noise that is independent from pixel to pixel it says nothing, so none is learned.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

#: Ordered pairs of neighbours in a 2x2 cell whose pixels are numbered by rows.
_NEIGHBOURS = ((0, 1), (0, 2), (1, 3), (2, 3), (1, 0), (2, 0), (3, 1), (3, 2))


def neighbour_to_neighbour(
    remove: Callable[[Tensor, Tensor], Tensor], u: Tensor, t: Tensor, x: Tensor, gamma: float = 0.0
) -> Tensor:
    """Return ``mean (f(g1 u) - g2 u)^2 + gamma mean (f(g1 u) - g2 u - (g1 x - g2 x))^2``.

    The second term is what keeps texture, which neighbours do not share: ``x = f(u)`` says how much of their
    difference is no noise. No gradient flows through ``x``, as in the paper.

    Args:
        remove: f, from a lit image and its illumination to the image without noise.
        u, t, x: (N, 3, H, W), (N, 1 or 3, H, W) and (N, 3, H, W), at least 2x2: the lit image, its
            illumination, and f of both.
        gamma: weight of the second term. The paper ends at 1 to 2; where noise is as strong as in a lit night
            photograph, texture is the smaller concern.
    """
    u1, u2 = _pair(u)
    t1, _ = _pair(t)
    x1, x2 = _pair(x.detach())
    error = remove(u1, t1) - u2
    return error.square().mean() + gamma * (error - (x1 - x2)).square().mean()


def _pair(x: Tensor) -> tuple[Tensor, Tensor]:
    """Return g1 and g2 of ``x``, (N, C, H // 2, W // 2) each.

    Which neighbours is random from cell to cell but the same at every call: crops and turns move it over the
    scene, and a training that was killed goes on to the same end.
    """
    n, c, height, width = x.shape
    height, width = height // 2, width // 2
    cells = functional.pixel_unshuffle(x[..., : 2 * height, : 2 * width], 2).view(n, c, 4, height, width)
    draw = torch.randint(len(_NEIGHBOURS), (height, width), generator=torch.Generator().manual_seed(0))
    pairs = torch.tensor(_NEIGHBOURS)[draw].to(x.device)

    def take(index: Tensor) -> Tensor:
        return cells.gather(2, index.expand(n, c, 1, height, width))[:, :, 0]

    return take(pairs[..., 0]), take(pairs[..., 1])
