"""How much noise a picture has, where no other frames tell it: a photograph is judged by itself.

The noise of a block is the mean size of what the mask of Immerkaer (Fast Noise Variance Estimation, 1996)
leaves of it: slopes vanish in it, texture does not. So that of a picture is a low quantile over its blocks.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

_BLOCK = 8
#: Rows of blocks that are looked at, at most.
_ROWS = 64
#: Mean codes of blocks that are clipped neither at black nor at white.
_LOW, _HIGH = 2, 240
#: Blocks that a judgement needs, and the quantile of them that is believed.
_ENOUGH, _QUIET = 50, 0.1
#: Codes. A block with less is constant: an encoder took its noise away, and may have left blocks instead.
_CONSTANT, _CONSTANT_SHARE = 0.05, 0.3
#: Codes from which on all of noise removal is needed, and the least share of it: chosen on the training
#: folders of LOL and SICE.
_NOISY, _LEAST = 0.75, 0.3

_WEIGHTS = np.array([0.299, 0.587, 0.114], np.float32)

Pixels = npt.NDArray[Any]


def denoise_for(pixels: Pixels, *, lossless: bool) -> float:
    """Return how much of noise removal a picture needs, 0.3 to 1; all of it where that cannot be told.

    Args:
        pixels: (h, w) or (h, w, 3) RGB, uint8 or uint16 over their full range.
        lossless: no encoder smoothed it.
    """
    levels = _levels(pixels)
    if len(levels) < _ENOUGH or (not lossless and np.mean(levels < _CONSTANT) > _CONSTANT_SHARE):
        return 1.0
    return float(np.clip(np.quantile(levels, _QUIET) / _NOISY, _LEAST, 1.0))


def _levels(pixels: Pixels) -> npt.NDArray[np.float32]:
    """Return the noise of each block that is not clipped, in codes."""
    height = pixels.shape[0] - 2
    tops = range(0, height - _BLOCK + 1, _BLOCK)
    found = [np.zeros(0, np.float32)]
    for top in tops[:: max(1, len(tops) // _ROWS)]:
        strip = _luma(pixels[top : top + _BLOCK + 2])
        columns = (strip.shape[1] - 2) // _BLOCK * _BLOCK
        if columns <= 0:
            break
        across = strip[:, :-2] - 2 * strip[:, 1:-1] + strip[:, 2:]
        left = np.abs(across[:-2] - 2 * across[1:-1] + across[2:])
        means = [_means(part[:, :columns]) for part in (strip[1:-1, 1:-1], left)]
        found.append(means[1][(means[0] > _LOW) & (means[0] < _HIGH)])
    levels: npt.NDArray[np.float32] = np.concatenate(found)
    levels *= math.sqrt(math.pi / 2) / 6  # the mask's gain is 6
    return levels


def _luma(pixels: Pixels) -> npt.NDArray[np.float32]:
    """Return luma in codes of 8 bits."""
    luma = pixels.astype(np.float32)
    luma *= 1 / 257 if pixels.dtype == np.uint16 else 1
    return luma if luma.ndim == 2 else np.asarray(luma @ _WEIGHTS, np.float32)


def _means(strip: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Return the means of a row of blocks."""
    means: npt.NDArray[np.float32] = strip.reshape(_BLOCK, -1, _BLOCK).mean((0, 2))
    return means
