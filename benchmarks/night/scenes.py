"""Scenes with the range of a real night, in linear light: panoramas, and the street that is rendered."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from model.panoramas import brightest, read, view
from model.tone import glare
from rtvideo.sample.camera_simulator import Linear
from rtvideo.sample.street import Street

Size = tuple[int, int]

FPS = 30
_PAN = 15.0  # degrees a second
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
