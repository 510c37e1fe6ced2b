"""What any network must beat: one number for all images, one number for each image, and OpenCV's CLAHE."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import cv2
import numpy as np

from model.data import Item
from model.metrics import psnr, quantise
from rtvideo.sample.camera_simulator import Image

Method = Callable[[Image], Image]

#: Fitted on the 125 training pairs of LOL-v1 by ``python benchmarks/quality.py --fit DIR``.
GAIN = 6.5
GAMMA_MEAN = 0.44

#: What the authors' released weights amount to on any photograph, to 61 dB or better: a gain a channel.
RELEASED_GAIN = (6.18, 6.01, 6.22)


def fixed_gain(gain: float | Sequence[float]) -> Method:
    """Return a method that multiplies every image by ``gain``, one for all channels or one each."""
    return lambda image: quantise(image * (np.asarray(gain) / 255))


def adaptive_gamma(mean: float) -> Method:
    """Return a method that gives each image the gamma at which its mean becomes ``mean`` (0..1)."""

    def method(image: Image) -> Image:
        # The mean falls as gamma rises: halve the interval of log gamma. A table serves all pixels.
        counts = np.bincount(image.ravel(), minlength=256) / image.size
        code = np.arange(256) / 255
        low, high = math.log(0.01), math.log(100)
        for _ in range(40):
            middle = (low + high) / 2
            low, high = (middle, high) if counts @ code ** math.exp(middle) > mean else (low, middle)
        return quantise(code ** math.exp(low))[image]

    return method


def clahe(image: Image) -> Image:
    """Return contrast-limited adaptive histogram equalisation of L in LAB, limit 2, 8x8 tiles."""
    lab = cv2.cvtColor(image, cv2.COLOR_RGB2LAB)
    lab[..., 0] = cv2.createCLAHE(2.0, (8, 8)).apply(lab[..., 0])
    result: Image = cv2.cvtColor(lab, cv2.COLOR_LAB2RGB).astype(np.uint8, copy=False)
    return result


def fit(items: Sequence[Item]) -> tuple[float, float]:
    """Return the gain and the mean that score the highest mean PSNR on pairs."""

    def best(make: Callable[[float], Method], candidates: Sequence[float]) -> float:
        def score(value: float) -> float:
            method = make(value)
            return float(np.mean([psnr(method(i.low), i.high) for i in items if i.high is not None]))

        return max(candidates, key=score)

    gain = best(fixed_gain, [float(g) for g in np.arange(1, 12.01, 0.5)])
    return gain, best(adaptive_gamma, [float(m) for m in np.arange(0.30, 0.60, 0.02)])
