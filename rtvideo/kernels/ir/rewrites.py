"""Exact rewrites of layers. Each holds under the condition that it states, and has its own equality test."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

Weights = npt.NDArray[np.float64]

LOG2_E = 1 / math.log(2)


def fold_identity(weight: Weights, times: int) -> Weights:
    """Return the weights of ``conv(x) + times * x``: the identity joins the centre taps.

    Args:
        weight: (C, C, K, K), K odd; any dilation, as the centre tap looks at the pixel itself.
        times: 1 for a residual operation or a remaining edge, 2 for a residual operation on a remaining edge.
    """
    folded = weight.copy()
    centre = weight.shape[-1] // 2
    channels = np.arange(len(weight))
    folded[channels, channels, centre, centre] += times
    return folded


def cell_in_log2(biases: dict[str, Weights]) -> dict[str, Weights]:
    """Return a cell's biases so that it takes and gives log2 where it took and gave natural logarithms.

    Convolutions are linear and a leaky ReLU is positively homogeneous, so ``C(s x; b) = s C(x; b / s)`` for
    s > 0: the change of unit only divides the biases by ln 2.
    """
    return {name: bias * LOG2_E for name, bias in biases.items()}


def negate_in_log2(weight: Weights, bias: Weights) -> tuple[Weights, Weights]:
    """Return the last layer of a cell so that it gives ``-z log2 e``: ``exp(-z)`` becomes a bare exp2."""
    return weight * -LOG2_E, bias * -LOG2_E


def shares_in_log2(weight: Weights, bias: Weights) -> tuple[Weights, Weights]:
    """Return the head at half size so that it gives ``-z log2 e`` for each share ``sigmoid(z)`` of details.

    Its first three channels, the noise of the means, stay.
    """
    units = np.array([1, 1, 1, -LOG2_E, -LOG2_E])
    return weight * units[:, None, None, None], bias * units


def exposure_in_log2(weight: Weights, bias: Weights) -> tuple[Weights, Weights]:
    """Return the exposure layer (3, 5) for statistics in log2 instead of natural logarithms.

    The mean of exp(l) has no unit. Outputs become: drift in log2, log2 of the contrast, and minus the mix
    logit times log2 e, so that ``a = 1 / (1 + 2 ** out)``.
    """
    units = np.array([1, 1, LOG2_E, 1, 1]) / LOG2_E
    signs = np.array([1, 1, -1])
    return weight * units * (signs * LOG2_E)[:, None], bias * signs * LOG2_E


def negate(weight: Weights, bias: Weights) -> tuple[Weights, Weights]:
    """Return the last layer of a cell so that ``warm - C(x)`` is a sum: the fusion starts from warm."""
    return -weight, -bias


def needs_no_leaky(sign: str) -> bool:
    """Return whether a leaky ReLU is the identity: only where its input cannot be negative."""
    return sign == "non-negative"


def taps_in_pairs(weight: Weights, bias: Weights) -> npt.NDArray[np.float32]:
    """Return bias in f32, then pairs of input channels in bf16 as [row][column][pair][output].

    Each pair is one 32-bit word, the even channel in its low half; an odd last channel is paired with zero.
    The words pass as the bits of float32.
    """
    missing = weight.shape[1] % 2
    padded = np.pad(weight, ((0, 0), (0, missing), (0, 0), (0, 0)))
    bits = bfloat16(padded.transpose(2, 3, 1, 0)).astype(np.uint32)
    words = bits[:, :, 0::2] | bits[:, :, 1::2] << 16
    return np.concatenate([bias.ravel().astype(np.float32), words.ravel().view(np.float32)])


def bfloat16(values: Weights) -> npt.NDArray[np.uint16]:
    """Return the bits of values rounded to bf16, ties to even."""
    bits = values.astype(np.float32).view(np.uint32)
    rounded = (bits + 0x7FFF + (bits >> 16 & 1)) >> 16
    return rounded.astype(np.uint16)


def taps_first(weight: Weights, bias: Weights) -> npt.NDArray[np.float32]:
    """Return bias, then weights as [row][column][input][output], the order in which the kernels read them."""
    return np.concatenate([bias.ravel(), weight.transpose(2, 3, 1, 0).ravel()]).astype(np.float32)
