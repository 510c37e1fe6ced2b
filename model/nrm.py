"""The noise removal module (NRM, section 3.1.2): the noise of the lit image is found and subtracted."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.nn import functional

from model.cell import DistillationCell, multiply_adds
from model.compiled import Conv2d
from model.iem import CellMaker, shrink
from rtvideo.models.description import HALF_SIZE, Noise


class Blocks:
    """An image (N, 3, H, W) as blocks of 2x2 pixels: their means, and the details of each pixel beside them.

    Luma is the mean of the channels. Right and lower edges are replicated where a side is odd.

    Attributes:
        channels: (N, 5, ceil(H / 2), ceil(W / 2)), what `rtvideo.models.description.HALF_SIZE` counts.
    """

    def __init__(self, x: Tensor) -> None:
        self._height, self._width = x.shape[-2:]
        whole = functional.pad(x, (0, self._width % 2, 0, self._height % 2), mode="replicate")
        means = functional.avg_pool2d(whole, 2)
        detail = whole - _repeated(means)
        self._luma = detail.mean(1, keepdim=True)
        self._colour = detail - self._luma
        sizes = [functional.avg_pool2d(d.abs().mean(1, keepdim=True), 2) for d in (self._luma, self._colour)]
        self.channels = torch.cat([means, *sizes], 1)

    def noise(self, said: Tensor) -> Tensor:
        """Return the noise of each pixel, (N, 3, H, W), of what a head says of the blocks."""
        shares = _repeated(torch.sigmoid(said[:, 3:]))
        noise = _repeated(said[:, :3]) + shares[:, :1] * self._luma + shares[:, 1:] * self._colour
        return noise[..., : self._height, : self._width]


def _repeated(x: Tensor) -> Tensor:
    """Return each value of (N, C, h, w) as a block of 2x2 pixels."""
    return x.repeat_interleave(2, -2).repeat_interleave(2, -1)


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
        colours = 3 if description.scale == 1 else HALF_SIZE
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
        blocks = None if self.description.scale == 1 else Blocks(x)
        features = self.stem(x if blocks is None else blocks.channels)
        for cell in cells:
            features = cell(features)
        noise: Tensor = self.head(features)
        return noise if blocks is None else blocks.noise(noise)

    @property
    def multiply_adds(self) -> float:
        """Multiply-adds a pixel."""
        ends = multiply_adds(self.stem) + multiply_adds(self.head)
        repeats = 1 if self.description.parameterisation == "released" else len(self.cells)
        return (repeats * ends + sum(map(multiply_adds, self.cells))) / self.description.scale**2
