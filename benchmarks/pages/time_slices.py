"""What smoothing over time does, over time and in one frame.

A time slice is a column of pixels of each frame, side by side, so that time runs to the right: flicker shows
as vertical stripes, noise as grain, what is left behind of something that moves as a smear.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from PIL import Image as Pillow
from PIL import ImageDraw

from benchmarks.temporal import clips
from benchmarks.temporal.scores import OverTime, ours
from rtvideo.sample.camera_simulator import Image

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
    """Return clips that the project makes: a still camera, uncoded and coded, a passer-by, a pan, a drive."""
    scenes = clips.Scenes(_SIZE, frames=_FRAMES)
    return [
        Shown("still, from the sensor", clips.make(scenes, "static", crf=None).dark),
        Shown("still, H.264", clips.make(scenes, "static").dark),
        Shown("somebody passes, from the sensor", clips.make(scenes, "passer", crf=None).dark, column=0.4),
        Shown("a pan, from the sensor", clips.make(scenes, "pan", crf=None).dark),
        Shown("a drive, H.264", clips.make(scenes, "street").dark),
    ]


def film(path: Path) -> Shown:
    """Return the beginning of a video, reduced to the size that is shown."""
    return Shown(path.stem, clips.read(path, _SIZE, _FRAMES))


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


def rows(shown: Iterable[Shown], model: str) -> Rows:
    """Return what each method makes of each clip."""
    return [
        (clip, [(words, method(clip.frames, clip.fps)) for words, method in methods(model).items()])
        for clip in shown
    ]


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
