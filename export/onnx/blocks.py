"""Noise removal at half size: an image as blocks of 2x2 pixels, as ONNX nodes (step 9)."""

from __future__ import annotations

import numpy as np

from export.onnx.writer import Graph


class Blocks:
    """Adds what noise removal sees of an image (1, 3, H, W), H and W even, all of it f32.

    Attributes:
        channels: (1, 5, H / 2, W / 2), what `rtvideo.models.description.HALF_SIZE` counts.
    """

    def __init__(self, graph: Graph, x: str) -> None:
        self.g, self.x = graph, x
        means = self._mean(x, name=f"{x}_means")
        detail = graph.add("Sub", x, self._repeated(means), name=f"{x}_d")
        self.luma = self._of_channels(detail, name=f"{x}_d_y")
        self.colour = graph.add("Sub", detail, self.luma, name=f"{x}_d-d_y")
        sizes = (self._size(d) for d in (self.luma, self.colour))
        self.channels = graph.add("Concat", means, *sizes, name=f"{x}_blocks", axis=1)

    def noise(self, said: str) -> str:
        """Return the noise of each pixel, (1, 3, H, W), of what a head says of the blocks."""
        g, x = self.g, self.x
        of_means, logits = g.split(said, (f"{x}_noise_of_means", f"{x}_logits"), (3, 2))
        shares = self._repeated(g.add("Sigmoid", logits, name=f"{x}_shares"))
        of_luma, of_colour = g.split(shares, (f"{x}_a", f"{x}_b"))
        luma = g.add("Mul", of_luma, self.luma, name=f"{x}_a*d_y")
        colour = g.add("Mul", of_colour, self.colour, name=f"{x}_b*(d-d_y)")
        details = g.add("Add", luma, colour, name=f"{x}_noise_of_details")
        return g.add("Add", self._repeated(of_means), details, name=f"{x}_noise")

    def _size(self, detail: str) -> str:
        size = self.g.add("Abs", detail, name=f"|{detail}|")
        return self._mean(self._of_channels(size, name=f"{detail}_size"), name=f"{detail}_size_of_blocks")

    def _mean(self, x: str, *, name: str) -> str:
        return self.g.add("AveragePool", x, name=name, kernel_shape=[2, 2], strides=[2, 2])

    def _of_channels(self, x: str, *, name: str) -> str:
        return self.g.add("ReduceMean", x, self.g.constant([1]), name=name)

    def _repeated(self, x: str) -> str:
        """Each value as a block of 2x2 pixels."""
        twice = self.g.constant(np.array([1, 1, 2, 2], np.float32))
        return self.g.add(
            "Resize", x, "", twice, name=f"{x}_repeated", mode="nearest",
            coordinate_transformation_mode="asymmetric", nearest_mode="floor",
        )  # fmt: skip
