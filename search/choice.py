"""A choice among options, relaxed so that it has a slope: the architecture parameters of a search."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

#: Spread of alpha at the start, as in DARTS: enough to break ties.
_ALPHA_STD = 1e-3


class Choice(nn.Module):
    """One of several options for each row, such as the operation of each edge of a cell.

    Shares are ``softmax(alpha)``: every option is computed, weighed by its share (DARTS, ICLR 2019). After
    `draw` they are one sample of that distribution, exactly 0 or 1, with the slope of the softmax of the
    same Gumbel noise (GDAS, CVPR 2019; SNAS, ICLR 2019): weights cannot make up for a small share then.

    Attributes:
        alpha: (rows, options).
        active: (rows, options) of bool: what `keep` and `shrink` have left.
        kept, options: which options each row has, and how many, before any of them is dropped.
        temperature: divides alpha, and the noise of a draw: at a low one a sample's slope is its own.
    """

    active: Tensor

    def __init__(self, rows: int, options: int) -> None:
        super().__init__()
        self.alpha = nn.Parameter(_ALPHA_STD * torch.randn(rows, options))
        self.register_buffer("active", torch.ones(rows, options, dtype=torch.bool))
        self.options = options
        self.kept = torch.ones(options, dtype=torch.bool)
        self.temperature = 1.0
        self._noise: Tensor | None = None

    def probabilities(self) -> Tensor:
        """Return softmax(alpha) over what is left of each row's options."""
        return (self._left(self.alpha) / self.temperature).softmax(1)

    def preferences(self) -> Tensor:
        """Return log softmax(alpha), of what was dropped, too: what else a row would rather be."""
        alpha = self.alpha.detach().masked_fill(~self.kept.to(self.alpha.device), -torch.inf)
        return alpha.log_softmax(1)

    def shares(self) -> Tensor:
        """Return what each option counts: its probability, or 0 or 1 after a draw."""
        if self._noise is None:
            return self.probabilities()
        soft = (self._left(self.alpha + self._noise) / self.temperature).softmax(1)
        one = torch.zeros_like(soft).scatter(1, soft.argmax(1, keepdim=True), 1)
        return one + soft - soft.detach()

    def draw(self, generator: torch.Generator | None) -> None:
        """Sample an option for each row; with None, go back to probabilities."""
        if generator is None:
            self._noise = None
            return
        # -log of an exponential variable is a Gumbel variable.
        exponential = torch.empty(self.alpha.shape).exponential_(generator=generator)
        self._noise = -exponential.log().to(self.alpha)

    def keep(self, options: Sequence[bool]) -> None:
        """Say which options there are at all; before anything is dropped."""
        self.kept = torch.tensor(options)
        self.active.copy_(self.kept.expand_as(self.active))
        self.options = int(self.kept.sum())

    def shrink(self, left: int) -> None:
        """Drop each row's least probable options until ``left`` of them remain, at least one."""
        order = self._left(self.alpha.detach()).argsort(1, descending=True)
        self.active &= torch.zeros_like(self.active).scatter(1, order[:, : max(1, left)], True)

    def chosen(self) -> list[int]:
        """Return the most probable option of each row."""
        found: list[int] = self.probabilities().argmax(1).tolist()
        return found

    def entropy(self) -> Tensor:
        """Return the mean over rows of the entropy of the shares, as a share of the largest, 0..1."""
        p = self.probabilities()
        largest = torch.tensor(float(self.options)).log()
        return -(p * p.clamp_min(1e-9).log()).sum(1).mean() / largest

    def _left(self, alpha: Tensor) -> Tensor:
        return alpha.masked_fill(~self.active, -torch.inf)
