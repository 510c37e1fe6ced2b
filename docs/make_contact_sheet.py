"""Make docs/contact_sheet.jpg and docs/frames.jpg: night images and successive frames, before and lit.

    python docs/make_contact_sheet.py                              # both, of pictures that the project makes
    python docs/make_contact_sheet.py --images DIR --out sheet.jpg
    python docs/make_contact_sheet.py --clip night.mp4 --first 60 --crop 220x120+200+100 --out frames.jpg

The project's own pictures are streets that it renders, and photographs free of rights that come with
scikit-image, darkened by the simulated camera.
"""

from __future__ import annotations

import argparse
import re
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import av
import cv2
import numpy as np
from PIL import Image as Pillow
from PIL import ImageDraw
from skimage import data as photographs

# The script also runs from a checkout that is not installed.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.fault_scenes import buried
from benchmarks.methods import contenders
from model.data import Image, Reader, unpaired
from model.scene.sample import make_clip, make_photos
from model.scenes import night_scene

_HERE = Path(__file__).parent
_SHOWN = 12  # images on a sheet
_SUCCESSIVE = 6  # frames on a strip
_WIDTH, _GAP, _LINE = 240, 4, 16  # pixels


def night_images() -> list[Image]:
    """Return dark images that may be shown: seven streets, a near-black video frame, four photographs."""
    with tempfile.TemporaryDirectory() as folder:
        make_photos(folder, 7, seed=3)
        streets = [item.low for item in unpaired([Path(folder) / "low"], Reader())]
    rng = np.random.default_rng(6)
    shown = (photographs.astronaut, photographs.coffee, photographs.chelsea, photographs.rocket)
    return [*streets, buried(0), *(night_scene(photo(), rng)[0] for photo in shown)]


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


def _cell(image: Image) -> Image:
    height = round(_WIDTH * image.shape[0] / image.shape[1])
    method = cv2.INTER_AREA if image.shape[1] > _WIDTH else cv2.INTER_NEAREST
    small = cv2.resize(image, (_WIDTH, height), interpolation=method)
    return np.pad(small, ((0, _GAP), (0, _GAP), (0, 0)), constant_values=255)


def successive(path: Path, first: int) -> list[Image]:
    """Return frames of a clip from ``first`` on."""
    with av.open(str(path)) as container:
        frames = []
        for number, frame in enumerate(container.decode(video=0)):
            if number >= first + _SUCCESSIVE:
                break
            if number >= first:
                frames.append(frame.to_ndarray(format="rgb24").astype(np.uint8, copy=False))
    if len(frames) < _SUCCESSIVE:
        raise SystemExit(f"make_contact_sheet: error: {path} has no {_SUCCESSIVE} frames from {first} on")
    return frames


def _crop(text: str) -> tuple[slice, slice]:
    match = re.fullmatch(r"(\d+)x(\d+)\+(\d+)\+(\d+)", text)
    if not match:
        raise argparse.ArgumentTypeError(f"{text!r}: must be WIDTHxHEIGHT+X+Y, for example 220x120+200+100")
    width, height, x, y = map(int, match.groups())
    return slice(y, y + height), slice(x, x + width)


def main() -> None:
    """Make the pictures."""
    parser = argparse.ArgumentParser(description="Show night images as each method lights them.")
    parser.add_argument("--model", default="night")
    parser.add_argument(
        "--images", type=Path, nargs="+", metavar="DIR", help="folders; up to twelve, evenly spread"
    )
    parser.add_argument("--clip", type=Path, metavar="FILE", help="successive frames of it")
    parser.add_argument("--first", type=int, default=60, metavar="N", help="number of the first of them (60)")
    parser.add_argument("--crop", type=_crop, default="220x120+200+140", metavar="WIDTHxHEIGHT+X+Y")
    parser.add_argument("--out", type=Path, metavar="FILE")
    given = parser.parse_args()
    if (given.images or given.clip) and given.out is None:
        parser.error("--images and --clip need --out: pictures of others are not the project's to publish")
    if given.images:
        items = unpaired(given.images, Reader())
        chosen = np.linspace(0, len(items) - 1, min(len(items), _SHOWN)).astype(int)
        _save(sheet([items[i].low for i in chosen], given.model), given.out)
    elif given.clip:
        frames = successive(given.clip, given.first)
        _save(strip(frames, given.crop, given.first, given.model), given.out)
    else:
        _save(sheet(night_images(), given.model), _HERE / "contact_sheet.jpg")
        with tempfile.TemporaryDirectory() as folder:
            clip = Path(folder) / "night.mp4"
            make_clip(clip, seconds=(given.first + _SUCCESSIVE) / 30)
            frames = successive(clip, given.first)
        _save(strip(frames, given.crop, given.first, given.model), _HERE / "frames.jpg")


def _save(picture: Pillow.Image, path: Path) -> None:
    picture.save(path, quality=88, optimize=True)


if __name__ == "__main__":
    main()
