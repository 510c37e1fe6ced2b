"""Clips of the night: made from scenes, with a truth; or real ones and photographs, without."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import av
import numpy as np

from benchmarks.common.video import decoded, length
from benchmarks.faults.scenes import images_of
from benchmarks.night.scenes import FPS, Scene
from model.tone import Photographic
from rtvideo.media import images
from rtvideo.sample.camera_simulator import Camera, Image, capture, metered
from rtvideo.sample.encoder import DECODERS as DECODERS
from rtvideo.sample.encoder import rgb, through

#: A small sensor at its longest exposure and highest gain; auto exposure decides how much of it shows.
CAMERA = Camera(electrons=2000.0, read_noise=1.6, transfer="bt709")
METERED = 0.02  # of full scale, the mean of what is recorded: three stops below mid-grey
_FASTEST = 0.9  # of the old exposure that auto exposure keeps from frame to frame
_RUN_IN = 30  # frames that settle exposure and rate control, and are thrown away
_FULL_HD = 1920 * 1080
_RATE_EXPONENT = 0.75


@dataclass(frozen=True, kw_only=True)
class Coding:
    """How a camera encodes: an encoder of FFmpeg, and its mean rate in Mbit/s at 1080p, 30 frames a second.

    Smaller pictures get less, by the power of 0.75 of their pixels (Waggoner, "Compression for great video
    and audio", 2009): neighbouring pixels of larger pictures differ less.
    """

    codec: str = "libx264"
    megabits: float = 1.5

    def options(self, width: int, height: int) -> dict[str, str]:
        """Return the encoder's options for a size of picture."""
        rate = round(self.megabits * 1e6 * (width * height / _FULL_HD) ** _RATE_EXPONENT)
        # A key frame a second, no frames out of order, and a buffer of a second: as cameras do.
        shared = {"b": f"{rate}", "maxrate": f"{rate}", "bufsize": f"{rate}", "g": f"{FPS}", "bf": "0"}
        speed = {"preset": "veryfast" if self.codec == "libx264" else "ultrafast"}
        quiet = {"x265-params": "log-level=none"} if self.codec == "libx265" else {"x264-params": "mbtree=0"}
        return {**shared, **speed, **quiet}


@dataclass(frozen=True)
class Clip:
    """Successive frames, and what they should look like.

    Attributes:
        name: of the scene or file.
        frames: as decoded, or RGB arrays (H, W, 3) of photographs, which have nothing to do with each other.
        dark: the frames as (H, W, 3) RGB in 8 bits.
        truth: likewise, None where nobody knows it.
        scored: numbers of the frames that count.
    """

    name: str
    frames: Sequence[av.VideoFrame | Image]
    dark: Sequence[Image]
    truth: Sequence[Image] | None
    scored: Sequence[int]

    @property
    def moving(self) -> bool:
        """Whether it is a video."""
        return isinstance(self.frames[0], av.VideoFrame)


def record(scene: Scene, count: int, coding: Coding, seed: int = 0) -> Clip:
    """Film a scene: auto exposure, sensor, encoder; ``count`` frames after some that are thrown away."""
    linear = list(scene.frames(_RUN_IN + count))
    shots = []
    exposure = metered(linear[0], METERED)
    for number, light in enumerate(linear):
        exposure = _FASTEST * exposure + (1 - _FASTEST) * metered(light, METERED)
        shots.append(
            capture(light, np.random.default_rng((seed, number)), replace(CAMERA, exposure=exposure))
        )
    height, width, _ = shots[0].shape
    frames = through(shots, coding.options(width, height), coding.codec, FPS)[_RUN_IN:]
    kept = linear[_RUN_IN:]
    tone = Photographic(kept[:: max(1, count // 3)])
    truth = [tone(light) for light in kept]
    return Clip(scene.name, frames, [rgb(frame) for frame in frames], truth, scored(count))


def real(path: Path, count: int, parts: int) -> list[Clip]:
    """Return parts of a video, evenly spread, or photographs as one clip; without a truth.

    Args:
        path: a video, an image, or a folder of images.
        count: successive frames of each part of a video.
        parts: how many.

    Raises:
        InputError: it is missing, holds no image, or is no clip.
    """
    if path.is_dir() or images.is_image(path):
        found = images_of(path)
        return [Clip(path.name, found, found, None, range(len(found)))]
    last = max(0, length(path) - count)
    starts = sorted({*np.linspace(0, last, parts + 2).astype(int)[1:-1].tolist()})
    film: list[list[av.VideoFrame]] = [[] for _ in starts]
    for number, frame in enumerate(decoded(path)):
        for part, start in zip(film, starts, strict=True):
            if start <= number < start + count:
                part.append(frame)
    return [
        Clip(path.stem, part, [rgb(frame) for frame in part], None, scored(len(part)))
        for part in film
        if part
    ]


def scored(count: int) -> list[int]:
    """Return the frames that count: five of the second half, by when smoothing over time has begun."""
    return sorted({*np.linspace(count / 2, count - 1, 5).astype(int).tolist()})
