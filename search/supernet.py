"""The supernet: IEM and NRM with mixed operations, one architecture a module, and what else is searched."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from model.genotypes import single
from model.iem import IEM
from model.nrm import NRM
from rtvideo.models.description import OPERATIONS, Description, Genotype, Illumination, Noise
from search.choice import Choice
from search.mixed import EDGES, MixedCell
from search.scales import ScaledStage
from search.space import Space

#: The paper's network; the genotypes stand in for the mixtures.
PAPER = Description(
    name="searched", illumination=Illumination(genotype=single("skip")), noise=Noise(genotype=single("skip"))
)


class Supernet(nn.Module):
    """Both modules, each with one choice of 7 edges among 7 operations for all its stages.

    The weights of stages differ.

    Args:
        description: what is not searched.
        space: what is, beside the operations.

    Attributes:
        iem, nrm: as `model.iem.IEM` and `model.nrm.NRM`, with mixed cells.
        choices: by name. ``t`` and ``n`` are the operations of IEM and NRM; ``scales`` of IEM's stages,
            ``channels`` and ``stages`` of NRM are there if the space has them.
    """

    widths: Tensor

    def __init__(self, description: Description = PAPER, space: Space | None = None) -> None:
        super().__init__()
        self.space = space or Space()
        self.description = description
        largest = self.space.largest(description)
        assert largest.noise is not None
        named = {"t": self._operations(), "n": self._operations()}
        if self.space.scales:
            named["scales"] = Choice(len(largest.illumination.scales), len(self.space.scales))
        if self.space.channels:
            named["channels"] = Choice(1, len(self.space.channels))
            widths = torch.tensor(self.space.channels)
            self.register_buffer("widths", torch.arange(largest.noise.channels) < widths[:, None], False)
        if self.space.stages:
            named["stages"] = Choice(1, len(self.space.stages))
        self.choices = nn.ModuleDict(named)
        self._stages = 0
        self.iem = IEM(largest.illumination, lambda channels, _: self._stage(channels))
        self.nrm = NRM(largest.noise, lambda channels, _: self._cell(channels))

    @property
    def alpha_t(self) -> nn.Parameter:
        """The operations of IEM (7 edges, 7 operations), before the softmax."""
        return self.choice("t").alpha

    @property
    def alpha_n(self) -> nn.Parameter:
        """The operations of NRM."""
        return self.choice("n").alpha

    def choice(self, name: str) -> Choice:
        """Return one of `choices`."""
        found = self.choices[name]
        assert isinstance(found, Choice)
        return found

    def all_choices(self) -> dict[str, Choice]:
        """Return `choices` with their type."""
        return {name: self.choice(name) for name in self.choices}

    def architecture_t(self) -> list[nn.Parameter]:
        """Return all alphas of IEM, that of the operations first."""
        return [self.choice(name).alpha for name in ("t", "scales") if name in self.choices]

    def architecture_n(self) -> list[nn.Parameter]:
        """Return all alphas of NRM, that of the operations first."""
        return [self.choice(name).alpha for name in ("n", "channels", "stages") if name in self.choices]

    def weights_t(self) -> list[nn.Parameter]:
        """Return omega_t, all weights of IEM."""
        return [weight for weight in self.iem.parameters() if weight.requires_grad]

    def weights_n(self) -> list[nn.Parameter]:
        """Return omega_n, all weights of NRM."""
        return list(self.nrm.parameters())

    def draw(self, generator: torch.Generator | None) -> None:
        """Sample a network, or with None go back to the mixture."""
        for choice in self.all_choices().values():
            choice.draw(generator)

    def genotypes(self) -> dict[str, Genotype]:
        """Return the derived cells, ``{"iem": ..., "nrm": ...}``."""
        return {"iem": self._derived("t"), "nrm": self._derived("n")}

    def derived(self) -> Description:
        """Return the most probable network."""
        options = {name: choice.chosen() for name, choice in self.all_choices().items()}
        return self.space.network(self.description, self.genotypes(), options)

    def denoised(self, stages: Sequence[Tensor]) -> Tensor:
        """Return the result of NRM of ``x_1 .. x_N``: the last, or the mean by the shares of the stages."""
        if not self.space.stages:
            return stages[-1]
        [shares] = self.choice("stages").shares()
        total = torch.zeros_like(stages[-1])
        for share, count in zip(shares, self.space.stages, strict=True):
            total = total + share * stages[count - 1]
        return total

    def forward(self, y: Tensor) -> Tensor:
        """Return the enhanced (N, 3, H, W) in 0..1 of the whole mixture (the supernet of figure 8)."""
        return self.denoised(self.nrm(self.iem(y).u)).clamp(0, 1)

    def _operations(self) -> Choice:
        choice = Choice(EDGES, len(OPERATIONS))
        choice.keep([name in self.space.operations for name in OPERATIONS])
        return choice

    def _stage(self, channels: int) -> nn.Module:
        cell = MixedCell(channels, self.choice("t").shares)
        if not self.space.scales:
            return cell
        number = self._stages
        self._stages += 1
        scales = self.choice("scales")
        return ScaledStage(cell, self.space.scales, self.space.scales[0], lambda: scales.shares()[number])

    def _cell(self, channels: int) -> MixedCell:
        shares = self.choice("n").shares
        if not self.space.channels:
            return MixedCell(channels, shares)
        return MixedCell(channels, shares, lambda: self.choice("channels").shares()[0] @ self.widths.float())

    def _derived(self, name: str) -> Genotype:
        return Genotype(*(OPERATIONS[i] for i in self.choice(name).chosen()))
