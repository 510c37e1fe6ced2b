"""Panoramas in linear light: what a camera sees that stands in the middle of one."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from rtvideo.errors import InputError
from rtvideo.sample.camera_simulator import Linear

FIELD_OF_VIEW = 110.0  # degrees across: a dash cam, a security camera; a panorama of 1024 fills 640 pixels
_SURROUND = (0.3, 0.7)  # of the height of a panorama: neither sky nor ground
_FAINTEST = 1e-5


def files(paths: Iterable[Path]) -> list[Path]:
    """Return the panoramas among files and in folders.

    Raises:
        InputError: a folder holds none.
    """
    found = []
    for path in paths:
        inside = sorted(path.glob("*.hdr")) if path.is_dir() else [path]
        if not inside:
            raise InputError(f"{path}: holds no panorama; allowed: Radiance HDR, NAME.hdr")
        found += inside
    return found


def read(path: Path) -> Linear:
    """Return a panorama, (H, W, 3), linear RGB.

    Raises:
        InputError: it cannot be read, or is not twice as wide as high.
    """
    image = cv2.imread(str(path), cv2.IMREAD_ANYDEPTH | cv2.IMREAD_COLOR)
    if image is None or image.dtype != np.float32:
        raise InputError(f"{path}: not a readable panorama; allowed: Radiance HDR")
    height, width, _ = image.shape
    if width != 2 * height:
        raise InputError(f"{path}: is {width}x{height}; a panorama is twice as wide as high")
    return np.ascontiguousarray(image[..., ::-1])


def brightest(panorama: Linear) -> float:
    """Return in which direction a panorama is brightest, in degrees from its middle."""
    height, width, _ = panorama.shape
    rows = slice(*(round(height * share) for share in _SURROUND))
    columns = panorama[rows].max(axis=2).mean(axis=0)
    return float((int(np.argmax(columns)) + 0.5) / width * 360 - 180)


def view(panorama: Linear, yaw: float, size: tuple[int, int], field: float = FIELD_OF_VIEW) -> Linear:
    """Return the perspective view of an equirectangular panorama by a camera that looks at the horizon.

    Args:
        panorama: (H, 2 H, 3), linear.
        yaw: direction in degrees, 0 is the panorama's middle.
        size: width and height in pixels.
        field: of view, in degrees across the width.
    """
    width, height = size
    ahead = width / 2 / np.tan(np.radians(field / 2))
    y, x = np.mgrid[:height, :width].astype(np.float32)
    x, y = x + 0.5 - width / 2, y + 0.5 - height / 2
    longitude = np.arctan2(x, ahead) + np.radians(yaw)
    latitude = np.arctan2(y, np.hypot(x, ahead))
    rows, columns, _ = panorama.shape
    to_x = (longitude / (2 * np.pi) + 0.5) * columns - 0.5
    to_y = (latitude / np.pi + 0.5) * rows - 0.5
    # Interpolated in stops: cubic in linear light would ring black around each lamp.
    stops = np.log2(np.maximum(panorama, _FAINTEST))
    seen = cv2.remap(stops, _plane(to_x), _plane(to_y), cv2.INTER_CUBIC, borderMode=cv2.BORDER_WRAP)
    return np.exp2(seen, dtype=np.float32)


def _plane(values: npt.NDArray[np.floating]) -> npt.NDArray[np.float32]:
    return values.astype(np.float32)
