"""Layers as steps: what a thread does for its pixels without waiting for other threads.

Layers that read one another at the pixel itself stay in registers and make one step. Between steps lies a
barrier, and what a later step reads of an earlier one lies in shared memory, over the tile and as far beyond
it as is needed there (the halo, which neighbouring blocks make again).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from rtvideo.kernels.ir.program import Convolution, Fusion, Layer, Skip

#: Pixels before (left, above) and after (right, below).
Reach = tuple[int, int]


def reads(layer: Layer) -> list[tuple[str, Reach]]:
    """Return what a layer reads, and how far around: a fusion each edge's tensor by itself."""
    if not isinstance(layer, Fusion):
        return list(layer.inputs)
    found = [edge.inputs[0] for edge in layer.edges]
    return found if layer.onto is None else [*found, (layer.onto, (0, 0))]


@dataclass(frozen=True)
class Step:
    """Layers that a thread runs for its pixels at one go.

    Attributes:
        layers: in the order in which they run.
        reach: how far beyond the tile they are computed.
        stored: tensors that go into shared memory.
        kept: tensors from outside that go there, too, as a later step reads them at the pixel again.
    """

    layers: tuple[Layer, ...]
    reach: Reach
    stored: tuple[str, ...]
    kept: tuple[str, ...] = ()

    def here(self) -> set[str]:
        """Return the tensors that it reads at the pixel itself and does not make."""
        here = {name for layer in self.layers for name, reach in reads(layer) if not sum(reach)}
        return here - {layer.output for layer in self.layers}


@dataclass(frozen=True)
class Flow:
    """Steps of one kernel, whatever the size of its tile.

    Attributes:
        steps: one after another.
        results: tensors that leave the kernel.
        loads: tensors from outside that are read around a pixel: they are brought into shared memory first.
            What is read at the pixel alone comes straight from where it lies.
        regions: tensor in shared memory -> how far beyond the tile it is there.
        lives: the same tensors -> first and last step at which it must be there; loads begin at -1.
        gathered: the result that is put together in shared memory at the end, if any.
    """

    steps: tuple[Step, ...]
    results: tuple[str, ...]
    loads: Mapping[str, Reach]
    regions: Mapping[str, Reach]
    lives: Mapping[str, tuple[int, int]]
    gathered: str | None = None

    @property
    def reach(self) -> Reach:
        """How far around a pixel of its results something is read from outside."""
        reaches = [*self.loads.values(), *(step.reach for step in self.steps)]
        return max(before for before, _ in reaches), max(after for _, after in reaches)


def flow(
    layers: Sequence[Layer], results: Sequence[str], gathered: str | None = None,
    *, quads: bool = False, keep: Collection[str] = (),
) -> Flow:  # fmt: skip
    """Return layers as steps.

    Args:
        layers: in order; what none of them makes comes from outside.
        results: tensors that leave the kernel.
        gathered: see `Flow`.
        quads: regions begin and end with whole blocks of 2x2 pixels.
        keep: tensors from outside that cost more to read again than to keep.
    """
    groups = _thinned(_repeated(_grouped(layers)), results)
    home: dict[str, int] = {}
    for k, group in enumerate(groups):
        for layer in group:
            home.setdefault(layer.output, k)
    needs: dict[str, Reach] = dict.fromkeys(results, (0, 0))
    loads: dict[str, Reach] = {}
    ends: dict[str, int] = {} if gathered is None else {gathered: len(groups)}
    reaches: list[Reach] = []
    for k, group in reversed(list(enumerate(groups))):
        reach = (0, 0)
        for layer in group:
            if home[layer.output] == k:
                reach = _wider(reach, needs.get(layer.output, reach))
        reach = _whole(reach) if quads else reach
        reaches.insert(0, reach)
        made = {layer.output for layer in group}
        for tensor, (before, after) in (read for layer in group for read in reads(layer)):
            wanted = (reach[0] + before, reach[1] + after)
            if tensor not in home and before + after:
                loads[tensor] = _wider(loads.get(tensor, wanted), _whole(wanted) if quads else wanted)
                ends.setdefault(tensor, k)
            elif tensor in home and tensor not in made:
                needs[tensor] = _wider(needs.get(tensor, wanted), wanted)
                ends.setdefault(tensor, k)
    readers = {name: [k for k, group in enumerate(groups) if _read_here(name, group)] for name in keep}
    again = {name: at for name, at in readers.items() if len(at) > 1 and name not in loads}
    steps = []
    for k, group in enumerate(groups):
        stored = tuple(x.output for x in group if x.output in ends and home[x.output] == k)
        kept = tuple(name for name, at in again.items() if at[0] == k)
        steps.append(Step(tuple(group), reaches[k], stored, kept))
    ends |= {name: at[-1] for name, at in again.items()}
    starts = dict.fromkeys(loads, -1) | {
        name: k for k, step in enumerate(steps) for name in (*step.stored, *step.kept)
    }
    regions = {name: loads[name] if k < 0 else reaches[k] for name, k in starts.items()}
    lives = {name: (k, ends[name]) for name, k in starts.items()}
    return Flow(tuple(steps), tuple(results), loads, regions, lives, gathered)


def _grouped(layers: Sequence[Layer]) -> list[list[Layer]]:
    groups: list[list[Layer]] = []
    made: set[str] = set()
    for layer in layers:
        if not groups or any(name in made and sum(reach) for name, reach in reads(layer)):
            groups.append([])
            made = set()
        groups[-1].append(layer)
        made.add(layer.output)
    return groups


def _repeated(groups: list[list[Layer]]) -> list[list[Layer]]:
    """Let a step make again what it reads at the pixel alone, where that is cheaper than keeping it."""
    maker = {layer.output: layer for group in groups for layer in group}
    found = groups[:1]
    for group in groups[1:]:
        read = {name for layer in group for name, _ in reads(layer)}
        around = {name for layer in group for name, reach in reads(layer) if sum(reach)}
        made = {layer.output for layer in group}
        again = [
            layer
            for name, layer in maker.items()  # in the order in which they were made
            if name in read - around - made
            and isinstance(layer, Skip | Convolution)
            and all(source in read and not sum(reach) for source, reach in layer.inputs)
        ]
        found.append(again + group)
    return found


def needed(layers: Sequence[Layer], wanted: Iterable[str]) -> list[Layer]:
    """Return those of some layers that lead to a tensor that is wanted."""
    wanted = set(wanted)
    kept: list[Layer] = []
    for layer in reversed(layers):
        if layer.output in wanted:
            kept.insert(0, layer)
            wanted |= {name for name, _ in reads(layer)}
    return kept


def _thinned(groups: list[list[Layer]], results: Sequence[str]) -> list[list[Layer]]:
    """Leave out what all who read it make again."""
    wanted = set(results)
    found: list[list[Layer]] = []
    for group in reversed(groups):
        kept = needed(group, wanted)
        made = {layer.output for layer in kept}
        wanted = (wanted | {name for layer in kept for name, _ in reads(layer)}) - made
        if kept:
            found.insert(0, kept)
    return found


def _read_here(name: str, group: Sequence[Layer]) -> bool:
    return any((name, (0, 0)) in reads(layer) for layer in group)


def _whole(reach: Reach) -> Reach:
    return reach[0] + reach[0] % 2, reach[1] + reach[1] % 2


def _wider(a: Reach, b: Reach) -> Reach:
    return max(a[0], b[0]), max(a[1], b[1])
