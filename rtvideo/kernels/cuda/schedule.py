"""Where a pass is cut into kernels, and how large their tiles are.

The fewer steps share a kernel, the smaller the halo that blocks make again; but what lies between two kernels
goes through the device's memory. `schedule` weighs one against the other, over all cuts.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from rtvideo.errors import UnavailableError
from rtvideo.kernels.cuda.source import THREADS
from rtvideo.kernels.cuda.steps import Flow, Reach, Step, flow, needed, reads
from rtvideo.kernels.ir.program import Convolution, Fusion, Layer, Operation, Pass

# What counts as so many multiply-adds: a byte to or from the device's memory, a pixel of the frame with its
# conversion, a value to or from shared memory, any other function of a value, and a kernel (a pixel of it).
# Rough: cards differ by a factor in what they do while a byte comes.
_BYTE, _PICTURE, _VALUE, _FUNCTION, _KERNEL = 16.0, 60.0, 2.0, 6.0, 20.0

# The same of a tap of eight by eight channels on tensor cores, with its part of loading octets.
_TAP = 4.0

#: What a block costs more if it takes all the shared memory that it may.
_WAITING = 0.15

_SIZES = tuple(itertools.product((8, 16, 32, 64, 128), (8, 16, 32, 64)))

# Of a grid there is so little that the more blocks the better.
_GRID_SIZES = ((16, 16), (8, 8))


@dataclass(frozen=True)
class Kernel:
    """A part of a pass, with a size.

    Attributes:
        name: of the function.
        scale: of its tensors; its pixels are so many of the picture's, along each side.
        width, height: of a tile in pixels.
        rows: pixels of a column that a thread works on at once.
        quads: these are 2x2 pixels instead.
        flow: its steps.
        places: tensor in shared memory -> where it begins, in 32-bit words.
        words: of shared memory in all.
        cost: multiply-adds a pixel, or what counts as such.
    """

    name: str
    scale: int
    width: int
    height: int
    rows: int
    quads: bool
    flow: Flow
    places: Mapping[str, int]
    words: int
    cost: float


@dataclass(frozen=True)
class PassTensors:
    """What a schedule must know of a pass's tensors.

    Attributes:
        channels: of each.
        sources: those that the pass begins with.
        packed: those kept in pairs of half precision.
        octets: a pixel of these has room for eight channels, which tensor cores multiply.
        viewed: those of `views` -> the words of memory that a pixel is made of.
    """

    channels: Mapping[str, int]
    sources: frozenset[str]
    packed: frozenset[str]
    octets: bool
    viewed: Mapping[str, float]

    @classmethod
    def of(cls, one: Pass, packed: frozenset[str], octets: bool) -> PassTensors:
        """Return those of a pass."""
        made = {layer.output: layer.channels for layer in one.layers}
        channels, scales = dict(one.sources) | made, one.scales()
        viewed = {
            output: sum(channels[name] * (layer.scale / scales[name]) ** 2 for name, _ in layer.inputs)
            for output, layer in views(one).items()
        }
        return cls(channels, frozenset(one.sources), packed & made.keys(), octets, viewed)

    def words(self, tensor: str) -> int:
        """Return the 32-bit words of a pixel."""
        return word_count(self.channels[tensor], tensor in self.packed, self.octets)


def word_count(channels: int, packed: bool, octets: bool) -> int:
    """Return the 32-bit words of a pixel with so many channels, in pairs, or all eight of them, or not."""
    return (4 if octets else (channels + 1) // 2) if packed else channels


def schedule(
    one: Pass, packed: frozenset[str], shared: int, *, octets: bool = False, grid: bool = False
) -> list[Kernel]:
    """Return the kernels of a pass, cut where it costs least.

    Args:
        one: the pass.
        packed: tensors in pairs of half precision.
        shared: bytes of shared memory that a block may take, at least `driver.LEAST_SHARED`.
        octets: packed tensors are multiplied on tensor cores.
        grid: it works on a grid: one kernel, whose result is not put together in shared memory.

    Raises:
        UnavailableError: no tile is small enough.
    """
    tensors = PassTensors.of(one, packed, octets)
    seen_through = views(one)
    units = list(_units(x for x in needed(one.layers, one.results) if x.output not in seen_through))
    best: list[tuple[float, list[Kernel]]] = [(0.0, []), *((float("inf"), []) for _ in units)]
    for end in range(1, len(units) + 1):
        read = {name for unit in units[end:] for layer in unit for name, _ in reads(layer)}
        later = planes(read, seen_through) | {*one.results}
        scale = units[end - 1][0].scale
        for begin in [0] if grid else range(end - 1, -1, -1):
            if units[begin][0].scale != scale:  # a kernel has one size
                break
            layers = [layer for unit in units[begin:end] for layer in unit]
            results = [layer.output for layer in layers if layer.output in later]
            # Where only the nearest pixels are looked at, pixels share more in a square than in a column.
            quads = not grid and scale == 1 and all(isinstance(layer, Operation) for layer in layers)
            last = None if grid or quads or end < len(units) else one.results[0]
            name = f"{one.name}_{len(best[begin][1])}"
            steps = flow(layers, results, last, quads=quads, keep=tensors.sources if quads else ())
            kernel = _sized(name, scale, steps, tensors, shared, grid, quads)
            if kernel is None:  # still more layers would need still more memory
                break
            if (cost := best[begin][0] + kernel.cost / scale**2) < best[end][0]:
                best[end] = cost, [*best[begin][1], kernel]
    if not best[-1][1]:
        raise UnavailableError(
            f"engine cuda: no tile of pass {one.name} fits {shared >> 10} KB of shared memory"
        )
    return best[-1][1]


def views(one: Pass) -> dict[str, Operation]:
    """Return tensor -> the layer that makes it of a tensor of another scale.

    Kernels have one scale, so all that the layer reads lies between kernels. It is no step of any: whoever
    reads its tensor makes what it reads.
    """
    scales = one.scales()
    return {
        layer.output: layer
        for layer in one.layers
        if isinstance(layer, Operation) and any(scales[name] != layer.scale for name, _ in layer.inputs)
    }


def planes(names: Iterable[str], seen_through: Mapping[str, Operation]) -> set[str]:
    """Return the tensors that lie in memory where these are read, some of them as `views`."""
    return {
        plane
        for name in names
        for plane in ([read for read, _ in seen_through[name].inputs] if name in seen_through else [name])
    }


def _units(layers: Iterable[Layer]) -> Iterator[list[Layer]]:
    """Yield layers that cannot be parted: one without a function of its own is made by the next one."""
    unit: list[Layer] = []
    for layer in layers:
        unit.append(layer)
        if not (isinstance(layer, Operation) and not layer.function):
            yield unit
            unit = []


def _sized(
    name: str, scale: int, steps: Flow, tensors: PassTensors, shared: int, grid: bool, quads: bool
) -> Kernel | None:
    """Return the kernel with the best tile, None if none fits."""
    rows = 1 if grid else 4 if quads else _rows(steps, tensors)
    work = _Work.of(steps, tensors)
    found = []
    for width, height in _GRID_SIZES if grid else _SIZES:
        sizes = {
            tensor: _up(tensors.words(tensor) * (width + sum(reach)) * (height + sum(reach))
                        + (rows - 1) * (width + sum(reach)), 4)
            for tensor, reach in steps.regions.items()
        }  # fmt: skip
        places, words = _placed(sizes, steps.lives)
        if 4 * words <= shared:
            # The smaller a block, the more of them share a multiprocessor and hide one another's waiting.
            cost = _cost(work, width, height, rows) * (1 + _WAITING * 4 * words / shared)
            found.append(Kernel(name, scale, width, height, rows, quads, steps, places, words, cost))
    return min(found, key=lambda kernel: kernel.cost, default=None)


def _rows(steps: Flow, tensors: PassTensors) -> int:
    """Return how many pixels a thread works on at once: their sums must stay in registers."""
    most = max(tensors.words(layer.output) for step in steps.steps for layer in step.layers)
    return 4 if most <= 8 else 2 if most <= 12 else 1


def _placed(sizes: Mapping[str, int], lives: Mapping[str, tuple[int, int]]) -> tuple[dict[str, int], int]:
    """Return where each tensor begins, and the words of all: the first gap among those alive at its time."""
    places: dict[str, int] = {}
    for tensor in sorted(sizes, key=lambda t: lives[t]):
        first, last = lives[tensor]
        beside = [o for o in places if lives[o][0] <= last and first <= lives[o][1]]
        begin = 0
        for other in sorted(beside, key=places.__getitem__):
            if begin + sizes[tensor] <= places[other]:
                break
            begin = max(begin, places[other] + sizes[other])
        places[tensor] = begin
    return places, max((places[t] + sizes[t] for t in places), default=0)


@dataclass(frozen=True)
class _Work:
    """What a kernel does for a pixel: in each load and step, with its reach, and at the end."""

    loads: list[tuple[Reach, float]]
    steps: list[tuple[Reach, float]]
    end: float

    @classmethod
    def of(cls, steps: Flow, tensors: PassTensors) -> _Work:
        """Return that of some steps."""
        loads = [
            (reach, _read(tensor, tensors) + _VALUE * tensors.words(tensor))
            for tensor, reach in steps.loads.items()
        ]
        near = {layer.output for step in steps.steps for layer in step.layers}
        work = []
        for step in steps.steps:
            each = _layers(step, tensors) + sum(_read(name, tensors) for name in step.here() - near)
            near |= {*step.kept}
            work.append((step.reach, each + sum(_VALUE * tensors.words(name) for name in step.kept)))
        return cls(loads, work, sum(4 * _BYTE * tensors.words(name) for name in steps.results))


def _cost(work: _Work, width: int, height: int, rows: int) -> float:
    """Return multiply-adds a pixel of the picture, or what counts as such."""
    total = (_KERNEL + work.end) * width * height
    for reach, each in work.loads:
        total += (width + sum(reach)) * (height + sum(reach)) * each
    for reach, each in work.steps:
        runs = (width + sum(reach)) * _up(height + sum(reach), rows) // rows
        # Threads without a run wait at the barrier, but a block beside theirs may use the time.
        total += (runs + _up(runs, THREADS)) / 2 * rows * each
    return total / (width * height)


def _read(tensor: str, tensors: PassTensors) -> float:
    if tensor in tensors.sources:
        return _PICTURE
    return 4 * _BYTE * tensors.viewed.get(tensor, tensors.words(tensor))


def _layers(step: Step, tensors: PassTensors) -> float:
    work = sum(_VALUE * tensors.words(name) for name in step.stored)
    for layer in step.layers:
        for edge in layer.edges if isinstance(layer, Fusion) else (layer,):
            source = edge.inputs[0][0]
            half = 0.5 if source in tensors.packed else 1.0
            if tensors.octets and source in tensors.packed:
                work += _TAP * edge.kernel**2 if isinstance(edge, Convolution) else 0
            elif isinstance(edge, Convolution):
                work += half * edge.kernel**2 * tensors.channels[source] * (edge.channels + _VALUE / 2)
            else:
                work += _FUNCTION * edge.channels
            if isinstance(layer, Fusion):
                work += _TAP if tensors.octets else half * layer.channels**2
    return work


def _up(n: int, unit: int) -> int:
    return (n + unit - 1) // unit * unit
