"""The distillation cell with a mixed operation on every edge (section 3.2.1), computed as plain convolutions.

Every candidate is linear in its input, so their weighted sum is one 5x5 convolution whose kernel is the
weighted sum of theirs: a 1x1 kernel is its centre, a 3x3 one its middle, a dilated 3x3 one its even rows and
columns, and what a skip or a residual adds is a one at the centre of the diagonal. Exact, and much faster.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from model import compiled
from model.cell import SLOPE, lrelu
from model.operations import OPERATIONS, Convolution, Operation, Skip
from rtvideo.models.description import Genotype

#: Returns softmax(alpha), (7, 7): each edge's (row) shares of the candidates (columns, as in `OPERATIONS`).
Shares = Callable[[], Tensor]

#: Returns by what each channel is multiplied, (C,): 0 for one that a narrower network has not.
Mask = Callable[[], Tensor]

EDGES = len(Genotype._fields)
_SIDE = 5
_MIDDLE = _SIDE // 2


class MixedCell(nn.Module):
    """A `model.cell.DistillationCell` whose every edge computes ``sum_o softmax(alpha)_o op_o(x)``.

    The seven kernels are composed together, and the two edges that leave a node run as one convolution.

    Args:
        channels: C, of input, output and every edge.
        shares: asked at every pass; cells of one architecture are given the same.
        mask: the same, where the number of channels is searched, too (FBNetV2, CVPR 2020).

    Attributes:
        kernels: (7 edges, C * C, 38): the six convolutions' taps side by side.
        biases: (7 edges, C, 6).
    """

    layout: Tensor
    biased: Tensor
    identity: Tensor

    def __init__(self, channels: int, shares: Shares, mask: Mask | None = None) -> None:
        super().__init__()
        self.channels = channels
        self.shares = shares
        self.mask = mask
        edges = [[make(channels) for make in OPERATIONS.values()] for _ in range(EDGES)]
        self.kernels = nn.Parameter(torch.stack([torch.cat(taps(edge), 1) for edge in edges]))
        self.biases = nn.Parameter(torch.stack([torch.stack(biases(edge), 1) for edge in edges]))
        self.c5 = nn.Conv2d(4 * channels, channels, 1)
        self.register_buffer("layout", layout(edges[0]), persistent=False)
        biased = [[float(o is c) for c in edges[0] if isinstance(c, Convolution)] for o in edges[0]]
        self.register_buffer("biased", torch.tensor(biased), persistent=False)
        self.register_buffer("identity", torch.eye(channels).view(1, -1, 1), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Return (N, C, H, W) for (N, C, H, W); the border is zero."""
        kernel, bias = self.compose()
        mask: Tensor | float = 1.0
        if self.mask is not None:
            kept = self.mask()
            kernel, bias = kernel * kept[:, None, None, None], bias * kept
            mask = kept[:, None, None]
            x = x * mask
        if compiled.applies(x):
            edges = [compiled.Edge(*edge) for edge in zip(kernel.unbind(), bias.unbind(), strict=True)]
            return compiled.cell(x, edges, self.c5, SLOPE) * mask
        distilled = []
        for d in (0, 2, 4):
            both = slice(d, d + 2)
            out = compiled.convolution(x, kernel[both].flatten(0, 1), bias[both].flatten())
            to_last, to_next = out.chunk(2, 1)
            distilled.append(lrelu(to_last))
            x = lrelu(to_next + x)
        distilled.append(lrelu(compiled.convolution(x, kernel[6], bias[6])))
        fused: Tensor = self.c5(torch.cat(distilled, 1)) * mask
        return fused

    def compose(self) -> tuple[Tensor, Tensor]:
        """Return the mixtures as one convolution an edge: kernels (7, C, C, 5, 5) and biases (7, C)."""
        given = self.shares(), self.kernels, self.biases, self.layout, self.biased, self.identity
        kernel, bias = _Composed.apply(*given)  # type: ignore[no-untyped-call]
        return kernel.view(EDGES, self.channels, self.channels, _SIDE, _SIDE), bias


class _Composed(torch.autograd.Function):
    """`MixedCell.compose`, with its gradient by hand: torch's own keeps a record of twenty small operations.

    On small crops that record takes as long as the cell. What is in between is computed again on the way
    back, so that the gradient has a gradient.
    """

    @staticmethod
    def forward(
        ctx: Any, shares: Tensor, kernels: Tensor, biases: Tensor, *fixed: Tensor
    ) -> tuple[Tensor, Tensor]:
        ctx.save_for_backward(shares, kernels, biases, *fixed)
        layout, biased, identity = fixed
        spread = _spread(shares, layout)
        kernel = torch.baddbmm(identity * spread[:, -1:], kernels, spread[:, :-1])
        return kernel, (biases @ (shares @ biased)[:, :, None]).squeeze(2)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        shares, kernels, biases, layout, biased, identity = ctx.saved_tensors
        of_kernel, of_bias = gradients
        of_spread = torch.cat((kernels.mT @ of_kernel, (identity * of_kernel).sum(1, keepdim=True)), 1)
        of_places, of_counts = of_spread.flatten(1), (of_bias[:, None] @ biases).squeeze(1)
        of_shares = of_places @ layout.flatten(1).T + of_counts @ biased.T
        of_kernels = of_kernel @ _spread(shares, layout)[:, :-1].mT
        of_biases = of_bias[:, :, None] * (shares @ biased)[:, None]
        return of_shares, of_kernels, of_biases, None, None, None


def _spread(shares: Tensor, layout: Tensor) -> Tensor:
    """Return what each tap, and the input itself, counts at each place of an edge's kernel: (7, 39, 25)."""
    return (shares @ layout.flatten(1)).view(EDGES, -1, _SIDE * _SIDE)


def taps(edge: Sequence[Operation]) -> list[Tensor]:
    """Return each convolution's kernel as (C * C, taps)."""
    return [o.op.weight.detach().flatten(0, 1).flatten(1) for o in edge if isinstance(o, Convolution)]


def biases(edge: Sequence[Operation]) -> list[Tensor]:
    """Return each convolution's bias, (C,)."""
    return [o.op.bias.detach() for o in edge if isinstance(o, Convolution) and o.op.bias is not None]


def layout(edge: Sequence[Operation]) -> Tensor:
    """Return where each candidate's taps lie in the composed kernel: (7, 38 + 1, 25) of zeros and ones.

    The last tap is the weight of the input itself, which skip and the residual operations add.
    """
    owned: list[tuple[int, int]] = []  # (candidate, position) of each tap
    for index, operation in enumerate(edge):
        if isinstance(operation, Convolution):
            reach = range(-(operation.op.kernel_size[0] // 2), operation.op.kernel_size[0] // 2 + 1)
            step = operation.op.dilation[0]
            owned += [
                (index, (_MIDDLE + i * step) * _SIDE + _MIDDLE + j * step) for i in reach for j in reach
            ]
    places = torch.zeros(len(edge), len(owned) + 1, _SIDE * _SIDE)
    for tap, (index, position) in enumerate(owned):
        places[index, tap, position] = 1
    for index, operation in enumerate(edge):
        if isinstance(operation, Skip) or operation.residual:
            places[index, -1, _MIDDLE * _SIDE + _MIDDLE] = 1
    return places
