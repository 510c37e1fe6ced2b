"""What a network costs, as the search sees it: a share of the dearest cell, or milliseconds."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor

from rtvideo.errors import UsageError
from rtvideo.models.description import OPERATIONS, Description, Genotype
from search import cost
from search.scales import OFF
from search.supernet import Supernet

#: Of the target: what is left when options are dropped may be so far from it.
_NEAR = 0.02


class Price(Protocol):
    """Adds to the loss of an architecture.

    Attributes:
        table: what parts cost, for the card; None where nothing does.
    """

    table: Mapping[str, Any] | None

    def __call__(self, net: Supernet) -> Tensor:
        """Return the price of the mixture, a number with a slope along the alphas."""

    def shrink(self, net: Supernet, kept: Mapping[str, int]) -> None:
        """Drop options of the named choices until so many of each row remain."""


class Free:
    """Nothing costs anything."""

    table: Mapping[str, Any] | None = None

    def __call__(self, net: Supernet) -> Tensor:
        """Return zero."""
        return torch.zeros(())

    def shrink(self, net: Supernet, kept: Mapping[str, int]) -> None:
        """Drop the least probable options."""
        _shrink(net, kept)


class Weighed:
    """The expected cost of both cells (`search.cost`), at a fixed weight."""

    def __init__(self, costs: cost.Table, weight: float) -> None:
        self.costs, self.weight = costs, weight
        self.table: Mapping[str, Any] | None = costs

    def __call__(self, net: Supernet) -> Tensor:
        """Return the weight times the sum of both cells' expected costs."""
        t, n = net.choice("t").probabilities(), net.choice("n").probabilities()
        return self.weight * (cost.expected(t, self.costs["iem"]) + cost.expected(n, self.costs["nrm"]))

    def shrink(self, net: Supernet, kept: Mapping[str, int]) -> None:
        """Drop the least probable options."""
        _shrink(net, kept)


@dataclass(frozen=True)
class Milliseconds:
    """Measured prices of the parts of a network; `benchmarks/prices.py` makes them.

    Attributes:
        base: of a frame without stages and without noise removal.
        iem: scale -> ``module``, ``stage`` and what each operation adds to a skip on one edge.
        nrm: channels -> the same.
        machine: where they were measured.
    """

    base: float
    iem: Mapping[int, Mapping[str, float]]
    nrm: Mapping[int, Mapping[str, float]]
    machine: str = ""

    @classmethod
    def read(cls, path: Path) -> Milliseconds:
        """Read a file of `benchmarks/prices.py`.

        Raises:
            InputError: missing or unreadable.
            UsageError: not such a file, or a price is missing, negative or not a number.
        """
        raw = cost.read_json(path, "a table of prices")
        if not isinstance(raw, dict):
            raise UsageError(f"{path}: not a table of prices; make one with python benchmarks/prices.py")
        parts = {part: _part(raw.get(part), f"{path}: {part}") for part in ("iem", "nrm")}
        base = _number(raw.get("base"), f"{path}: base")
        return cls(base, parts["iem"], parts["nrm"], str(raw.get("cpu", "")))

    def of(self, description: Description) -> float:
        """Return the milliseconds that a network should take.

        Raises:
            UsageError: the table has no price for one of its scales or its number of channels.
        """
        i, noise = description.illumination, description.noise
        total = self.base
        for scale in i.scales:
            row = _row(self.iem, scale, "scale")
            total += row["stage"] + sum(row[operation] for operation in i.genotype)
        if noise is not None:
            row = _row(self.nrm, noise.channels, "channels")
            each = row["stage"] + sum(row[operation] for operation in noise.genotype)
            total += row["module"] + noise.stages * each
        return total

    def expected(self, net: Supernet) -> Tensor:
        """Return the mean milliseconds of the networks that the shares make."""
        space, d = net.space, net.description
        assert d.noise is not None
        scales = space.scales or (d.illumination.scales[0],)
        t, n = net.choice("t").probabilities(), net.choice("n").probabilities()
        of_stage = torch.stack([self._stage(self.iem, s, t) if s != OFF else t.new_zeros(()) for s in scales])
        total = self.base + (_shares(net, "scales", len(d.illumination.scales), t) @ of_stage).sum()
        channels = space.channels or (d.noise.channels,)
        [widths] = _shares(net, "channels", 1, n)
        modules = torch.stack([n.new_tensor(self.nrm[c]["module"]) for c in channels])
        each = torch.stack([self._stage(self.nrm, c, n) for c in channels])
        [counts] = _shares(net, "stages", 1, n)
        stages: Tensor = counts @ n.new_tensor(space.stages or (d.noise.stages,), dtype=n.dtype)
        expected: Tensor = total + widths @ modules + stages * (widths @ each)
        return expected

    @staticmethod
    def _stage(table: Mapping[int, Mapping[str, float]], where: int, shares: Tensor) -> Tensor:
        row = table[where]
        each = shares.new_tensor([row[operation] for operation in OPERATIONS])
        total: Tensor = row["stage"] + (shares @ each).sum()
        return total


