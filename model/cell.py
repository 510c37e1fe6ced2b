"""The distillation cell (figure 2 d): remaining and distilling edges, a last edge and a 1x1 fusion."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

from model import compiled
from model.operations import OPERATIONS, Convolution, Skip
from rtvideo.models.description import Genotype

#: Slope of the leaky ReLU below zero, as in the released code.
SLOPE = 0.05

#: The cell's attribute for each edge of a genotype; also the names in the released checkpoints.
ATTRIBUTES = {"d1": "c1_d", "r1": "c1_r", "d2": "c2_d", "r2": "c2_r", "d3": "c3_d", "r3": "c3_r", "c4": "c4"}


class DistillationCell(nn.Module):
    """Node k distils ``d_k = lrelu(op_d(r_k))`` and passes on ``r_{k+1} = lrelu(op_r(r_k) + r_k)``.

    The last edge is ``d_4 = lrelu(c4(r_4))``; the 1x1 fusion ``c5`` joins ``d_1 .. d_4`` into C channels.

    Args:
        channels: C, of input, output and every edge.
        edges: a genotype, or a function from an edge's name (``d1 r1 d2 r2 d3 r3 c4``) to its operation,
            which a search fills with mixtures.
    """

    c1_d: nn.Module
    c1_r: nn.Module
    c2_d: nn.Module
    c2_r: nn.Module
    c3_d: nn.Module
    c3_r: nn.Module
    c4: nn.Module

    def __init__(self, channels: int, edges: Genotype | Callable[[str], nn.Module]) -> None:
        super().__init__()
        for edge, attribute in ATTRIBUTES.items():
            if isinstance(edges, Genotype):
                operation: nn.Module = OPERATIONS[getattr(edges, edge)](channels)
            else:
                operation = edges(edge)
            self.add_module(attribute, operation)
        self.c5 = nn.Conv2d(4 * channels, channels, 1)

    def edges(self) -> dict[str, nn.Module]:
        """Return each edge's operation by the edge's name."""
        return {edge: self.get_submodule(attribute) for edge, attribute in ATTRIBUTES.items()}

    def forward(self, x: Tensor) -> Tensor:
        """Return (N, C, H, W) for (N, C, H, W)."""
        if compiled.applies(x) and (edges := self._convolutions()) is not None:
            return compiled.cell(x, edges, self.c5, SLOPE)
        distilled = []
        for d, r in ((self.c1_d, self.c1_r), (self.c2_d, self.c2_r), (self.c3_d, self.c3_r)):
            distilled.append(lrelu(d(x)))
            x = lrelu(r(x) + x)
        distilled.append(lrelu(self.c4(x)))
        fused: Tensor = self.c5(torch.cat(distilled, 1))
        return fused

    def _convolutions(self) -> list[compiled.Edge | None] | None:
        """Return what the edges compute; None where one of them is no candidate operation."""
        found: list[compiled.Edge | None] = []
        for edge in self.edges().values():
            if isinstance(edge, Convolution) and edge.op.bias is not None:
                found.append(compiled.Edge(edge.op.weight, edge.op.bias, edge.op.dilation[0], edge.residual))
            elif isinstance(edge, Skip):
                found.append(None)
            else:
                return None
        return found

    @property
    def multiply_adds(self) -> int:
        """Multiply-adds a pixel; every edge's operation must have ``multiply_adds`` too."""
        return sum(multiply_adds(edge) for edge in self.edges().values()) + multiply_adds(self.c5)


def multiply_adds(module: nn.Module) -> int:
    """Return a module's multiply-adds a pixel: what it says itself, or the weights of a plain convolution."""
    if isinstance(module, nn.Conv2d):
        return module.weight.numel()
    count = module.multiply_adds
    assert isinstance(count, int)
    return count


def lrelu(x: Tensor) -> Tensor:
    """Return the leaky ReLU of the cell."""
    return functional.leaky_relu(x, SLOPE)
