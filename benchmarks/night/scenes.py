"""Scenes with the range of a real night, in linear light: panoramas, and the street that is rendered."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from benchmarks.night.tone import glare
from rtvideo.errors import InputError
from rtvideo.sample.camera_simulator import Linear
from rtvideo.sample.street import Street

Size = tuple[int, int]

FPS = 30
FIELD_OF_VIEW = 110.0  # degrees across: a dash cam, a security camera; a panorama of 1024 fills 640 pixels
_PAN = 15.0  # degrees a second
_SURROUND = (0.3, 0.7)  # of the height of a panorama: neither sky nor ground
_FAINTEST = 1e-5
_EMITTED = 3.0  # radiance above which nothing but lamps shines in the rendered street
_BEGIN = 45  # frame of the drive at which cars come


@dataclass(frozen=True)
class Scene:
    """A scene by name; ``frames`` yields (H, W, 3), linear, for as many frames as are asked for."""

    name: str
    frames: Callable[[int], Iterator[Linear]]


def filmed(path: Path, size: Size, pans: bool) -> Scene:
    """Return a panorama as a camera sees it that looks at its brightest side, or pans across it."""

    def frames(count: int) -> Iterator[Linear]:
        panorama = read(path)
        middle = brightest(panorama)
        still = None if pans else view(panorama, middle, size)
        for number in range(count):
            turned = (number - count / 2) / FPS * _PAN
            yield view(panorama, middle + turned, size) if still is None else still

    name = path.stem.split("__")[-1].removesuffix("_1k")
    return Scene(f"{name}, {'pan' if pans else 'still'}", frames)


def street(size: Size, seed: int = 0) -> Scene:
    """Return a drive through the project's own street: headlights, shop windows, lamps, sky."""

    def frames(count: int) -> Iterator[Linear]:
        drive = Street(*size, float(FPS), seed)
        for number in range(count):
            night = drive.scene(_BEGIN + number)[0]
            # The renderer draws lamps some tens of times as bright as a lit road. Real ones are thousands.
            over = np.maximum(night.max(axis=2, keepdims=True) / np.float32(_EMITTED), 1)
            yield glare(night * over)

    return Scene("street, drive", frames)


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


def view(panorama: Linear, yaw: float, size: Size) -> Linear:
    """Return the perspective view of an equirectangular panorama by a camera that looks at the horizon.

    Args:
        panorama: (H, 2 H, 3), linear.
        yaw: direction in degrees, 0 is the panorama's middle.
        size: width and height in pixels; `FIELD_OF_VIEW` is that of the width.
    """
    width, height = size
    ahead = width / 2 / np.tan(np.radians(FIELD_OF_VIEW / 2))
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