class Budget:
    """A target: ``weight |milliseconds / target - 1|``, which pulls from both sides.

    A weighted price alone makes everything cheap, whatever it is for, or nothing. The absolute reward of
    TuNAS (CVPR 2020) ends at the target, with one weight for all targets: time that may be used is used.

    Args:
        prices: of the parts of a network.
        target: in milliseconds.
        weight: of the relative distance from it; TuNAS has 0.07.
    """

    def __init__(self, prices: Milliseconds, target: float, weight: float = 0.07) -> None:
        self.prices, self.target, self.weight = prices, target, weight
        self.table: Mapping[str, Any] | None = dataclasses.asdict(prices)

    def __call__(self, net: Supernet) -> Tensor:
        """Return the weighted distance of the mixture's milliseconds from the target."""
        return self.weight * (self.prices.expected(net) / self.target - 1).abs()

    def shrink(self, net: Supernet, kept: Mapping[str, int]) -> None:
        """Drop options so that what is left of the mixture costs the target, as nearly as swaps bring it.

        A row's probable options may all be cheap, and a dear one keep the mean up. Without it the mixture
        is cheaper than what its shares were learned for. So first the least probable are dropped; then, while
        it brings the milliseconds nearer, an option that was kept gives way to one that was not: where the
        least probability is lost for each millisecond.
        """
        before = {name: choice.active.clone() for name, choice in net.all_choices().items()}
        logs = {name: choice.preferences() for name, choice in net.all_choices().items()}
        _shrink(net, kept)
        now = self.prices.expected(net).item()
        while abs(now / self.target - 1) > _NEAR:
            best: tuple[float, Tensor, int, int, int] | None = None
            for name in kept:
                active, log = net.choice(name).active, logs[name]
                for row, old, new in _swaps(active, before[name]):
                    _swap(active, row, old, new)
                    then = self.prices.expected(net).item()
                    _swap(active, row, new, old)
                    nearer = abs(now - self.target) - abs(then - self.target)
                    if nearer > 0:
                        lost = (log[row, old] - log[row, new]).item() / nearer
                        if best is None or lost < best[0]:
                            best = (lost, active, row, old, new)
            if best is None:
                return
            _swap(*best[1:])
            now = self.prices.expected(net).item()


def _shrink(net: Supernet, kept: Mapping[str, int]) -> None:
    for name, count in kept.items():
        net.choice(name).shrink(count)


def _swaps(active: Tensor, before: Tensor) -> list[tuple[int, int, int]]:
    """Return each row with an option that it has, and one that it had before and has not."""
    dropped = before & ~active
    return [
        (row, old, new)
        for row in range(len(active))
        for old in active[row].nonzero().flatten().tolist()
        for new in dropped[row].nonzero().flatten().tolist()
    ]


def _swap(active: Tensor, row: int, old: int, new: int) -> None:
    active[row, old], active[row, new] = False, True


def within(net: Supernet, prices: Milliseconds, target: float) -> Description:
    """Return the most probable network that keeps the target, as nearly as single changes find it.

    From the most probable of all, whatever loses the least probability for each millisecond is replaced by
    something cheaper, until the target is kept.

    Raises:
        UsageError: even the cheapest network takes longer.
    """
    options = {name: net.choice(name).chosen() for name in net.choices}
    logs = {name: net.choice(name).preferences() for name in net.choices}

    def network(found: Mapping[str, Sequence[int]]) -> Description:
        cells = {"iem": _cell(found["t"]), "nrm": _cell(found["n"])}
        return net.space.network(net.description, cells, found)

    now = prices.of(network(options))
    while now > target:
        best: tuple[float, str, int, int, float] | None = None
        for name, rows in options.items():
            for row, option in enumerate(rows):
                for other in range(logs[name].shape[1]):
                    changed = options | {name: [*rows[:row], other, *rows[row + 1 :]]}
                    saved = now - prices.of(network(changed))
                    if saved > 0:
                        lost = (logs[name][row, option] - logs[name][row, other]).item() / saved
                        if best is None or lost < best[0]:
                            best = (lost, name, row, other, now - saved)
        if best is None:
            raise UsageError(f"--budget {target:g}: the cheapest network takes {now:.1f} ms; allow as much")
        _, name, row, other, now = best
        options[name] = [*options[name][:row], other, *options[name][row + 1 :]]
    return network(options)


def _cell(options: Sequence[int]) -> Genotype:
    return Genotype(*(OPERATIONS[i] for i in options))


def _shares(net: Supernet, name: str, rows: int, like: Tensor) -> Tensor:
    """Return the probabilities of a choice, or certainty where the space has none of that name."""
    return net.choice(name).probabilities() if name in net.choices else like.new_ones(rows, 1)


def _row(table: Mapping[int, Mapping[str, float]], where: int, what: str) -> Mapping[str, float]:
    if where not in table:
        known = ", ".join(map(str, table))
        raise UsageError(f"{what} {where}: no price for it in the table, which has {known}")
    return table[where]


def _part(raw: Any, where: str) -> dict[int, dict[str, float]]:
    if not isinstance(raw, dict) or not raw or not all(str(key).isdigit() for key in raw):
        raise UsageError(
            f"{where} must have prices by number; make the table with python benchmarks/prices.py"
        )
    names = ("module", "stage", *OPERATIONS)
    return {
        int(key): {name: _number(row.get(name), f"{where}: {key}: {name}") for name in names}
        for key, row in raw.items()
        if isinstance(row, dict)
    }


def _number(value: Any, where: str) -> float:
    if not cost.is_cost(value):
        raise UsageError(f"{where} is {value!r}; it must be a number of milliseconds, 0 or more")
    return float(value)
