"""The intermediate form: a network as a short program of passes, each a list of layers over rows.

A `Pass` moves down the picture row by row. A layer's output row needs input rows from ``up`` above to
``down`` below, so a layer runs ``lag`` rows behind the newest row that was read, and a tensor keeps
``depth`` rows alive. Both follow from the layers alone; an emitter that works on tiles reads only ``halo``.

A row of a tensor at ``scale`` 2 stands for two rows of the picture: it is made together with the lower one.
Reach and depth count a tensor's own rows, lag and halo those of the picture.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Layer:
    """One row operation: ``output`` from ``inputs``.

    Attributes:
        output: name of the tensor that it makes.
        channels: of the output.
        inputs: names of tensors, with the reach (rows up, rows down; the same number of columns) into each.
        scale: pixels of the picture, along each side, that a pixel of the output stands for.
    """

    output: str
    channels: int
    inputs: tuple[tuple[str, tuple[int, int]], ...]
    scale: int = field(default=1, kw_only=True)


@dataclass(frozen=True)
class Convolution(Layer):
    """A square convolution with bias, zero outside the picture; then a leaky ReLU if ``leaky``."""

    weights: str
    kernel: int
    dilation: int
    leaky: bool


@dataclass(frozen=True)
class Skip(Layer):
    """``gain * x`` (gain 1 or 2); then a leaky ReLU if ``leaky``."""

    gain: int
    leaky: bool


@dataclass(frozen=True)
class Fusion(Layer):
    """The four distilling edges of a cell and the 1x1 convolution ``c5`` of what they deliver.

    Attributes:
        cell: whose weights; c5 is negated if there is ``onto``.
        edges: d1, d2, d3, c4.
        onto: the tensor that the result is added to, at the same row (equation 2), or None.
    """

    cell: str
    edges: tuple[Convolution | Skip, ...]
    onto: str | None


@dataclass(frozen=True)
class Operation(Layer):
    """Any other operation, by the name of the function that every back end has.

    Attributes:
        function: its name; empty for what the next layer makes by the way.
        shape: its template arguments.
        arguments: its other arguments, in C++.
    """

    function: str
    shape: tuple[int | bool, ...] = ()
    arguments: tuple[str, ...] = ()


@dataclass(frozen=True)
class Pointwise(Operation):
    """An operation on values of the pixel, channel by channel: a function object of ``common/light.h``."""


@dataclass(frozen=True)
class Pass:
    """Layers in the order in which they run, from the tensors in ``sources`` to ``results``."""

    name: str
    sources: Mapping[str, int]
    layers: tuple[Layer, ...]
    results: tuple[str, ...]

    def scales(self) -> dict[str, int]:
        """Return tensor -> scale; sources are at 1."""
        return dict.fromkeys(self.sources, 1) | {layer.output: layer.scale for layer in self.layers}

    def lags(self) -> dict[str, int]:
        """Return tensor -> how many rows behind the newest source row it is made."""
        lags, scales = dict.fromkeys(self.sources, 0), self.scales()
        for layer in self.layers:
            # The upper of two rows waits for the row of half the size that has both.
            lags[layer.output] = max(
                lags[name] + down * scales[name] + max(scales[name] - layer.scale, 0)
                for name, (_, down) in layer.inputs
            )
        return lags

    def depths(self, ahead: int, held: int) -> dict[str, int]:
        """Return tensor -> rows to keep, a power of two.

        Args:
            ahead: rows beyond the newest that a source delivers at once.
            held: rows of a result that are waited for before they are taken together.
        """
        lags, scales = self.lags(), self.scales()
        rows = {name: 1 + (ahead if name in self.sources else 0) for name in lags}
        for layer in self.layers:
            for name, (up, _) in layer.inputs:
                extra = ahead if name in self.sources else 0
                # The last row of the picture that the layer has made, whichever row that is.
                for done in range(layer.scale - 1, layer.scale * scales[name], layer.scale):
                    newest = (done + lags[layer.output] - lags[name] + 1) // scales[name] - 1
                    oldest = (done - layer.scale + 1) // scales[name] - up
                    rows[name] = max(rows[name], newest - oldest + 1 + extra)
        last = self.lag
        for name in self.results:
            rows[name] = max(rows[name], last - lags[name] + held)
        return {name: 1 << (n - 1).bit_length() for name, n in rows.items()}

    @property
    def coarsest(self) -> int:
        """The largest scale of a tensor."""
        return max(self.scales().values())

    @property
    def lag(self) -> int:
        """Rows between the newest source row and the row that is finished."""
        lags = self.lags()
        return max(lags[name] for name in self.results)

    @property
    def halo(self) -> int:
        """Rows and columns that a result needs beyond its own, on any side.

        Where there are tensors at scale 2, the result begins and ends with whole blocks of 2x2 pixels.
        """
        reach, scales = dict.fromkeys(self.sources, 0), self.scales()
        for layer in self.layers:
            reach[layer.output] = max(reach[name] + max(pair) * scales[name] for name, pair in layer.inputs)
        return max(reach[name] for name in self.results)


@dataclass(frozen=True)
class Program:
    """A compiled network, whatever the back end.

    Attributes:
        name: of the model, for people.
        scales: of the stages on a grid; empty where all runs at full size.
        window: 2 or 3, of the warm start.
        fixed: grid stages start from the reduced frame each time and not from the state.
        centred: the mean of the grid is taken out before the stages.
        shared: one illumination for all channels.
        guided: the grid holds lines over the logarithm of the pixel's own maximum, not the light itself.
        mix: the light meets that logarithm.
        fades: frames that need little light get little.
        floor, t_min: as in the description.
        stages: a pass for each grid stage.
        lit, denoised: the pass over the full size, without and with noise removal (None where there is none).
        packed: tensors that are kept as pairs of bf16; whatever reads one takes its weights in pairs too.
        weights: name -> floats. ``iem[0].r1`` is edge r1 of the first cell.
    """

    name: str
    scales: tuple[int, ...]
    window: int
    fixed: bool
    centred: bool
    shared: bool
    guided: bool
    mix: bool
    fades: bool
    floor: float
    t_min: float
    stages: tuple[Pass, ...]
    lit: Pass
    denoised: Pass | None
    packed: frozenset[str]
    weights: Mapping[str, Array] = field(repr=False)

    def data(self) -> Array:
        """Return all weights one after another, as the compiled code expects them."""
        return np.concatenate([*self.weights.values(), np.zeros(1, np.float32)])

    def passes(self) -> list[Pass]:
        """Return all passes."""
        return [*self.stages, self.lit, *([self.denoised] if self.denoised else [])]
