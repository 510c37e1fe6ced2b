"""The noise removal module (NRM, section 3.1.2): the noise of the lit image is found and subtracted."""

from __future__ import annotations

from collections.abc import Iterable

from torch import Tensor, nn
from torch.nn import functional

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
        colours = 3 * description.scale**2
        self.stem = Conv2d(colours, channels)
        self.cells = nn.ModuleList(cell(channels, description.genotype) for _ in range(description.stages))
        self.head = Conv2d(channels, colours)
        if description.parameterisation == "equation3":
            shrink(self.head)

    def forward(self, u: Tensor, weight: Tensor | float = 1.0) -> list[Tensor]:
        """Return ``x_1 .. x_N`` for the lit image ``u``; the last is the result (equation 3), not clamped.

        ``weight`` scales what is subtracted and broadcasts against ``u``. The released form subtracts
        once, so its list has one entry.
        """
        if self.description.parameterisation == "released":
            return [u - weight * self._noise(u, self.cells)]
        results = []
        x = u
        for cell in self.cells:
            x = u - weight * self._noise(x, [cell])
            results.append(x)
        return results

    def _noise(self, x: Tensor, cells: Iterable[nn.Module]) -> Tensor:
        """Return what stem, cells and head make of ``x``, at its size."""
        scale, (height, width) = self.description.scale, x.shape[-2:]
        whole = functional.pad(x, (0, -width % scale, 0, -height % scale), mode="replicate")
        features = self.stem(functional.pixel_unshuffle(whole, scale))
        for cell in cells:
            features = cell(features)
        return functional.pixel_shuffle(self.head(features), scale)[..., :height, :width]

    @property
    def multiply_adds(self) -> float:
        """Multiply-adds a pixel."""
        ends = multiply_adds(self.stem) + multiply_adds(self.head)
        repeats = 1 if self.description.parameterisation == "released" else len(self.cells)
        return (repeats * ends + sum(map(multiply_adds, self.cells))) / self.description.scale**2
