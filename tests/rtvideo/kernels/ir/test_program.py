"""Lags, depths and halo of passes, by going down the rows of a picture as the strips of a processor do."""

from __future__ import annotations

import pytest

from rtvideo.kernels.ir.lower import lower
from rtvideo.kernels.ir.program import Convolution, Layer, Operation, Pass
from tests.helpers import networks

HERE = (0, 0)


def passes() -> list[Pass]:
    found = [one for d in networks.ALL for one in lower(d, networks.weights(d)).passes()]

    def layer(output: str, source: str, reach: tuple[int, int] = HERE, scale: int = 1) -> Layer:
        return Operation(output, 1, ((source, reach),), "", scale=scale)

    # Half the size of what comes late, one and two rows up and down, and both scales in one layer.
    layers = (
        layer("late", "y", (1, 1)),
        layer("small", "late", scale=2),
        layer("wide", "small", (2, 2), scale=2),
        layer("back", "wide"),
        Operation("both", 1, (("late", HERE), ("back", (0, 1)), ("small", HERE)), ""),
        layer("again", "both", scale=2),
        layer("up", "again", (1, 0), scale=2),
        Operation("end", 1, (("up", HERE), ("y", HERE)), ""),
    )
    return [*found, Pass("made up", {"y": 3}, layers, ("end",))]


@pytest.mark.parametrize("one", passes(), ids=lambda one: one.name)
def test_every_row_is_there_when_it_is_read(one: Pass) -> None:
    lags, scales, depths = one.lags(), one.scales(), one.depths(ahead=1, held=2)
    rows: dict[str, dict[int, int]] = {name: {} for name in lags}  # slot of the ring -> the row in it

    def write(name: str, row: int) -> None:
        rows[name][row % depths[name]] = row

    def read(name: str, row: int) -> None:
        assert rows[name][row % depths[name]] == row, f"{name} {row}"

    top, bottom, reads = -60, 60, 0
    for row in range(top, bottom):
        if row % 2 == 0:
            for source in one.sources:
                write(source, row), write(source, row + 1)
        for layer in one.layers:
            place = row - lags[layer.output]
            if (place + 1) % layer.scale:
                continue
            output = place // layer.scale
            write(layer.output, output)
            if place < top + 50:  # before that rows were never there
                continue
            reads += 1
            for name, (up, down) in layer.inputs:
                first, last = (n // scales[name] for n in (layer.scale * output, place))
                for wanted in range(first - up, last + down + 1):
                    read(name, wanted)
        done = row - one.lag
        if done >= top + 50 and done % 2:
            for result in one.results:
                read(result, done - 1), read(result, done)
    assert reads


def test_half_the_size_reaches_twice_as_far() -> None:
    def chain(scale: int) -> Pass:
        layers = (
            Operation("small", 1, (("y", HERE),), "", scale=scale),
            Convolution("wide", 1, (("small", (2, 2)),), "", 3, 2, False, scale=scale),
            Operation("end", 1, (("wide", HERE),), ""),
        )
        return Pass("chain", {"y": 3}, layers, ("end",))

    assert (chain(1).halo, chain(2).halo) == (2, 4)
    assert (chain(1).lag, chain(2).lag) == (2, 5)  # and the upper row waits for the lower one
    assert (chain(1).coarsest, chain(2).coarsest) == (1, 2)
