"""The truth of a night: a published tone curve, which keeps lights; and the way back from a photograph."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from rtvideo.sample.camera_simulator import Image, Linear, from_linear, to_linear

MEAN = 100.0  # of 255, the luma of a whole clip: bright enough to see by
_GREY = 0.18  # of white: what a meter takes for the mean of a scene
_HALVINGS = 24
_THIRD = 3  # pixels, in each direction, of which one is looked at to find the key


class Photographic:
    """The global operator of Reinhard et al., "Photographic tone reproduction for digital images" (2002).

    Equation 4, with the largest value of the clip as the smallest that is burnt to white, or what a meter
    takes for white where that is more: else a plain wall would burn. The key (equation 2) is that at which
    the clip's mean luma is ``mean``. It acts on the largest channel instead of luminance, one factor for all
    three, so that coloured lights keep their hue and none is cut off.

    Args:
        scenes: (H, W, 3), linear; frames of the clip that decide the key.
        mean: luma, of 255.
    """

    def __init__(self, scenes: Sequence[Linear], mean: float = MEAN) -> None:
        some = np.concatenate([scene[::_THIRD, ::_THIRD].reshape(-1, 1, 3) for scene in scenes])
        self._white = max(*(float(scene.max()) for scene in scenes), float(some.mean()) / _GREY)
        low, high = (np.log(value / self._white) for value in (1e-3, 1e9))
        for _ in range(_HALVINGS):
            self._key = float(np.exp((low + high) / 2))
            dark = cv2.cvtColor(self(some), cv2.COLOR_RGB2GRAY).mean() < mean
            low, high = (np.log(self._key), high) if dark else (low, np.log(self._key))

    def __call__(self, scene: Linear) -> Image:
        """Return a scene as a picture in sRGB, (H, W, 3) in 8 bits."""
        value = _largest(scene) * self._key
        factor = self._key * (1 + value / (self._white * self._key) ** 2) / (1 + value)
        return from_linear(np.asarray(scene * factor, np.float32))


def scene_of(photograph: Image, white: float) -> Linear:
    """Return the scene, (H, W, 3), linear, that the operator above shows as a photograph.

    Solves equation 4 for the scene, at a key of 1.

    Args:
        photograph: sRGB, (H, W, 3), in 8 bits.
        white: radiance that is shown as white, 1 or more: of 1 the photograph is the scene; the larger, the
            farther lights rise above the rest.
    """
    shown = to_linear(photograph)
    value = np.maximum(_largest(shown), np.float32(1e-6))
    square = np.float32(white**2)
    radiance = square / 2 * (np.sqrt((1 - value) ** 2 + 4 * value / square) - (1 - value))
    return np.asarray(shown * (radiance / value), np.float32)


def _largest(scene: Linear) -> Linear:
    """Return the largest channel of each pixel, (H, W, 1): ``max`` along so short an axis takes ten times."""
    red, green, blue = (scene[..., channel : channel + 1] for channel in range(3))
    return np.maximum(np.maximum(red, green), blue)


def glare(scene: Linear) -> Linear:
    """Return what a lens makes of a scene: a hundredth of each light is spread as a halo around it.

    Three Gaussians stand in for the point spread of the eye and of lenses, which falls with the square of the
    angle (CIE 135, "Disability glare").
    """
    width = scene.shape[1]
    halo = sum(cv2.GaussianBlur(scene, (0, 0), width * share) for share in (1 / 160, 1 / 60, 1 / 20))
    spread: Linear = np.asarray(scene * np.float32(0.99) + halo * np.float32(0.01 / 3), np.float32)
    return spread
