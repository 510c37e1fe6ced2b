"""What changes in the course of a search: whether architectures move, and how many options are left."""

from __future__ import annotations

import torch

from search.config import SearchConfig
from search.price import Price
from search.supernet import Supernet

#: Shares of the passes, after those of the warm-up: from where to where options are dropped.
_FIRST, _LAST = 0.3, 0.95

#: Choices of each module.
_LIGHT, _NOISE = ("t", "scales"), ("n", "channels", "stages")


def position(config: SearchConfig, number: int) -> float:
    """Return how far the search of a module is at the start of pass ``number``, 0 to below 1."""
    return number % config.epochs / config.epochs


def frozen(config: SearchConfig, number: int) -> bool:
    """Return whether the weights learn alone in a pass: untrained operations say nothing of their worth."""
    return position(config, number) < config.warm_up


def temperature(config: SearchConfig, number: int) -> float:
    """Return by what logits are divided in a pass: from 1 on, evenly."""
    return 1 + (config.temperature - 1) * position(config, number)


def left(config: SearchConfig, number: int, options: int) -> int:
    """Return how many of the options are left in a pass; all without ``shrink``.

    They are dropped one after another, as in P-DARTS (ICCV 2019) and ASAP (AISTATS 2020), so that what is
    trained at the end is what is derived.
    """
    if not config.shrink:
        return options
    first = config.warm_up + _FIRST * (1 - config.warm_up)
    done = min(1.0, max(0.0, (position(config, number) - first) / (_LAST - first)))
    return options - round(done * (options - 1))


def begin(net: Supernet, config: SearchConfig, number: int, price: Price) -> None:
    """Bring the choices that pass ``number`` is about to where they should be."""
    names: tuple[str, ...] = (*_LIGHT, *_NOISE)
    if config.strategy == "separate":
        names = _LIGHT if number < config.epochs else _NOISE
    kept = {}
    for name, choice in net.all_choices().items():
        if name in names:
            choice.temperature = temperature(config, number)
            kept[name] = left(config, number, choice.options)
    price.shrink(net, kept)


def draw(net: Supernet, config: SearchConfig, step: int) -> None:
    """Sample a network for a step, if choices are sampled; it follows from seed and step alone."""
    if config.relaxation == "gumbel":
        net.draw(torch.Generator().manual_seed(2**32 * config.seed + step))
