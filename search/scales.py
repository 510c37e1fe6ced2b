"""An illumination stage that may run at one of several scales, or not at all."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from model.iem import pad_to_multiple, resize

#: Among scales: the stage is left out.
OFF = 0


class ScaledStage(nn.Module):
    """What a stage subtracts from its state, for the mean of the results at several scales.

    `model.iem.IEM` computes ``x - cell(x)`` at the scale of the stage. Here the state lies on the finest
    grid. At each scale it is reduced, goes through the cell, and is enlarged again, as a description with
    that scale would do it; so ``x`` minus what this returns is the mean of the scales' results, by shares.

    Args:
        cell: for all scales, which see the same kind of state.
        scales: of the options; `OFF` for none.
        finest: the scale of the state's grid.
        shares: asked at every pass; (options,).
    """

    def __init__(
        self, cell: nn.Module, scales: Sequence[int], finest: int, shares: Callable[[], Tensor]
    ) -> None:
        super().__init__()
        self.cell, self.scales, self.finest, self.shares = cell, scales, finest, shares

    @property
    def c5(self) -> nn.Module:
        """The cell's fusion, which `model.iem.IEM` makes small at first."""
        return self.cell.get_submodule("c5")

    def forward(self, x: Tensor) -> Tensor:
        """Return (N, 3, h, w) for a state (N, 3, h, w)."""
        shares, total = self.shares(), torch.zeros_like(x)
        for share, scale in zip(shares, self.scales, strict=True):
            if scale != OFF:
                total = total + share * (x - self._at(x, scale // self.finest))
        return total

    def _at(self, x: Tensor, reduction: int) -> Tensor:
        if reduction == 1:
            same: Tensor = x - self.cell(x)
            return same
        padded = pad_to_multiple(x, reduction)
        coarse = functional.avg_pool2d(padded, reduction)
        enlarged = resize(coarse - self.cell(coarse), padded.shape[-2:])
        return enlarged[..., : x.shape[-2], : x.shape[-1]]
