"""Make docs/time_slices.png: a column of pixels of each frame, side by side, so that time runs to the right.

    python docs/make_time_slices.py                                 # of clips that the project makes
    python docs/make_time_slices.py --clips night.mp4 --out slices.png

Flicker shows as vertical stripes, noise as grain, what is left behind of something that moves as a smear.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from PIL import Image as Pillow
from PIL import ImageDraw

# The script also runs from a checkout that is not installed.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks import night_clips
from benchmarks.flicker import OverTime, ours
from model.night import Image

_FRAMES = 90
_SIZE = (480, 270)
_HEIGHT, _GAP, _LINE = 150, 4, 16  # pixels
_STRETCH = 3  # pixels a frame


@dataclass(frozen=True)
class Shown:
    """A clip, and the column that is looked at, as a share of the width."""

    name: str
    frames: Sequence[Image]
    fps: float = 30.0
    column: float = 0.5


def made() -> list[Shown]:
    """Return clips of `benchmarks.night_clips`: a still camera, uncoded and coded, a passer-by, a drive."""
    scenes = night_clips.Scenes(_SIZE, frames=_FRAMES)
    return [
        Shown("still, from the sensor", night_clips.make(scenes, "static", crf=None).dark),
        Shown("still, H.264", night_clips.make(scenes, "static").dark),
        Shown(
            "somebody passes, from the sensor", night_clips.make(scenes, "passer", crf=None).dark, column=0.4
        ),
        Shown("a drive, H.264", night_clips.make(scenes, "street").dark),
    ]


def film(path: Path) -> Shown:
    """Return the beginning of a video, reduced to the size that is shown."""
    return Shown(path.stem, night_clips.read(path, _SIZE, _FRAMES))


def time_slice(frames: Sequence[Image], column: float) -> Image:
    """Return (H, number of frames, 3): a column of pixels of each frame."""
    at = round(column * (frames[0].shape[1] - 1))
    return np.stack([frame[:, at] for frame in frames], axis=1)


def sheet(clips: Sequence[Shown], model: str) -> Pillow.Image:
    """Return a row for each clip, a column for each method."""
    methods: dict[str, OverTime] = {
        "before": lambda frames, fps: list(frames),
        "lit frame by frame": ours(model, 0.0, 0.0),
        "over time": ours(model, 0.0, 1.0),
        "over time, with noise removal": ours(model, 1.0, 1.0),
    }
    width = _FRAMES * _STRETCH + _GAP
    rows = []
    for clip in clips:
        slices = [time_slice(method(clip.frames, clip.fps), clip.column) for method in methods.values()]
        cells = [_cell(one, f"{clip.name}: {name}") for one, name in zip(slices, methods, strict=True)]
        rows.append(
            np.hstack(
                [np.pad(c, ((0, 0), (0, width - c.shape[1]), (0, 0)), constant_values=255) for c in cells]
            )
        )
    return Pillow.fromarray(np.vstack(rows))


def _cell(image: Image, words: str) -> Image:
    top = (image.shape[0] - _HEIGHT) // 2
    cut = image[max(0, top) : max(0, top) + _HEIGHT]
    large = cv2.resize(cut, (cut.shape[1] * _STRETCH, cut.shape[0]), interpolation=cv2.INTER_NEAREST)
    head = Pillow.new("RGB", (large.shape[1], _LINE), "white")
    ImageDraw.Draw(head).text((0, 2), words, fill="black")
    return np.vstack([np.asarray(head), large, np.full((_GAP, large.shape[1], 3), 255, np.uint8)])


def main() -> None:
    """Make the picture."""
    parser = argparse.ArgumentParser(description="Show a column of pixels over time.")
    parser.add_argument("--model", default="night")
    parser.add_argument("--clips", type=Path, nargs="+", metavar="FILE")
    parser.add_argument("--out", type=Path, metavar="FILE")
    given = parser.parse_args()
    if given.clips and given.out is None:
        parser.error("--clips needs --out: pictures of others are not the project's to publish")
    clips = [film(path) for path in given.clips] if given.clips else made()
    sheet(clips, given.model).save(given.out or Path(__file__).parent / "time_slices.png", optimize=True)


if __name__ == "__main__":
    main()
