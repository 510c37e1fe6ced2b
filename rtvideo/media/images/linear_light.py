"""Images whose code values are far from sRGB's, such as linear light, which the networks do not know.

Their samples are enhanced as sRGB of 16 bits, and written in their own curve again.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

import numpy as np

from rtvideo.media.images import icc
from rtvideo.media.images.metadata import Part, PartKind, first
from rtvideo.media.images.picture import Pixels

#: A curve is far from sRGB's if half of the code is lighter or darker by this share of white.
_FAR = 0.1


def curve_of(parts: Sequence[Part]) -> icc.Curve | None:
    """Return the curve from code values to light, both 0..1, if it is far from sRGB's."""
    code, profile, gamma = (first(parts, kind) for kind in (PartKind.CICP, PartKind.ICC, PartKind.GAMMA))
    curve: icc.Curve | float | None = None
    if code is not None and len(code) > 1:
        curve = icc.CURVES.get(code[1])
    elif profile is not None:
        curve = icc.curve_of(profile)
    elif gamma is not None and first(parts, PartKind.SRGB) is None and len(gamma) == 4:
        curve = 1e5 / max(1, struct.unpack(">I", gamma)[0])
    if isinstance(curve, float):
        curve = icc.power(curve)
    half = np.array([0.5])
    return curve if curve is not None and abs(curve(half) - icc.srgb(half))[0] > _FAR else None


def to_srgb(pixels: Pixels, curve: icc.Curve) -> Pixels:
    """Return samples as sRGB of 16 bits."""
    top = np.iinfo(pixels.dtype).max
    light = np.clip(curve(np.linspace(0, 1, top + 1)), 0, 1)
    return np.round(65535 * _inverse(icc.srgb, light)).astype(np.uint16)[pixels]


def from_srgb(pixels: Pixels, curve: icc.Curve, dtype: np.dtype[np.generic]) -> Pixels:
    """Return what `to_srgb` turned into sRGB as it was, of type ``dtype``."""
    top = np.iinfo(dtype).max  # type: ignore[type-var]
    light = icc.srgb(np.linspace(0, 1, 65536))
    return np.round(top * _inverse(curve, light)).astype(dtype)[pixels]


def _inverse(curve: icc.Curve, light: np.ndarray[tuple[int], np.dtype[np.float64]]) -> Pixels:
    code = np.linspace(0, 1, 1 << 18)
    return np.interp(light, curve(code), code)
