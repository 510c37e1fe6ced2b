"""Networks of one price: what a search found, the shipped and the authors' cells, and networks at random."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from model.genotypes import AUTHORS_NRM
from rtvideo.models.description import Description, Genotype
from search.objectives import NIGHT
from search.price import Milliseconds
from search.scales import OFF

#: How far the price of two networks of "the same" price differs at most.
EQUAL = 0.05


def authors(prices: Milliseconds, target: float) -> Description:
    """Return the default model with the authors' cells in both modules, of the width nearest to the price."""
    night = NIGHT.description
    assert night.noise is not None
    widths = [
        replace(night, noise=replace(night.noise, genotype=AUTHORS_NRM, channels=channels))
        for channels in NIGHT.space.channels
    ]
    return min(widths, key=lambda network: abs(prices.of(network) - target))


def random_networks(prices: Milliseconds, target: float, seed: int = 0) -> Iterator[Description]:
    """Yield networks of the space whose price is within 5 % of the target, each choice drawn evenly."""
    random = np.random.default_rng(seed)
    space, night = NIGHT.space, NIGHT.description
    while True:
        cells = {part: Genotype(*map(str, random.choice(space.operations, 7))) for part in ("iem", "nrm")}
        options = {
            "scales": random.integers(len(space.scales), size=len(night.illumination.scales)).tolist(),
            "channels": [int(random.integers(len(space.channels)))],
            "stages": [int(random.integers(len(space.stages)))],
        }
        if all(space.scales[i] == OFF for i in options["scales"]):
            continue
        network = space.network(night, cells, options)
        if abs(prices.of(network) / target - 1) <= EQUAL:
            yield network
