"""Pictures before and lit: one frame, successive frames, and a sheet of night images by several methods.

The project's own pictures are streets that it renders, and photographs free of rights that come with
scikit-image, darkened by the simulated camera.
"""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np
from PIL import Image as Pillow
from PIL import ImageDraw
from skimage import data as photographs

import rtvideo
from benchmarks.common.video import pictures
from benchmarks.faults.scenes import buried
from benchmarks.methods.contenders import contenders
from model.data import Reader, unpaired
from model.night_pairs import night_pair
from model.photos import make_photos
from rtvideo.errors import UsageError
from rtvideo.sample.camera_simulator import Image
from rtvideo.sample.clip import make_clip

_SHOWN = 12  # images on a sheet
_SUCCESSIVE = 6  # frames on a strip
_WIDTH, _GAP, _LINE = 240, 4, 16  # pixels


def of_folders(folders: Sequence[Path]) -> list[Image]:
    """Return up to twelve images of the folders, evenly spread."""
    items = unpaired(folders, Reader())
    chosen = np.linspace(0, len(items) - 1, min(len(items), _SHOWN)).astype(int)
    return [items[i].low for i in chosen]


def made() -> list[Image]:
    """Return dark images that may be shown: seven streets, a near-black video frame, four photographs."""
    with tempfile.TemporaryDirectory() as folder:
        make_photos(folder, 7, seed=3)
        streets = [item.low for item in unpaired([Path(folder) / "low"], Reader())]
    rng = np.random.default_rng(6)
    shown: tuple[Callable[[], Image], ...] = (
        photographs.astronaut, photographs.coffee, photographs.chelsea, photographs.rocket,
    )  # fmt: skip
    return [*streets, buried(0), *(night_pair(photo(), rng)[0] for photo in shown)]


def sheet(images: Sequence[Image], model: str) -> Pillow.Image:
    """Return a row for each image, a column for each method."""
    names = {
        "input": "before",
        "released-like gain": "released-like fixed gain",
        "gamma to mean 0.44": "adaptive gamma",
        f"{model}, IEM": f"{model}, without noise removal",
        f"{model}, IEM+NRM": f"{model}, with noise removal",
    }
    methods = [one for name in names for one in contenders() if one.name == name]
    rows = [[one.method(image) for one in methods] for image in images]
    return grid(rows, list(names.values()))


def successive(path: Path | None, first: int) -> list[Image]:
    """Return six frames of a clip, or of the sample clip, from number ``first`` on.

    Raises:
        UsageError: it has no so many.
    """
    with tempfile.TemporaryDirectory() as folder:
        if path is None:
            path = Path(folder) / "night.mp4"
            make_clip(path, seconds=(first + _SUCCESSIVE) / 30)
        frames = list(itertools.islice(pictures(path), first, first + _SUCCESSIVE))
    if len(frames) < _SUCCESSIVE:
        raise UsageError(f"{path} has no {_SUCCESSIVE} frames from {first} on")
    return frames


def strip(frames: Sequence[Image], crop: tuple[slice, slice], first: int, model: str) -> Pillow.Image:
    """Return a column for each of successive frames: before, lit, and lit without noise, a part of each."""
    chosen = [one for one in contenders() if one.name in ("input", f"{model}, IEM", f"{model}, IEM+NRM")]
    rows = [[one.method(frame)[crop] for frame in frames] for one in chosen]
    return grid(rows, [f"frame {first + number}" for number in range(len(frames))])


def grid(rows: Sequence[Sequence[Image]], heads: Sequence[str]) -> Pillow.Image:
    """Return images in rows and columns under the columns' heads."""
    lines = [np.hstack([_cell(image) for image in row]) for row in rows]
    head = Pillow.new("RGB", (lines[0].shape[1], _LINE), "white")
    for number, words in enumerate(heads):
        ImageDraw.Draw(head).text((number * (_WIDTH + _GAP), 2), words, fill="black")
    return Pillow.fromarray(np.vstack([np.asarray(head), *lines]))


def before_after(model: str, number: int) -> Pillow.Image:
    """Return a frame of the sample clip beside what rtvideo makes of it."""
    before, after = sample(model, number)
    gap = np.full((before.shape[0], 8, 3), 255, np.uint8)
    return Pillow.fromarray(np.concatenate([before, gap, after], axis=1))


def sample(model: str, number: int) -> tuple[Image, Image]:
    """Return a frame of the sample clip, and what rtvideo makes of it: encoded, enhanced and decoded."""
    with tempfile.TemporaryDirectory() as folder:
        night, lit = Path(folder) / "night.mp4", Path(folder) / "lit.mp4"
        make_clip(night, seconds=number / 30 + 0.5)
        rtvideo.enhance_file(night, lit, model=model)
        before, after = (next(itertools.islice(pictures(path), number, None)) for path in (night, lit))
    return before, after


def _cell(image: Image) -> Image:
    height = round(_WIDTH * image.shape[0] / image.shape[1])
    method = cv2.INTER_AREA if image.shape[1] > _WIDTH else cv2.INTER_NEAREST
    small = cv2.resize(image, (_WIDTH, height), interpolation=method)
    return np.pad(small, ((0, _GAP), (0, _GAP), (0, 0)), constant_values=255)
