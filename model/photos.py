"""Dark photographs to learn from, with their truths: streets at night that the project renders itself."""

from __future__ import annotations

import functools
from pathlib import Path

import numpy as np
import PIL.Image

from rtvideo.sample.camera_simulator import capture, from_linear, random_camera
from rtvideo.sample.street import Street


def make_photos(
    folder: Path | str, count: int = 24, seed: int = 0, size: tuple[int, int] = (480, 320)
) -> None:
    """Write ``count`` dark photographs to ``folder``/low, and their truths, named alike, to ``folder``/high.

    Streets, moments, exposures and cameras differ. The files are PNG.
    """
    rng = np.random.default_rng(seed)
    for name in ("low", "high"):
        (Path(folder) / name).mkdir(parents=True, exist_ok=True)
    for number in range(count):
        # Building a street takes longer than looking at it, so each serves for eight pictures.
        street = _street(size, seed + number // 8)
        night, lit = street.scene(int(rng.integers(0, 4000)))
        dark = capture(night, rng, random_camera(rng))
        for name, image in (("low", dark), ("high", from_linear(lit))):
            PIL.Image.fromarray(image).save(Path(folder) / name / f"{number:03}.png")


@functools.lru_cache(maxsize=2)
def _street(size: tuple[int, int], seed: int) -> Street:
    return Street(*size, 30.0, seed)
