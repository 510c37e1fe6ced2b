"""Stages of one scale as one pass: a kernel less for each, at the price of a wider halo.

Of a grid there is so little that its kernels are over before a device is busy: what they cost is that each
waits for the one before.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import TypeVar

from rtvideo.kernels.ir.program import Fusion, Layer, Pass

AnyLayer = TypeVar("AnyLayer", bound=Layer)


def joined(stages: Sequence[Pass]) -> Pass:
    """Return stages as one pass: what a stage makes is ``x`` of the next one.

    Other sources than ``x`` are the same for all.
    """
    layers: list[Layer] = []
    taken = {name for stage in stages for name in stage.sources}
    names: dict[str, str] = {}
    for stage in stages:
        for layer in stage.layers:
            read = dict(names)
            names[layer.output] = new = _unlike(layer.output, taken)
            taken.add(new)
            layers.append(dataclasses.replace(_reading(layer, read), output=new))
        names = {"x": names[stage.results[0]]}
    sources = {name: channels for stage in stages for name, channels in stage.sources.items()}
    return Pass("stages", sources, tuple(layers), (layers[-1].output,))


def _reading(layer: AnyLayer, names: Mapping[str, str]) -> AnyLayer:
    """Return a layer that reads tensors of other names."""
    layer = dataclasses.replace(
        layer, inputs=tuple((names.get(name, name), reach) for name, reach in layer.inputs)
    )
    if isinstance(layer, Fusion):
        onto = None if layer.onto is None else names.get(layer.onto, layer.onto)
        edges = tuple(_reading(edge, names) for edge in layer.edges)
        return dataclasses.replace(layer, edges=edges, onto=onto)
    return layer


def _unlike(name: str, taken: set[str]) -> str:
    """Return the name, or one like it that is free."""
    number, found = 1, name
    while found in taken:
        number, found = number + 1, f"{name}_{number}"
    return found
