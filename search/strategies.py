"""The three strategies of figure 9: the order in which the update steps take the images of a pass."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

from search.config import SearchConfig

#: Images that a step trains on, by number.
Batch = tuple[int, ...]

#: Which of `search.updates.Updates`, and what it trains on.
Step = tuple[Literal["light", "noise", "both"], Batch]


def passes(config: SearchConfig) -> int:
    """Return how many passes over the training images the search makes."""
    return 2 * config.epochs if config.strategy == "separate" else config.epochs


def steps(config: SearchConfig, number: int, images: Sequence[int]) -> list[Step]:
    """Return the steps of pass ``number``, from 0; in the end every image has served both modules alike."""
    size = config.batch
    batches = [tuple(images[start : start + size]) for start in range(0, len(images), size)]
    if config.strategy == "cooperative":
        return list(cooperative(batches, config.inner))
    if config.strategy == "joint":
        return [("both", batch) for batch in batches]
    return [("light" if number < config.epochs else "noise", batch) for batch in batches]


def cooperative(batches: Sequence[Batch], inner: int) -> Iterator[Step]:
    """Yield algorithm 1: ``inner`` steps of IEM (steps 4 to 7), as many of NRM (9 to 12), and so on."""
    for start in range(0, len(batches), inner):
        for module in ("light", "noise"):
            yield from ((module, batch) for batch in batches[start : start + inner])


def beta(config: SearchConfig) -> float:
    """Return the weight of the noise removal's loss in step 5, which ``separate`` knows nothing of."""
    return config.beta if config.strategy == "cooperative" else 0.0
