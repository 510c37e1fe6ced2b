"""The noise removal module (NRM, section 3.1.2): the noise of the lit image is found and subtracted."""

from __future__ import annotations

from torch import Tensor, nn

from model.cell import DistillationCell, multiply_adds
from model.compiled import Conv2d
from model.iem import CellMaker, shrink
from rtvideo.models.description import Noise


class NRM(nn.Module):
    """Noise removal for (N, 3, H, W) images.

    Args:
        description: what is computed.
        cell: makes each stage's cell.
    """

    def __init__(self, description: Noise, cell: CellMaker = DistillationCell) -> None:
        super().__init__()
        self.description = description
        channels = description.channels
        self.stem = Conv2d(3, channels)
        self.cells = nn.ModuleList(cell(channels, description.genotype) for _ in range(description.stages))
        self.head = Conv2d(channels, 3)
        if description.parameterisation == "equation3":
            shrink(self.head)

    def forward(self, u: Tensor, weight: Tensor | float = 1.0) -> list[Tensor]:
        """Return ``x_1 .. x_N`` for the lit image ``u``; the last is the result (equation 3), not clamped.

        ``weight`` scales what is subtracted and broadcasts against ``u``. The released form subtracts
        once, so its list has one entry.
        """
        if self.description.parameterisation == "released":
            features = self.stem(u)
            for cell in self.cells:
                features = cell(features)
            return [u - weight * self.head(features)]
        results = []
        x = u
        for cell in self.cells:
            x = u - weight * self.head(cell(self.stem(x)))
            results.append(x)
        return results

    @property
    def multiply_adds(self) -> int:
        """Multiply-adds a pixel."""
        ends = multiply_adds(self.stem) + multiply_adds(self.head)
        repeats = 1 if self.description.parameterisation == "released" else len(self.cells)
        return repeats * ends + sum(map(multiply_adds, self.cells))
