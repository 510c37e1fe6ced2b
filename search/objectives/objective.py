"""What an objective says."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from torch import Tensor

from rtvideo.models.description import Description
from search.config import SearchConfig
from search.space import Space
from search.supernet import Supernet


class Example(NamedTuple):
    """Images to learn from, (N, 3, H, W) in 0..1: dark ones, and what they should become if that is known."""

    low: Tensor
    high: Tensor | None = None

    def to(self, device: str) -> Example:
        """Return it on a torch device."""
        return Example(self.low.to(device), None if self.high is None else self.high.to(device))


class Lit(NamedTuple):
    """What the illumination hands on to the noise removal.

    Attributes:
        u: (N, 3, H, W), the lit image.
        weight: of what noise removal subtracts; broadcasts against u.
        high: (N, 3, H, W), the reference, if there is one.
    """

    u: Tensor
    weight: Tensor | float = 1.0
    high: Tensor | None = None


@dataclass(frozen=True, kw_only=True)
class Objective:
    """A network to search in, and the loss of each module, which training and validation share.

    Attributes:
        description: what is not searched.
        space: what is, beside the operations of the edges.
        light: returns L_t of an example, and the lit image.
        noise: returns L_n of a lit image.
        pairs: the images are well lit photographs; pairs are made from them.
        fixed: weights that are not learned, as in a recipe.
        settings: of `SearchConfig`, where its defaults do not suit.
    """

    description: Description
    space: Space = field(default_factory=Space)
    light: Callable[[Supernet, Example, SearchConfig], tuple[Tensor, Lit]]
    noise: Callable[[Supernet, Lit, SearchConfig], Tensor]
    pairs: bool = False
    fixed: Mapping[str, float] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)

    def supernet(self) -> Supernet:
        """Return what is searched in, untrained."""
        net = Supernet(self.description, self.space)
        for name, value in self.fixed.items():
            net.iem.get_parameter(name.removeprefix("illumination.")).requires_grad_(False).fill_(value)
        return net
