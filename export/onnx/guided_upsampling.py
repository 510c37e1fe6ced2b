"""Guided upsampling as nodes: the lines of `model.guided_filter`, fitted on the grid."""

from __future__ import annotations

import numpy as np

from export.onnx.writer import Graph
from rtvideo.models.description import GUIDE_EPSILON


def lines(g: Graph, guide: str, log_t: str) -> tuple[str, str]:
    """Return slope and intercept, (1, C, h, w), of ``log_t`` over ``guide``, (1, C, h, w) each."""
    light, p = _planes(g, guide, "guide"), _planes(g, log_t, "log_t_grid")
    l_around, p_around = _around(g, light, "guide"), _around(g, p, "log_t_grid")
    l_mean, p_mean = _mean(g, l_around, "guide_mean"), _mean(g, p_around, "log_t_mean")
    l_off = g.add("Sub", l_around, l_mean, name="guide-mean")
    p_off = g.add("Sub", p_around, p_mean, name="log_t-mean")
    covariance = _mean(g, g.add("Mul", l_off, p_off, name="guide*log_t"), "covariance")
    variance = _mean(g, g.add("Mul", l_off, l_off, name="guide^2"), "guide_variance")
    slope = g.add(
        "Div", covariance, g.add("Add", variance, GUIDE_EPSILON, name="variance+e"), name="cell_slope"
    )
    l_whole = g.add("Add", light, l_mean, name="mean_guide")
    p_whole = g.add("Add", p, p_mean, name="mean_log_t")
    intercept = g.add("Sub", p_whole, g.add("Mul", slope, l_whole, name="slope*guide"), name="cell_intercept")
    found = []
    for x in (slope, intercept):
        mean = g.add("Add", x, _mean(g, _around(g, x, x), f"{x}_mean"), name=f"{x}_smooth")
        found.append(g.add("Transpose", mean, name=f"{x}_of_grid", perm=[1, 0, 2, 3]))
    return found[0], found[1]


def _planes(g: Graph, x: str, name: str) -> str:
    """Return channels as a batch: one convolution looks around all of them."""
    return g.add("Transpose", x, name=f"{name}_planes", perm=[1, 0, 2, 3])


def _around(g: Graph, x: str, name: str) -> str:
    """Return what the 3x3 cells around each are above its own, (C, 9, h, w); edges repeat."""
    padded = g.add(
        "Pad", x, g.constant([1, 1, 1, 1]), "", g.constant([2, 3]), name=f"{name}_padded", mode="edge"
    )
    weight = np.eye(9, dtype=np.float32).reshape(9, 1, 3, 3)
    weight[:, 0, 1, 1] -= 1
    return g.add("Conv", padded, g.constant(weight, "around"), name=f"{name}_around")


def _mean(g: Graph, x: str, name: str) -> str:
    return g.add("ReduceMean", x, g.constant([1]), name=name)
