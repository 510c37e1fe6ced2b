"""The supernet: IEM (3 channels) and NRM (6 channels) with mixed operations, one architecture a module."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from model.genotypes import single
from model.iem import IEM
from model.nrm import NRM
from rtvideo.models.description import OPERATIONS, Description, Genotype, Illumination, Noise
from search.mixed import EDGES, MixedCell

#: Spread of alpha at the start, as in DARTS: enough to break ties.
_ALPHA_STD = 1e-3

#: The paper's network; the genotypes stand in for the mixtures.
PAPER = Description(
    name="searched", illumination=Illumination(genotype=single("skip")), noise=Noise(genotype=single("skip"))
)


class Supernet(nn.Module):
    """Both modules, each with one alpha (7 edges, 7 operations) for all its stages, whose weights differ.

    Attributes:
        iem, nrm: as `model.iem.IEM` and `model.nrm.NRM`, with mixed cells.
        alpha_t, alpha_n: the architectures of IEM and NRM, before the softmax.
    """

    def __init__(self, description: Description = PAPER) -> None:
        super().__init__()
        assert description.noise is not None
        self.alpha_t = nn.Parameter(_ALPHA_STD * torch.randn(EDGES, len(OPERATIONS)))
        self.alpha_n = nn.Parameter(_ALPHA_STD * torch.randn(EDGES, len(OPERATIONS)))
        self.iem = IEM(
            description.illumination, lambda channels, _: MixedCell(channels, lambda: shares(self.alpha_t))
        )
        self.nrm = NRM(
            description.noise, lambda channels, _: MixedCell(channels, lambda: shares(self.alpha_n))
        )

    def weights_t(self) -> list[nn.Parameter]:
        """Return omega_t, all weights of IEM."""
        return list(self.iem.parameters())

    def weights_n(self) -> list[nn.Parameter]:
        """Return omega_n, all weights of NRM."""
        return list(self.nrm.parameters())

    def genotypes(self) -> dict[str, Genotype]:
        """Return the derived cells, ``{"iem": ..., "nrm": ...}``."""
        return {"iem": derive(self.alpha_t), "nrm": derive(self.alpha_n)}

    def forward(self, y: Tensor) -> Tensor:
        """Return the enhanced (N, 3, H, W) in 0..1 of the whole mixture (the supernet of figure 8)."""
        x: Tensor = self.nrm(self.iem(y).u)[-1]
        return x.clamp(0, 1)


def shares(alpha: Tensor) -> Tensor:
    """Return softmax(alpha) over the operations of each edge."""
    return alpha.softmax(1)


def derive(alpha: Tensor) -> Genotype:
    """Return each edge's operation of the largest share."""
    return Genotype(*(OPERATIONS[i] for i in alpha.argmax(1).tolist()))
