"""A plain graph to compare the models with: four convolutions of 3x3 in a row, without an idea of light.

Small networks for dark pictures are built like this, such as MobileIE (ICCV 2025), and trained with more
branches than they keep: beside each 3x3 convolution one of 1x1, and the input itself, which are linear, too,
so that their sum is one 3x3 convolution again (RepVGG, CVPR 2021). Here they are added before each use.
"""

from __future__ import annotations

import dataclasses

import torch
from torch import Tensor, nn
from torch.nn import functional

from model import compiled
from model.cell import lrelu
from model.clamp import clamp
from model.iem import WHOLE, Light, Part, around, levels, shrink
from model.recipes import Recipe
from model.ruas import RUAS
from rtvideo.models.description import Description

#: Channels between the convolutions. With them it has as many weights as `night`, within 2 %.
CHANNELS = 12
_DEPTH = 4


class FoldedConvolution(nn.Module):
    """A 3x3 convolution, zero outside, that learns as the sum of 3x3, 1x1 and, of equal channels, the input.

    Args:
        channels, outs: of (N, C, H, W) and of the result.
    """

    def __init__(self, channels: int, outs: int) -> None:
        super().__init__()
        self.three = nn.Conv2d(channels, outs, 3, padding=1)
        self.one = nn.Conv2d(channels, outs, 1, bias=False)
        self.kept = channels == outs

    def folded(self) -> Tensor:
        """Return the kernel, (C', C, 3, 3), that is the sum of the branches."""
        middle = self.one.weight
        if self.kept:
            middle = middle + torch.eye(middle.shape[0])[..., None, None]
        return self.three.weight + functional.pad(middle, (1, 1, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        """Return (N, C', H, W) for (N, C, H, W)."""
        assert self.three.bias is not None
        return compiled.convolution(x, self.folded(), self.three.bias)


class PlainGraph(nn.Module):
    """Stands in the place of a `model.iem.IEM`: an image and a wish for brightness in, an image out.

    Its result is the input plus what the last convolution says. It sees nine pixels each way, no frame.
    """

    def __init__(self) -> None:
        super().__init__()
        sizes = (4, *(_DEPTH - 1) * (CHANNELS,), 3)
        self.layers = nn.ModuleList(map(FoldedConvolution, sizes, sizes[1:]))
        last = self.layers[-1]
        assert isinstance(last, FoldedConvolution)
        shrink(last.three)

    def forward(
        self,
        y: Tensor,
        strength: float | Tensor = 1.0,
        brightness: float | Tensor = 0.0,
        *,
        stages: bool = False,
        part: Part = WHOLE,
    ) -> Light:
        """Return the lit part of ``y``, (N, 3, H, W) in 0..1 or codes of 8 bits. It has no illumination."""
        near, within = around(y, part, _DEPTH)
        near = levels(near)
        wish = near.new_zeros(len(near), 1, *near.shape[2:]) + brightness
        x = torch.cat([near, wish], 1)
        for number, layer in enumerate(self.layers):
            x = layer(lrelu(x) if number else x)
        y = near[(..., *within)]
        u = y + strength * x[(..., *within)]
        return Light(y, [], torch.ones_like(y[:, :1]), clamp(u, 0, 1), strength)


def plain(description: Description) -> RUAS:
    """Return the graph, untrained, in the place of a description's illumination, without noise removal."""
    net = RUAS(dataclasses.replace(description, noise=None))
    net.add_module("illumination", PlainGraph())
    return net


def weights(net: RUAS) -> int:
    """Return how many weights it has once its branches are folded."""
    folded = [layer for layer in net.modules() if isinstance(layer, FoldedConvolution)]
    return sum(layer.folded().numel() + layer.three.out_channels for layer in folded)


def recipe_of(recipe: Recipe) -> Recipe:
    """Return a recipe as the graph can take it: the weights that are held are those of another graph."""
    return dataclasses.replace(recipe, fixed={})
