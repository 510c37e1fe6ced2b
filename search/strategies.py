"""The three strategies of figure 9: the order in which the update steps take the images of a pass."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

from search.settings import Settings

#: Which of `search.updates.Updates`, and the image that it trains on.
Step = tuple[Literal["light", "noise", "both"], int]


def passes(settings: Settings) -> int:
    """Return how many passes over the training images the search makes."""
    return 2 * settings.epochs if settings.strategy == "separate" else settings.epochs


def steps(settings: Settings, number: int, images: Sequence[int]) -> list[Step]:
    """Return the steps of pass ``number``, from 0; in the end every image has served both modules alike."""
    if settings.strategy == "cooperative":
        return list(cooperative(images, settings.inner))
    if settings.strategy == "joint":
        return [("both", image) for image in images]
    return [("light" if number < settings.epochs else "noise", image) for image in images]


def cooperative(images: Sequence[int], inner: int) -> Iterator[Step]:
    """Yield algorithm 1: ``inner`` steps of IEM (steps 4 to 7), as many of NRM (9 to 12), and so on."""
    for start in range(0, len(images), inner):
        for module in ("light", "noise"):
            yield from ((module, image) for image in images[start : start + inner])


def beta(settings: Settings) -> float:
    """Return the weight of the noise removal's loss in step 5, which ``separate`` knows nothing of."""
    return settings.beta if settings.strategy == "cooperative" else 0.0
