"""Measures of what a lit picture must not have, each of one fault, on (H, W, 3) RGB in 8 bits.

Scores against references hide these faults: they sit where pairs of photographs have little to say. Detail is
luma less its Gaussian blur; chroma is that of CIELAB (C*, CIE 15) unless a function says otherwise.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from rtvideo.sample.camera_simulator import Image

Mask = npt.NDArray[np.bool_]
Plane = npt.NDArray[np.float32]

NEAR_BLACK = 5  # of 255: where H.264 leaves blocks of false colour
LIGHT = 230  # of 255: a lamp, where its surroundings are dark
_BLOCK = 8  # pixels: a transform block of luma, a chroma block's 4:2:0 footprint
_AVERAGE = 9  # pixels that tell a cast from noise
_REACH = 31  # pixels across a lamp with its halo
_COLOURED = 32  # of 255: below, a halo's colour is too coarsely quantised to be kept or lost
_SEEN = 16  # pixels of lamp below which an image shows none


def luma(image: Image) -> Plane:
    """Return Y' of BT.601, (H, W), 0..255."""
    plane: Plane = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32)
    return plane


def grey_cast(image: Image, grey: Mask) -> float:
    """Return the mean chroma C* of what is grey in truth: 2 can just be seen, 10 is a green road.

    Args:
        image: the result.
        grey: (H, W), where the scene is grey under white light.
    """
    average = cv2.blur(image.astype(np.float32) / 255, (_AVERAGE, _AVERAGE))
    lab = cv2.cvtColor(average, cv2.COLOR_RGB2LAB)
    # The average of a pixel at the edge of the grey holds its coloured neighbours.
    inside = cv2.erode(grey.astype(np.uint8), np.ones((_AVERAGE, _AVERAGE), np.uint8)) > 0
    return _mean(np.hypot(lab[..., 1], lab[..., 2])[inside])


def near_black(image: Image) -> Mask:
    """Return the 8x8 blocks, (H // 8, W // 8), in which no pixel's luma is above `NEAR_BLACK`."""
    found: Mask = _blocks(luma(image)).max(axis=(1, 3)) <= NEAR_BLACK
    return found


def false_chroma(image: Image, dark: Image) -> float:
    """Return the root mean square of (Cb, Cr), in codes, of the result's blocks that are near black before.

    Nothing there is known of colour, so what a block shows is the encoder's rounding: purple tiles.
    """
    ycc = cv2.cvtColor(image, cv2.COLOR_RGB2YCrCb).astype(np.float32)[..., 1:] - 128
    means = _blocks(ycc).mean(axis=(1, 3))
    return float(np.sqrt(_mean((means**2).sum(axis=-1)[near_black(dark)])))


def lifted_black(image: Image, dark: Image) -> float:
    """Return the result's mean luma, 0..255, where the input's blocks are near black: grey skies."""
    return _mean(_blocks(luma(image)).mean(axis=(1, 3))[near_black(dark)])


def blocking(image: Image, dark: Image) -> float:
    """Return by how many codes luma steps more at the borders of blocks than inside them, near black.

    The horizontal and vertical blockiness B - A of Wang, Sheikh and Bovik, "No-reference perceptual quality
    assessment of JPEG compressed images" (ICIP 2002), unweighted.
    """
    blocks = near_black(dark)
    plane = luma(image)
    excess = []
    for y, chosen in ((plane, blocks), (plane.T, blocks.T)):
        steps = np.abs(np.diff(y, axis=1, append=y[:, -1:]))
        # The last column of steps of a block leads into the next block, which must be near black, too.
        pairs = chosen[:, :-1] & chosen[:, 1:]
        found = _blocks(steps)[:, :, :-1][pairs.nonzero()[0], :, pairs.nonzero()[1]]
        excess.append(_mean(found[..., -1]) - _mean(found[..., :-1]))
    return _mean(np.array(excess))


def luma_change(image: Image, lit: Image) -> float:
    """Return the change of mean luma as a share of the input's, 0 for none; above 0 also where it falls."""
    before = float(luma(lit).mean())
    return abs(float(luma(image).mean()) - before) / max(before, 1.0)


def texture_kept(image: Image, lit: Image) -> float:
    """Return how much of the input's texture is left: 1 all, 0 none.

    The slope of the regression of the result's contrast (detail over local luma, after Weber) on the input's:
    brightness alone does not change it, and noise that was added does not count.
    """
    before, after = _contrast(lit), _contrast(image)
    return float((before * after).sum() / max(float((before * before).sum()), 1e-12))


def burnt_halo(image: Image, dark: Image) -> float:
    """Return the share of lamps' halos that the result burns to white: 0 keeps the shape of lamps.

    Not a number where the input shows no lamp.
    """
    lamps, reach = _lamps(dark)
    return _mean((luma(image) >= LIGHT)[reach & ~lamps])


def light_shift(image: Image, dark: Image) -> float:
    """Return how far the colour of lamps' halos moves: mean distance of chromaticities r, g (0..1).

    A gain that is equal for all channels moves none; channels that clip move towards white. Not a
    number where the input shows no lamp with a halo.
    """
    lamps, reach = _lamps(dark)
    halo = reach & ~lamps & (dark.max(axis=2) >= _COLOURED)
    if not halo.any():
        return float("nan")
    before, after = (_chromaticity(picture)[halo] for picture in (dark, image))
    return _mean(np.hypot(*(after - before).T))


def _lamps(dark: Image) -> tuple[Mask, Mask]:
    """Return the burnt cores of lamps in dark surroundings, and these with their halos."""
    y = luma(dark)
    lamps: Mask = (y >= LIGHT) & (cv2.blur(y, (4 * _REACH, 4 * _REACH)) < LIGHT / 3)
    if lamps.sum() < _SEEN:
        lamps = np.zeros_like(lamps)
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (_REACH, _REACH))
    return lamps, cv2.dilate(lamps.astype(np.uint8), disc) > 0


def _chromaticity(image: Image) -> Plane:
    """Return (H, W, 2), the shares of red and green in the sum of the channels, free of noise."""
    average = cv2.blur(image.astype(np.float32), (5, 5))
    shares: Plane = average[..., :2] / np.maximum(average.sum(axis=2, keepdims=True), 1)
    return shares


def _contrast(image: Image) -> Plane:
    y = luma(image)
    smooth = cv2.GaussianBlur(y, (0, 0), 1.5)
    contrast: Plane = (y - smooth) / (smooth + 8)
    return contrast


def _blocks(plane: Plane) -> Plane:
    """Return (rows, 8, columns, 8, ...) of the whole blocks of (H, W, ...)."""
    rows, columns = (side // _BLOCK for side in plane.shape[:2])
    whole = plane[: rows * _BLOCK, : columns * _BLOCK]
    return whole.reshape(rows, _BLOCK, columns, _BLOCK, *plane.shape[2:])


def _mean(values: npt.NDArray[Any]) -> float:
    return float(values.mean()) if values.size else float("nan")
