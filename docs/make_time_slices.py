"""Make docs/time_slices.png and docs/stills.jpg: what smoothing over time does, over time and in one frame.

    python docs/make_time_slices.py                                 # of clips that the project makes
    python docs/make_time_slices.py --clips night.mp4 --out shown/

A time slice is a column of pixels of each frame, side by side, so that time runs to the right: flicker shows
as vertical stripes, noise as grain, what is left behind of something that moves as a smear.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
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
from model.camera_simulator import Image

_FRAMES = 90
_SIZE = (480, 270)
_HEIGHT, _GAP, _LINE = 150, 4, 16  # pixels
_STRETCH = 3  # pixels a frame
_STILL = 60  # the frame that is shown, two seconds after the beginning
_PART = (300, 200)  # pixels of it, around the column that is sliced


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


def methods(model: str) -> dict[str, OverTime]:
    """Return what is shown of each clip, by the words beside it."""
    return {
        "before": lambda frames, fps: list(frames),
        "lit frame by frame": ours(model, 0.0, 0.0),
        "over time": ours(model, 0.0, 1.0),
        "over time, with noise removal": ours(model, 1.0, 1.0),
    }


#: Of a clip, the frames that a method made of it.
Rows = Sequence[tuple[Shown, Sequence[tuple[str, Sequence[Image]]]]]


def sheet(rows: Rows, show: Callable[[Shown, Sequence[Image]], Image]) -> Pillow.Image:
    """Return a row for each clip, a column for each method."""
    lines = []
    for clip, made_of in rows:
        cells = [_cell(show(clip, frames), f"{clip.name}: {words}") for words, frames in made_of]
        lines.append(np.hstack(cells))
    return Pillow.fromarray(np.vstack(lines))


def slices(clip: Shown, frames: Sequence[Image]) -> Image:
    """Return the middle of a clip's time slice, stretched."""
    cut = _middle(time_slice(frames, clip.column), _HEIGHT)
    return np.asarray(
        cv2.resize(cut, (len(frames) * _STRETCH, cut.shape[0]), interpolation=cv2.INTER_NEAREST)
    )


def still(clip: Shown, frames: Sequence[Image]) -> Image:
    """Return a part of one frame, two seconds after the beginning or at the end."""
    frame = frames[min(_STILL, len(frames) - 1)]
    width, height = _PART
    left = int(np.clip(clip.column * frame.shape[1] - width / 2, 0, max(0, frame.shape[1] - width)))
    return _middle(frame, height)[:, left : left + width]


def _middle(image: Image, height: int) -> Image:
    top = max(0, (image.shape[0] - height) // 2)
    return image[top : top + height]


def _cell(image: Image, words: str) -> Image:
    head = Pillow.new("RGB", (image.shape[1], _LINE), "white")
    ImageDraw.Draw(head).text((0, 2), words, fill="black")
    cell = np.vstack([np.asarray(head), image])
    return np.pad(cell, ((0, _GAP), (0, _GAP), (0, 0)), constant_values=255)


def main() -> None:
    """Make the pictures."""
    parser = argparse.ArgumentParser(description="Show what smoothing over time does.")
    parser.add_argument("--model", default="night")
    parser.add_argument("--clips", type=Path, nargs="+", metavar="FILE")
    parser.add_argument("--out", type=Path, metavar="DIR")
    given = parser.parse_args()
    if given.clips and given.out is None:
        parser.error("--clips needs --out: pictures of others are not the project's to publish")
    out = given.out or Path(__file__).parent
    out.mkdir(parents=True, exist_ok=True)
    rows = [
        (clip, [(words, method(clip.frames, clip.fps)) for words, method in methods(given.model).items()])
        for clip in ([film(path) for path in given.clips] if given.clips else made())
    ]
    sheet(rows, slices).save(out / "time_slices.png", optimize=True)
    sheet(rows, still).save(out / "stills.jpg", quality=88)


if __name__ == "__main__":
    main()
