"""The distillation cell and its convolutions as ONNX nodes, in single or half precision."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
from onnx import TensorProto

from export.onnx.writer import Graph
from rtvideo.models.description import Genotype
from rtvideo.models.shapes import EDGES

Weights = Mapping[str, npt.NDArray[np.float32]]

#: Slope of the leaky ReLU below zero.
SLOPE = 0.05


class Cells:
    """Adds cells and convolutions to a graph. Half precision means f16 values from `narrow` to `widen`."""

    def __init__(self, graph: Graph, weights: Weights, half: bool) -> None:
        self.g, self.weights, self.half = graph, weights, half

    def narrow(self, x: str, *, name: str) -> str:
        """From f32 to the precision of the cells."""
        return self.g.add("Cast", x, name=name, to=TensorProto.FLOAT16) if self.half else x

    def widen(self, x: str, *, name: str) -> str:
        """From the precision of the cells to f32."""
        return self.g.add("Cast", x, name=name, to=TensorProto.FLOAT) if self.half else x

    def cell(self, prefix: str, genotype: Genotype, r: str) -> str:
        """d_k = lrelu(op_d(r_k)), r_{k+1} = lrelu(op_r(r_k) + r_k) for k = 1..3, d_4, then the 1x1 fusion."""
        distilled = []
        for k in (1, 2, 3):
            distilled.append(self.edge(prefix, f"d{k}", genotype, r))
            r = self.edge(prefix, f"r{k}", genotype, r, residual=1)
        distilled.append(self.edge(prefix, "c4", genotype, r))
        return self.conv(f"{prefix}.c5", self.g.add("Concat", *distilled, name=f"{prefix}.d", axis=1))

    def edge(self, prefix: str, edge: str, genotype: Genotype, x: str, *, residual: int = 0) -> str:
        """lrelu(operation(x) + residual * x)."""
        operation, name = getattr(genotype, edge), f"{prefix}.{EDGES[edge]}"
        if operation == "skip":
            out = self.g.add("Add", x, x, name=f"{name}.sum") if residual else x
        else:
            times = residual + operation.startswith("res")
            out = self.conv(f"{name}.op", x, residual=times, dilation=2 if "dil" in operation else 1)
        return self.g.add("LeakyRelu", out, name=f"{name}.lrelu", alpha=SLOPE)

    def conv(self, weights: str, x: str, *, residual: int = 0, dilation: int = 1, name: str = "") -> str:
        """A convolution that keeps the size, zero outside, plus ``residual`` times its input."""
        kernel = self.weights[f"{weights}.weight"].astype(np.float64)
        middle = kernel.shape[-1] // 2
        if residual:
            kernel[..., middle, middle] += residual * np.eye(len(kernel))
        return self.g.add(
            "Conv",
            x,
            self.parameter(kernel, f"{weights}.weight"),
            self.parameter(self.weights[f"{weights}.bias"], f"{weights}.bias"),
            name=name or weights,
            pads=[dilation * middle] * 4,
            dilations=[dilation] * 2,
        )

    def parameter(self, value: npt.NDArray[np.floating], name: str) -> str:
        """A constant in the precision of the cells."""
        return self.g.constant(value.astype(np.float16 if self.half else np.float32), name)
