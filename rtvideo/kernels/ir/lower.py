"""From a description and its weights to a `Program`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from rtvideo.errors import UnavailableError
from rtvideo.kernels.ir import rewrites
from rtvideo.kernels.ir.cpp import literal
from rtvideo.kernels.ir.program import (
    Array,
    Convolution,
    Fusion,
    Layer,
    Operation,
    Pass,
    Pointwise,
    Program,
    Skip,
)
from rtvideo.kernels.ir.rewrites import Weights
from rtvideo.models.description import HALF_SIZE, Description, Genotype, Illumination, Noise
from rtvideo.models.shapes import EDGES, shapes

HERE = (0, 0)


def lower(
    description: Description, weights: Mapping[str, np.typing.NDArray[np.floating]], *, packed: bool = False
) -> Program:
    """Return the program of a network.

    Args:
        description: what is computed.
        weights: name -> array, as `rtvideo.models.shapes.shapes` lists them.
        packed: full-size cells keep pairs of channels, of the back end's packed type; the rest stays f32.

    Raises:
        UnavailableError: weights are missing, of another shape, or not finite.
    """
    return _Lowering(description, _checked(description, weights), packed).program()


def _checked(
    description: Description, weights: Mapping[str, np.typing.NDArray[np.floating]]
) -> dict[str, Weights]:
    checked = {}
    for name, shape in shapes(description).items():
        if name not in weights:
            raise UnavailableError(f"model {description.name}: weight {name} is missing")
        array = np.asarray(weights[name], np.float64)
        if array.shape != shape:
            raise UnavailableError(
                f"model {description.name}: weight {name} is {list(array.shape)}, must be {list(shape)}"
            )
        if not np.isfinite(array).all():
            raise UnavailableError(f"model {description.name}: weight {name} is not finite")
        checked[name] = array
    return checked


class _Lowering:
    def __init__(self, description: Description, weights: dict[str, Weights], pack: bool) -> None:
        self.description, self.weights, self.pack = description, weights, pack
        self.packed: set[str] = set()
        self.stored: dict[str, Array] = {}

    def program(self) -> Program:
        d = self.description
        i = d.illumination
        linear = i.domain == "linear"
        stages = () if linear else tuple(self._grid_stage(i, k) for k in range(len(i.scales)))
        light = self._linear(i) if linear else self._log(i)
        groups = 1 if i.channels == "shared" else 3
        lit = Pass("lit", {"y": 3}, tuple(light), ("u",))
        denoised = None
        if d.noise is not None:
            removal = self._noise(d.noise, groups)
            denoised = Pass("denoised", {"y": 3}, (*light, *removal), ("image",))
        if not linear:
            self._exposure(i)
        return Program(
            name=d.name,
            scales=() if linear else i.scales,
            window=int(i.window[0]),
            fixed=i.warm_start == "fixed",
            centred=i.exposure != "none",
            shared=groups == 1,
            guided=i.upsampling == "guided",
            mix=i.mix,
            fades=bool(i.fade),
            floor=i.floor,
            t_min=i.t_min,
            stages=stages,
            lit=lit,
            denoised=denoised,
            packed=frozenset(self.packed),
            weights=self.stored,
        )

    # Cells

    def _cell(
        self,
        name: str,
        index: int,
        genotype: Genotype,
        channels: int,
        source: str,
        output: str,
        *,
        sign: str = "any",
        log2: bool = False,
        inverse: bool = False,
        onto: str | None = None,
    ) -> list[Layer]:
        """Return the layers of a cell; its weights are stored as ``name[index].edge``."""
        prefix = f"{'illumination' if name == 'iem' else 'noise'}.cells.{index}"
        stem = f"{name}[{index}]"
        layers: list[Layer] = []
        distilling: list[Convolution | Skip] = []
        r = source
        for node in (1, 2, 3):
            for kind in ("d", "r"):
                edge = f"{kind}{node}"
                operation = getattr(genotype, edge)
                remaining = kind == "r"
                leaky = not (operation == "skip" and rewrites.needs_no_leaky(sign))
                target = f"{name}{index}_r{node + 1}" if remaining else f"{name}{index}_{edge}"
                layer = self._edge(prefix, stem, edge, operation, channels, r, target, remaining, leaky, log2)
                if remaining:
                    layers.append(layer)
                    r = target
                    if not log2:
                        self._pack(target)
                    # What a leaky ReLU gives can be negative; only skips keep the sign of what they got.
                    sign = sign if operation == "skip" else "any"
                else:
                    distilling.append(layer)
        c4 = self._edge(prefix, stem, "c4", genotype.c4, channels, r, "c4", False,
                        not (genotype.c4 == "skip" and rewrites.needs_no_leaky(sign)), log2)  # fmt: skip
        distilling.append(c4)

        weight, bias = self.weights[f"{prefix}.c5.weight"], self.weights[f"{prefix}.c5.bias"]
        if log2:
            bias = rewrites.cell_in_log2({"c5": bias})["c5"]
        if inverse:
            weight, bias = rewrites.negate_in_log2(weight, bias)
        if onto is not None:
            weight, bias = rewrites.negate(weight, bias)
        self.stored[f"{stem}.c5"] = rewrites.taps_first(weight, bias)
        reads: dict[str, tuple[int, int]] = {}
        for edge_layer in distilling:
            ((read, reach),) = edge_layer.inputs
            old = reads.get(read, HERE)
            reads[read] = (max(old[0], reach[0]), max(old[1], reach[1]))
        if onto is not None:
            reads.setdefault(onto, HERE)
        layers.append(Fusion(output, channels, tuple(reads.items()), stem, tuple(distilling), onto))
        return layers

    def _edge(
        self,
        prefix: str,
        stem: str,
        edge: str,
        operation: str,
        channels: int,
        source: str,
        target: str,
        remaining: bool,
        leaky: bool,
        log2: bool,
    ) -> Convolution | Skip:
        if operation == "skip":
            return Skip(target, channels, ((source, HERE),), gain=2 if remaining else 1, leaky=leaky)
        weight = self.weights[f"{prefix}.{EDGES[edge]}.op.weight"]
        bias = self.weights[f"{prefix}.{EDGES[edge]}.op.bias"]
        if log2:
            bias = rewrites.cell_in_log2({edge: bias})[edge]
        weight = rewrites.fold_identity(weight, operation.startswith("res") + remaining)
        self.stored[f"{stem}.{edge}"] = self._ordered(source, weight, bias)
        kernel = weight.shape[-1]
        dilation = 2 if "dil" in operation else 1
        return Convolution(
            target,
            channels,
            ((source, (reach := kernel // 2 * dilation, reach)),),
            f"{stem}.{edge}",
            kernel,
            dilation,
            leaky,
        )

    def _ordered(self, source: str, weight: Weights, bias: Weights) -> Array:
        ordered = rewrites.taps_in_pairs if source in self.packed else rewrites.taps_first
        return ordered(weight, bias)

    # Illumination

    def _linear(self, i: Illumination) -> list[Layer]:
        """All stages at full size. In the released form t lives as its inverse, the gain: no division."""
        window = int(i.window[0])
        reach = (1, 1) if window == 3 else (0, 1)
        released = i.parameterisation == "released"
        layers: list[Layer] = [Operation("warm0", 3, (("y", reach),), "window_max", (window,))]
        t = "warm0"
        light = gain = u = ""
        for k in range(len(i.scales)):
            if k > 0 and i.warm_start in ("updated", "residual"):
                layers += self._image(k - 1, released, gain, light, i.t_min)
                u = f"u{k - 1}"
                if i.warm_start == "residual":
                    reads = ((u, reach), ("y", HERE))
                    layers.append(Operation(f"warm{k}", 3, reads, "residual", (window,), (literal(i.gamma),)))
                else:
                    layers.append(Operation(f"warm{k}", 3, ((u, reach),), "window_max", (window,)))
                warm = f"warm{k}"
            elif i.warm_start == "previous":
                warm = t
            else:
                warm = "warm0"
            source = warm if released else t
            cell = self._cell(
                "iem", k, i.genotype, 3, source, f"cell{k}" if released else f"t{k + 1}",
                # Only pixels' maxima are known to be positive, and what comes out of a sigmoid.
                sign="non-negative" if released or k == 0 else "any", inverse=released,
                onto=None if released else warm,
            )  # fmt: skip
            layers += cell
            if released:
                gain = f"gain{k}"
                layers.append(Pointwise(gain, 3, ((f"cell{k}", HERE),), "inverse_sigmoid"))
                if i.warm_start == "previous" and k + 1 < len(i.scales):
                    t = f"t{k + 1}"
                    layers.append(Pointwise(t, 3, ((gain, HERE),), "inverse"))
            else:
                t = light = f"t{k + 1}"
        self.light = gain if released else light
        arguments = (literal(i.t_min), "strength")
        layers.append(
            Pointwise("u", 3, (("y", HERE), (self.light, HERE)), "apply_linear", (released,), arguments)
        )
        return layers

    def _image(self, k: int, released: bool, gain: str, light: str, t_min: float) -> list[Layer]:
        if released:
            return [Pointwise(f"u{k}", 3, (("y", HERE), (gain, HERE)), "multiply")]
        return [Pointwise(f"u{k}", 3, (("y", HERE), (light, HERE)), "divide", (), (literal(t_min),))]

    def _grid_stage(self, i: Illumination, k: int) -> Pass:
        warm = "warm" if i.warm_start == "fixed" else "x"
        cell = self._cell("iem", k, i.genotype, 3, "x", "t", log2=True, onto=warm)
        return Pass(f"stage_{k}", dict.fromkeys(("x", warm), 3), tuple(cell), ("t",))

    def _log(self, i: Illumination) -> list[Layer]:
        groups = 1 if i.channels == "shared" else 3
        layers: list[Layer] = []
        reads: list[tuple[str, tuple[int, int]]] = [("y", HERE)]
        guided, mean = i.upsampling == "guided", i.own == "mean"
        if guided or (i.mix and not mean) or i.signal_floor or i.chroma_floor:
            source = "y"
            if groups == 1:
                source = "largest"
                layers.append(Operation(source, 1, (("y", HERE),), "channel_max"))
            layers.append(Operation("m", groups, ((source, (1, 1)),), "window_max", (3,)))
            reads.append(("m", HERE))
        # One function makes both the image and the gain; the gain is listed first as its by-product.
        layers.append(Operation("gain", groups, tuple(reads), ""))
        shape = (i.scales[-1], groups, i.mix, i.signal_floor > 0, i.chroma_floor, i.rolloff, guided, mean)
        layers.append(Operation("u", 3, (*reads, ("gain", HERE)), "apply_log", shape))
        return layers

    def _exposure(self, i: Illumination) -> None:
        weight, bias = np.zeros((3, 5)), np.zeros(3)
        if i.exposure == "statistics":
            weight = self.weights["illumination.exposure.weight"]
            bias = self.weights["illumination.exposure.bias"]
        elif i.mix:
            bias = np.array([0, 0, float(self.weights["illumination.mix_logit"])])
        weight, bias = rewrites.exposure_in_log2(weight, bias)
        self.stored["exposure"] = np.concatenate([bias, weight.ravel()]).astype(np.float32)
        chroma = rolloff = 0.0
        if i.chroma_floor:
            chroma = float(np.exp(2 * self.weights["illumination.chroma_knee"]))
        if i.rolloff:
            rolloff = 1 / (1 + float(np.exp(-self.weights["illumination.rolloff_knee"])))
        self.stored["fade"] = np.log2([*i.fade, *i.fade_grey] or [1.0]).astype(np.float32)
        self.stored["knees"] = np.array([i.signal_floor**2, chroma, rolloff], np.float32)

    # Noise

    def _noise(self, n: Noise, groups: int) -> list[Layer]:
        weight = self._weight(n, groups)
        reads = ((weight.output, HERE),)
        left = Operation("weight_left", weight.channels, reads, "less_where_averaged", (), ("frame",))
        layers: list[Layer] = [weight, left]
        # Equation 3 subtracts after each cell, the released form once after all of them.
        cells = range(n.stages)
        runs = [cells] if n.parameterisation == "released" else [range(k, k + 1) for k in cells]
        x = "u"
        for run in runs:
            noise, last = f"noise{run[-1]}", run is runs[-1]
            layers += self._noise_of(n, x, run, noise)
            x = "image" if last else f"x{run[-1] + 1}"
            inputs = (("u", HERE), (left.output, HERE), (noise, HERE))
            layers.append(Pointwise(x, 3, inputs, "subtract_noise", (last,)))
        return layers

    def _weight(self, n: Noise, groups: int) -> Pointwise:
        guided = n.guide == "gain"
        amount = "strength * frame.denoise"
        i = self.description.illumination
        if i.domain == "log":
            return Pointwise("weight", groups, (("gain", HERE),), "weight_log", (guided,), (amount,))
        shape = (i.parameterisation == "released", guided)
        arguments = (literal(i.t_min), "strength", amount)
        return Pointwise("weight", 3, ((self.light, HERE),), "weight_linear", shape, arguments)

    def _noise_of(self, n: Noise, x: str, cells: range, noise: str) -> list[Layer]:
        """What stem, cells and head make of an image, as another; between them at the module's scale."""
        half = n.scale > 1
        colours = HALF_SIZE if half else 3
        layers: list[Layer] = []
        seen = x
        if half:
            seen = self._pack(f"blocks{cells[0]}")
            layers.append(Operation(seen, colours, ((x, HERE),), "see_blocks"))
        # Weights of the ends are stored before those of cells, which stand side by side.
        features, last = self._pack(f"stem{cells[0]}"), self._pack(f"features{cells[-1]}")
        said = f"{noise}_of_blocks" if half else noise
        layers.append(self._end(features, n.channels, seen, "stem"))
        head = self._end(said, colours, last, "head")
        for k in cells:
            source, features = features, self._pack(f"features{k}")
            layers += self._cell("nrm", k, n.genotype, n.channels, source, features)
        layers = [replace(layer, scale=n.scale) for layer in (*layers, head)]
        if half:
            # A pixel's details need the other row of its block.
            layers.append(Operation(noise, 3, ((x, (1, 1)), (said, HERE)), "noise_in_blocks"))
        return layers

    def _pack(self, tensor: str) -> str:
        if self.pack:
            self.packed.add(tensor)
        return tensor

    def _end(self, output: str, channels: int, source: str, name: str) -> Convolution:
        weight, bias = self.weights[f"noise.{name}.weight"], self.weights[f"noise.{name}.bias"]
        if channels == HALF_SIZE and name == "head":
            weight, bias = rewrites.shares_in_log2(weight, bias)
        self.stored[name] = self._ordered(source, weight, bias)
        return Convolution(output, channels, ((source, (1, 1)),), name, 3, 1, False)
