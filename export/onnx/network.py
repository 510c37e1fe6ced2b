"""A description and its weights as an ONNX graph, node by node, named after the paper's symbols.

The graph is written, not traced: it holds what the description says and nothing else.
`rtvideo.models.description` is the exact computation; the numbered comments below are its steps. Three
rewrites, all exact, save passes over memory: a residual sum is one more in a convolution's centre tap;
``y / t`` is ``y exp(-log t)``; and ``t ^ s`` is ``exp(s log t)``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper

from export.onnx.blocks import Blocks
from export.onnx.cells import Cells
from export.onnx.guided_upsampling import lines
from export.onnx.writer import Graph
from rtvideo.errors import UnavailableError
from rtvideo.models.description import COLOURED, NO_COLOUR, RELEASED_T_MIN, Description
from rtvideo.models.shapes import shapes
from rtvideo.version import __version__

Weights = Mapping[str, npt.NDArray[np.float32]]

OPSET = 18
#: The newest that onnxruntime 1.20 and TensorRT 10 read.
IR_VERSION = 10


def build(
    description: Description, weights: Weights, *, denoise: bool, half: bool = False, card: str = "{}"
) -> onnx.ModelProto:
    """Return the network as a checked ONNX model.

    Input ``image`` and output ``enhanced`` are (1, 3, height, width) RGB in 0..1, f32 or, with ``half``, f16.
    The scalars ``strength`` and, with noise removal, ``denoise`` are optional inputs of f32 with default 1;
    so is, in the log domain, ``brightness`` with default 0.

    Args:
        description, weights: what is computed; names and shapes as `rtvideo.models.shapes.shapes`.
        denoise: with noise removal, or illumination alone.
        half: cells, stem and head in f16, strongly typed, and what goes in and out; exposure and everything
            after the cells stays f32.
        card: the model card as JSON, kept in the metadata beside the description.

    Raises:
        UnavailableError: weights and description do not belong together, or there is no noise removal.
    """
    expected = shapes(description)
    if {name: array.shape for name, array in weights.items()} != expected:
        wrong = sorted(
            name
            for name in expected.keys() | weights.keys()
            if name not in weights or weights[name].shape != expected.get(name)
        )
        raise UnavailableError(
            f"model {description.name}: weights do not fit the description: {', '.join(wrong)}"
        )
    if denoise and description.noise is None:
        raise UnavailableError(f"model {description.name} has no noise removal to export")

    graph = _Network(description, weights, half).build(denoise)
    proto = helper.make_graph(
        graph.nodes,
        description.name or "rtvideo",
        graph.inputs,
        [helper.make_tensor_value_info("enhanced", _kind(half), [1, 3, "height", "width"])],
        list(graph.constants.values()),
    )
    model = helper.make_model(
        proto,
        ir_version=IR_VERSION,
        opset_imports=[helper.make_opsetid("", OPSET)],
        producer_name="rtvideo",
        producer_version=__version__,
    )
    properties = {
        "rtvideo.description": description.to_json(),
        "rtvideo.card": card,
        "rtvideo.version": __version__,
        "rtvideo.precision": "f16 ends and cells, f32 tail" if half else "f32",
        "input_range": "0..1",
        "colour_order": "RGB",
        "layout": "NCHW",
    }
    helper.set_model_props(model, properties)
    onnx.checker.check_model(model, full_check=True)  # shape inference included
    return model


def _kind(half: bool) -> int:
    return TensorProto.FLOAT16 if half else TensorProto.FLOAT


class _Network:
    """Writes one network; methods take and return the names of values."""

    def __init__(self, description: Description, weights: Weights, half: bool) -> None:
        self.d, self.weights = description, weights
        self.g = Graph()
        self.cells = Cells(self.g, weights, half)

    def build(self, denoise: bool) -> Graph:
        g, d = self.g, self.d.illumination
        y = self.cells.widen(g.image("image", _kind(self.cells.half)), name="y")
        strength = g.scalar("strength", 1.0)
        log_t, m, need = self.linear(y) if d.domain == "linear" else self.log(y)
        if need:
            strength = g.add("Mul", strength, need, name="faded_strength")
        s = g.add("Mul", log_t, strength, name="strength*log_t")
        if d.rolloff:
            s = self.roll_off(s, y)
        amplified = g.add("Mul", y, g.add("Exp", g.add("Neg", s, name="-log_t"), name="1/t"), name="y/t")
        u = self.clip(amplified, name="u_K")
        if d.chroma_floor:  # 8
            u = self.chroma_floor(u, m, strength)
        if denoise:
            u = self.noise_removal(u, s, strength)
        if self.cells.half:
            g.add("Cast", u, name="enhanced", to=TensorProto.FLOAT16)
        else:
            g.add("Identity", u, name="enhanced")
        return g

    # Illumination

    def linear(self, y: str) -> tuple[str, str, str]:
        """Return what `log` does, from stages in the linear domain, where nothing needs ``m``."""
        g, d = self.g, self.d.illumination
        t_hat_0 = t = u = self.window_max(y, name="t_hat_0")  # 1
        for k in range(len(d.scales)):  # 4
            warm = t_hat_0
            if d.warm_start == "previous":
                warm = t
            elif k > 0 and d.warm_start in ("updated", "residual"):
                u = self.clip(
                    g.add("Div", y, g.add("Max", t, d.t_min, name=f"max(t_{k})"), name=f"y/t_{k}"),
                    name=f"u_{k}",
                )
                warm = self.window_max(u, name=f"window_max(u_{k})")
                if d.warm_start == "residual":
                    r = g.add("Sub", u, y, name=f"r_{k}")
                    warm = g.add(
                        "Sub", warm, g.add("Mul", r, d.gamma, name=f"gamma*r_{k}"), name=f"t_hat_{k}"
                    )
            if d.parameterisation == "released":
                prediction = g.add("Sigmoid", self.illumination_cell(k, warm), name=f"sigmoid_{k}")
                t = g.add("Clip", prediction, RELEASED_T_MIN, 1.0, name=f"t_{k + 1}")
            else:
                t = g.add("Sub", warm, self.illumination_cell(k, t), name=f"t_{k + 1}")
        t = g.add("Clip", t, d.t_min, 1.0, name="t_K")  # 7
        return g.add("Log", t, name="log_t"), t_hat_0, ""

    def log(self, y: str) -> tuple[str, str, str]:
        """Return ``log t`` at full size, from stages in the log domain, each pixel's maximum ``m``, and the
        share of the strength that the frame needs, if it may be less than all.
        """
        g, d = self.g, self.d.illumination
        t_hat_0 = self.window_max(y, name="t_hat_0")  # 1
        padded = self.pad(t_hat_0, max(d.scales), name="t_hat_0_padded")  # 2
        grids = {s: self.grid(padded, s) for s in sorted(set(d.scales))}

        x = grids[d.scales[0]]  # 3
        largest = g.add("ReduceMax", x, self.axes(1), name="l")
        need = self.need_of_light(x, largest) if d.fade else ""
        n = ""
        if d.exposure != "none":
            n = self.grid_mean(largest, "n")
            x = g.add("Sub", x, n, name="x_0")
        at = d.scales[0]
        for k, s in enumerate(d.scales):  # 4
            x, at = self.resize(x, at, s, name=f"x_{k}_at_{s}"), s
            warm = x
            if d.warm_start == "fixed":
                warm = g.add("Sub", grids[s], n, name=f"warm_{k}") if n else grids[s]
            x = g.add("Sub", warm, self.illumination_cell(k, x), name=f"x_{k + 1}")

        log_t, logit = x, ""  # 5
        if d.exposure == "mean":
            log_t = g.add("Add", x, n, name="x_K+n")
        if d.exposure == "statistics":
            drift, log_contrast, logit = self.exposure(largest, n)
            contrast = g.add("Exp", log_contrast, name="contrast")
            offset = g.add("Add", drift, n, name="offset")
            log_t = g.add(
                "Add", g.add("Mul", x, contrast, name="contrast*x_K"), offset, name="contrast*x_K+offset"
            )
        elif d.mix:
            logit = g.constant(self.weights["illumination.mix_logit"], "illumination.mix_logit")
        if d.channels == "shared":  # 6
            log_t = g.add("ReduceMean", log_t, self.axes(1), name="shared_log_t")

        brightest = g.add("ReduceMax", y, self.axes(1), name="max_channel") if d.channels == "shared" else y
        m = g.add("MaxPool", brightest, name="m", kernel_shape=[3, 3], pads=[1, 1, 1, 1])  # 7
        pixel_light = ""
        if d.mix or d.upsampling == "guided":
            light = g.add("ReduceMean", y, self.axes(1), name="mean_channel") if d.own == "mean" else m
            pixel_light = g.add("Log", g.add("Add", light, d.floor, name="own+floor"), name="own")
        if d.upsampling == "guided":
            guide = grids[at]
            if d.channels == "shared":
                guide = g.add("ReduceMax", guide, self.axes(1), name="guide")
            slope, intercept = (
                self.crop(self.resize(x, at, 1, name=f"{x}_padded"), y, max(d.scales))
                for x in lines(g, guide, log_t)
            )
            log_t = g.add("Add", g.add("Mul", slope, pixel_light, name="A*own"), intercept, name="A*own+B")
        else:
            log_t = self.crop(self.resize(log_t, at, 1, name="log_t_padded"), y, max(d.scales))
        if d.mix:
            share = g.add("Sigmoid", logit, name="a")
            far = g.add("Mul", log_t, g.add("Sub", 1.0, share, name="1-a"), name="(1-a)*log_t")
            log_t = g.add("Add", far, g.add("Mul", pixel_light, share, name="a*own"), name="mixed_log_t")
        stops = g.add("Mul", g.scalar("brightness", 0.0), math.log(2), name="brightness*log_2")
        log_t = g.add("Sub", log_t, stops, name="log_t-brightness*log_2")
        log_t = g.add("Clip", log_t, math.log(d.t_min), 0.0, name="log_t")
        if d.signal_floor:
            squared = g.add("Mul", m, m, name="m^2")
            recorded = g.add("Add", squared, d.signal_floor**2, name="m^2+f^2")
            log_t = g.add("Mul", log_t, g.add("Div", squared, recorded, name="signal"), name="signal*log_t")
        return log_t, m, need

    def need_of_light(self, x: str, largest: str) -> str:
        """Return the (1, 1, 1, 1) share of the strength that a frame needs (step 2)."""
        g, d = self.g, self.d.illumination
        level = self.grid_mean(g.add("ReduceMean", x, self.axes(1), name="level_of_cells"), "level")
        smallest = g.add("ReduceMin", x, self.axes(1), name="smallest")
        colour = self.grid_mean(g.add("Sub", largest, smallest, name="colour_of_cells"), "colour")
        from_grey = g.add("Sub", colour, NO_COLOUR, name="colour-NO_COLOUR")
        coloured = self.smoothstep(g.add("Div", from_grey, COLOURED - NO_COLOUR, name="how_coloured"))
        low, high = (
            g.add(
                "Add",
                g.add("Mul", coloured, math.log(a / b), name=f"from_{end}"),
                math.log(b),
                name=f"{end}_limit",
            )
            for a, b, end in zip(d.fade, d.fade_grey, ("lower", "upper"), strict=True)
        )
        span = g.add("Sub", high, low, name="upper-lower")
        above = g.add("Div", g.add("Sub", level, low, name="level-lower"), span, name="how_light")
        return g.add("Sub", 1.0, self.smoothstep(above), name="need_of_light")

    def smoothstep(self, x: str) -> str:
        g = self.g
        x = self.clip(x, name=f"{x}_clipped")
        slope = g.add("Sub", 3.0, g.add("Mul", x, 2.0, name=f"2*{x}"), name=f"3-2*{x}")
        return g.add("Mul", g.add("Mul", x, x, name=f"{x}^2"), slope, name=f"smoothstep({x})")

    def exposure(self, largest: str, n: str) -> tuple[str, str, str]:
        """Return ``offset - n``, ``log contrast`` and mix logit, each (1, 1, 1, 1), from the statistics."""
        g = self.g
        deviation = g.add("Sub", largest, n, name="l-n")
        square = g.add("Mul", deviation, deviation, name="(l-n)^2")
        variance = self.grid_mean(square, "variance")
        statistics = (
            n,
            # As in training, where the root's slope must stay finite on a black frame.
            g.add("Sqrt", g.add("Max", variance, 1e-12, name="variance>0"), name="deviation"),
            self.grid_mean(g.add("Exp", largest, name="exp(l)"), "linear_mean"),
            g.add("ReduceMax", largest, self.axes(2, 3), name="maximum"),
            g.add("ReduceMin", largest, self.axes(2, 3), name="minimum"),
        )
        vector = g.add("Concat", *statistics, name="g", axis=1)
        weight = self.weights["illumination.exposure.weight"][..., None, None]
        bias = g.constant(self.weights["illumination.exposure.bias"], "illumination.exposure.bias")
        # A 1x1 convolution is the same product and keeps four axes.
        mapped = g.add(
            "Conv", vector, g.constant(weight, "illumination.exposure.weight"), bias, name="exposure"
        )
        drift, log_contrast, logit = g.split(mapped, ("offset-n", "log_contrast", "mix_logit"))
        return drift, log_contrast, logit

    def grid_mean(self, x: str, name: str) -> str:
        """Return the mean over rows and columns, one after the other: a single f32 sum of them all drifts."""
        rows = self.g.add("ReduceMean", x, self.axes(3), name=f"{name}_of_rows")
        return self.g.add("ReduceMean", rows, self.axes(2), name=name)

    def roll_off(self, log_t: str, y: str) -> str:
        """Return ``log t`` under which no channel of ``y`` burns (step 7); below the knee the very same."""
        g = self.g
        knee = 1 / (1 + np.exp(-self.weights["illumination.rolloff_knee"]))
        rest = 1 - knee  # in f32, as what is made of it in the graph
        largest = g.add("ReduceMax", y, self.axes(1), name="M")  # not over 3x3, which is m
        z = g.add("Mul", largest, g.add("Exp", g.add("Neg", log_t, name="log_gain"), name="gain"), name="z")
        above = g.add("Max", g.add("Sub", z, float(knee), name="z-k"), 0.0, name="e")
        wanted = g.add("Add", above, float(knee * rest), name="e+k(1-k)")
        over = g.add("Add", above, float(rest), name="e+1-k")
        found = g.add("Mul", over, g.add("Add", above, float(knee), name="e+k"), name="(e+1-k)(e+k)")
        kept = g.add("Div", wanted, found, name="r/z")
        darker = g.add("Sub", log_t, g.add("Log", kept, name="log(r/z)"), name="log_t-log(r/z)")
        return g.add("Clip", darker, math.log(self.d.illumination.t_min), 0.0, name="rolled_off_log_t")

    def chroma_floor(self, u: str, m: str, strength: str) -> str:
        """Return ``grey * fade + u * (1 - fade)``, written so that most of it has one channel."""
        g = self.g
        squared = g.add("Mul", m, m, name="m^2_chroma")
        k2 = float(np.exp(2 * self.weights["illumination.chroma_knee"]))
        share = g.add("Mul", strength, k2, name="strength*k^2")
        fade = g.add("Div", share, g.add("Add", squared, k2, name="m^2+k^2"), name="fade")
        grey = g.add("ReduceMean", u, self.axes(1), name="grey")
        kept = g.add("Mul", u, g.add("Sub", 1.0, fade, name="1-fade"), name="(1-fade)*u_K")
        return g.add("Add", kept, g.add("Mul", grey, fade, name="fade*grey"), name="u_K_chroma_floor")

    # Noise removal

    def noise_removal(self, u: str, log_t: str, strength: str) -> str:
        """Return the result of step 9; ``log_t`` has the strength in it already."""
        g, d = self.g, self.d.noise
        assert d is not None
        w = g.add("Mul", g.scalar("denoise", 1.0), strength, name="denoise*strength")
        if d.guide == "gain":
            t = g.add("Exp", log_t, name="t")
            w = g.add("Mul", w, g.add("Sub", 1.0, t, name="1-t"), name="w")
        stages = [f"noise.cells.{k}" for k in range(d.stages)]
        # Equation 3 subtracts after each cell, the released form once after all of them.
        runs = [stages] if d.parameterisation == "released" else [[stage] for stage in stages]
        cells, x = self.cells, u
        for n, run in enumerate(runs):
            blocks = None if d.scale == 1 else Blocks(g, self.pad(x, d.scale, name=f"x_{n}_padded"))
            seen = cells.narrow(x if blocks is None else blocks.channels, name=f"x_{n}_f16")
            features = cells.conv("noise.stem", seen, name=f"stem_{n}")
            for stage in run:
                features = cells.cell(stage, d.genotype, features)
            noise = cells.widen(cells.conv("noise.head", features, name=f"head_{n}"), name=f"noise_{n}")
            if blocks is not None:
                noise = self.crop(blocks.noise(noise), u, d.scale)
            x = g.add("Sub", u, g.add("Mul", noise, w, name=f"w*noise_{n}"), name=f"denoised_{n + 1}")
        return self.clip(x, name="x_N")

    def illumination_cell(self, k: int, x: str) -> str:
        """C_k(x), f32 to f32."""
        prefix = f"illumination.cells.{k}"
        cell = self.cells.cell(
            prefix, self.d.illumination.genotype, self.cells.narrow(x, name=f"{prefix}.f16")
        )
        return self.cells.widen(cell, name=f"C_{k}")

    # Small things

    def window_max(self, x: str, *, name: str) -> str:
        """The maximum over the window; values are 0 or more, so that padding with nothing equals zeros."""
        if self.d.illumination.window == "2x2":  # the pixel, its right, lower and lower-right neighbour
            return self.g.add("MaxPool", x, name=name, kernel_shape=[2, 2], pads=[0, 0, 1, 1])
        return self.g.add("MaxPool", x, name=name, kernel_shape=[3, 3], pads=[1, 1, 1, 1])

    def pad(self, x: str, multiple: int, *, name: str) -> str:
        """Replicate the right and lower edges up to the next multiple."""
        if multiple == 1:
            return x
        g = self.g
        size = g.add("Shape", x, name=f"{x}_size", start=2)
        # No Mod here: TensorRT would take what follows for sizes below zero, and build no engine at all.
        up = g.add("Add", size, g.constant([multiple - 1]), name=f"{x}_size+s-1")
        cells = g.add("Div", up, g.constant([multiple]), name=f"{x}_cells")
        whole = g.add("Mul", cells, g.constant([multiple]), name=f"{x}_whole_size")
        missing = g.add("Sub", whole, size, name=f"{x}_missing")
        pads = g.add("Concat", g.constant([0, 0]), missing, name=f"{x}_pads", axis=0)
        return g.add("Pad", x, pads, "", self.axes(2, 3), name=name, mode="edge")

    def grid(self, padded: str, scale: int) -> str:
        """log(mean of t_hat_0 over blocks + floor)."""
        g = self.g
        if scale > 1:
            block = [scale, scale]
            padded = g.add("AveragePool", padded, name=f"grid_{scale}", kernel_shape=block, strides=block)
        floored = g.add("Add", padded, self.d.illumination.floor, name=f"grid_{scale}+floor")
        return g.add("Log", floored, name=f"log_grid_{scale}")

    def resize(self, x: str, scale: int, to: int, *, name: str) -> str:
        """Resize bilinearly with half-pixel centres from one grid to another."""
        if scale == to:
            return x
        factor = scale / to
        scales = self.g.constant(np.array([1, 1, factor, factor], np.float32))
        return self.g.add(
            "Resize", x, "", scales, name=name, mode="linear", coordinate_transformation_mode="half_pixel"
        )

    def crop(self, x: str, like: str, multiple: int) -> str:
        """Cut off what `pad` replicated."""
        if multiple == 1:
            return x
        size = self.g.add("Shape", like, name=f"{x}_size", start=2)
        return self.g.add("Slice", x, self.g.constant([0, 0]), size, self.axes(2, 3), name=f"{x}_cropped")

    def clip(self, x: str, *, name: str) -> str:
        return self.g.add("Clip", x, 0.0, 1.0, name=name)

    def axes(self, *axes: int) -> str:
        return self.g.constant(list(axes))
