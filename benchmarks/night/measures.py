"""Measures of what light does to a night picture, on (H, W, 3) RGB in 8 bits; with a truth or without one.

Each is of one fault, and knows what it is without. Not a number where a picture cannot show it.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import numpy.typing as npt

from benchmarks.faults.measures import luma
from model.metrics import psnr
from rtvideo.sample.camera_simulator import Image

Mask = npt.NDArray[np.bool_]
Plane = npt.NDArray[np.float32]

BURNT = 250  # of 255: white from here on, as in `model.metrics.blown`
SEEN = 4  # of 255: from here on something was recorded
NEAR_BLACK = 10  # of 255: codes so coarse that a gain shows each as a step
DARK = (12, 60)  # of 255: dark, and yet with colour
SATURATED = 0.6  # saturation of HSV from which a colour counts as strong
_COLOURED = 24  # codes between the largest and smallest channel, that give a hue
_LIT = (32, 250)  # of 255: recorded neither too coarsely nor clipped
_SMOOTH = 17  # pixels across, an encoder's macroblock with its border
_EDGE = 2 * NEAR_BLACK  # of 255: something is there, and no block near black
_FAINT = 0.25  # codes of a mean, below which there is no gain to speak of
_STEP = 1.5  # codes of a truth's own structure that still is smooth


def psnr_seen(image: Image, dark: Image, truth: Image) -> float:
    """Return the PSNR in dB over what was recorded: where the input, over 9x9, has `SEEN` codes or more.

    The truth also shows what no camera saw. Whether a result is black there or grey is a matter of taste.
    """
    seen = _average(dark, 9).max(axis=2) >= SEEN
    return psnr(image[seen][None], truth[seen][None]) if seen.any() else float("nan")


def burnt(image: Image, dark: Image, truth: Image | None = None) -> float:
    """Return the share of pixels that are white in the result only: the hole in a beam of light.

    White has all channels at `BURNT` or above. Pixels that are white in the input or in the truth are none of
    ours. 0 is without.
    """
    return _only_here(image, dark, truth, lambda picture: picture.min(axis=2) >= BURNT)


def clipped(image: Image, dark: Image, truth: Image | None = None) -> float:
    """Return the share of pixels that have a channel at its end in the result only: yellow holes, too.

    0 is without.
    """
    return _only_here(image, dark, truth, lambda picture: picture.max(axis=2) >= 254)


def hue_error(image: Image, reference: Image, dark: Image) -> float:
    """Return how far hues of lit areas turn, in degrees, as a mean weighted by the reference's colour.

    Lit is where the input recorded neither too little nor all, and the reference has a colour; where the
    result has none left, `saturation_kept` tells. Hue is the angle of (R - G / 2 - B / 2, (G - B) sqrt(3) /
    2), which one gain for all channels keeps.

    Args:
        image: the result.
        reference: the truth, or the input itself where there is none.
        dark: the input.
    """
    (hue, colour), (wanted, weight) = (_hue(picture) for picture in (image, reference))
    recorded = _average(dark, 5).max(axis=2)
    lit = (recorded >= _LIT[0]) & (recorded < _LIT[1]) & (weight >= _COLOURED) & (colour >= _COLOURED / 3)
    if not lit.any():
        return float("nan")
    turned = np.abs((hue - wanted + np.pi) % (2 * np.pi) - np.pi)[lit]
    return float(np.degrees(np.average(turned, weights=weight[lit])))


def colour_error(image: Image, truth: Image) -> float:
    """Return how far colours are off, whatever their lightness: mean distance in CIELAB's a*, b*, over 5x5.

    Purple tiles count, and so does colour that is gone. 0 is without; 2 can just be seen.
    """
    distance = _opponents(image) - _opponents(truth)
    return float(np.hypot(distance[..., 0], distance[..., 1]).mean())


def mosaic(image: Image, dark: Image, truth: Image | None = None) -> float:
    """Return what stands out of a smooth picture, in codes of luma, where the input is near black.

    Blocks of an encoder and contours of its codes; noise and grain, too. 0 is without. Only where the truth,
    if there is one, is smooth.
    """
    where = _near_black(dark, truth)
    return float(_structure(luma(image))[where].mean()) if where.any() else float("nan")


def mosaic_share(image: Image, dark: Image, truth: Image | None = None) -> float:
    """Return `mosaic` as a share of that of the input, times the result's own gain, smoothed.

    So that a dark result is not the better for it: 1 shows all the mosaic that the encoder left, 0 none.
    """
    where = _near_black(dark, truth)
    if not where.any():
        return float("nan")
    before, after = luma(dark), luma(image)
    gain = np.maximum(_mean(after), _FAINT) / np.maximum(_mean(before), _FAINT)
    left = float(_structure(np.asarray(before * gain, np.float32))[where].mean())
    return float(_structure(after)[where].mean()) / left if left > 0 else float("nan")


def grain(image: Image, truth: Image) -> float:
    """Return what stands out of a smooth picture, in codes of luma, where the truth is smooth: 0 is without.

    At any brightness; `mosaic` looks at the parts near black.
    """
    where = _smooth(truth)
    return float(_structure(luma(image))[where].mean()) if where.any() else float("nan")


def saturation_kept(image: Image, dark: Image) -> float:
    """Return the saturation of dark, saturated pixels after against before: 1 keeps it, 0 is grey.

    Pixels whose largest channel is in `DARK` and whose saturation (HSV, over 3x3) is at least `SATURATED`.
    """
    before, after = _saturation(dark), _saturation(image)
    largest = dark.max(axis=2)
    where = (largest >= DARK[0]) & (largest <= DARK[1]) & (before >= SATURATED)
    return float(after[where].mean() / before[where].mean()) if where.any() else float("nan")


def _only_here(image: Image, dark: Image, truth: Image | None, found: Callable[[Image], Mask]) -> float:
    ours = found(image) & ~found(dark)
    if truth is not None:
        ours &= ~found(truth)
    return float(ours.mean())


def _near_black(dark: Image, truth: Image | None) -> Mask:
    """Return where the input is near black, with no light and no edge within reach of smoothing."""
    largest = dark.max(axis=2)
    reach = np.ones((_SMOOTH, _SMOOTH), np.uint8)
    found: Mask = (_mean(largest.astype(np.float32)) <= NEAR_BLACK) & (cv2.dilate(largest, reach) <= _EDGE)
    return found if truth is None else found & _smooth(truth)


def _smooth(truth: Image) -> Mask:
    """Return where the truth has no structure of its own."""
    smooth: Mask = _mean(_structure(luma(truth))) <= _STEP
    return smooth


def _structure(plane: Plane) -> Plane:
    """Return how far each pixel is from the mean around it."""
    distance: Plane = np.abs(plane - _mean(plane))
    return distance


def _mean(plane: Plane) -> Plane:
    return np.asarray(cv2.blur(plane, (_SMOOTH, _SMOOTH)), np.float32)


def _average(image: Image, side: int) -> Plane:
    return np.asarray(cv2.blur(image.astype(np.float32), (side, side)), np.float32)


def _hue(image: Image) -> tuple[Plane, Plane]:
    """Return hue in radians and the range of the channels in codes, free of noise, each (H, W)."""
    average = _average(image, 5)
    red, green, blue = np.moveaxis(average, 2, 0)
    angle = np.arctan2((green - blue) * np.float32(np.sqrt(3) / 2), red - (green + blue) / 2)
    return angle, average.max(axis=2) - average.min(axis=2)


def _opponents(image: Image) -> Plane:
    """Return a* and b* of CIELAB, (H, W, 2), free of noise."""
    lab = cv2.cvtColor(_average(image, 5) / 255, cv2.COLOR_RGB2LAB)
    opponents: Plane = lab[..., 1:].astype(np.float32, copy=False)
    return opponents


def _saturation(image: Image) -> Plane:
    average = _average(image, 3)
    largest = average.max(axis=2)
    return np.asarray((largest - average.min(axis=2)) / np.maximum(largest, 1), np.float32)
