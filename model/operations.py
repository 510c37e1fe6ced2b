"""The seven candidate operations of the search space (section 3.2.1).

All take and return (N, C, H, W) of the same C, H and W; the border is zero.
"""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn

from rtvideo.models.description import OPERATIONS as NAMES


class Convolution(nn.Module):
    """``conv(x)``, or ``conv(x) + x`` if residual. The convolution is named ``op``, as the authors do."""

    def __init__(self, channels: int, kernel: int, *, dilation: int = 1, residual: bool = False) -> None:
        super().__init__()
        self.residual = residual
        self.op = nn.Conv2d(channels, channels, kernel, padding=dilation * (kernel // 2), dilation=dilation)

    def forward(self, x: Tensor) -> Tensor:
        """Return what the operation makes of ``x``."""
        out: Tensor = self.op(x)
        return out + x if self.residual else out

    @property
    def multiply_adds(self) -> int:
        """Multiply-adds a pixel; neither the bias nor the residual sum counts."""
        return self.op.weight.numel()


class Skip(nn.Module):
    """The identity: no parameters, no multiply-adds."""

    multiply_adds = 0

    def forward(self, x: Tensor) -> Tensor:
        """Return ``x``."""
        return x


Operation = Convolution | Skip

#: Name, as genotypes use it -> what makes the operation for a number of channels.
OPERATIONS: dict[str, Callable[[int], Operation]] = {
    "conv1": lambda channels: Convolution(channels, 1),
    "conv3": lambda channels: Convolution(channels, 3),
    "resconv1": lambda channels: Convolution(channels, 1, residual=True),
    "resconv3": lambda channels: Convolution(channels, 3, residual=True),
    "dil3": lambda channels: Convolution(channels, 3, dilation=2),
    "resdil3": lambda channels: Convolution(channels, 3, dilation=2, residual=True),
    "skip": lambda channels: Skip(),
}
assert tuple(OPERATIONS) == NAMES
