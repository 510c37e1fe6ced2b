"""Clips of the night with their truth: what a camera records of a scene over time, and what it was.

A scene is a photograph under a light; both may change from frame to frame. The camera of
`rtvideo.sample.camera_simulator` makes of it what a sensor and an encoder would. The truth keeps pools and
changes of light, softened, without noise.
Sources: streets that the project renders, or daylight videos of one's own. Everything follows from a seed.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt
import PIL.Image
import PIL.ImageOps

from benchmarks.common.video import pictures
from model.night_pairs import lamps
from rtvideo.sample.camera_simulator import (
    Camera,
    Image,
    Linear,
    capture,
    encode_decode,
    from_linear,
    to_linear,
)
from rtvideo.sample.street import Street

Mask = npt.NDArray[np.bool_]
Plane = npt.NDArray[np.float32]

#: A small sensor at night: ISO 1600, with the read noise of Wei et al. (ELD, CVPR 2020).
CAMERA = Camera(exposure=0.12, electrons=2000.0, read_noise=1.6)

_SOFTEN = 0.3  # a light L looks like L ** 0.3 in the truth, as in `model.night_pairs`
CRF = 23.0  # x264's own default: what cameras and phones write is about as coarse
_READ_OUT = 1 / 60  # seconds that a rolling shutter takes from the first row to the last
_DUSK = 0.25  # light where no lamp reaches; much below it a coded clip of such a camera is black


@dataclass(frozen=True)
class Moment:
    """One frame of a scene.

    Attributes:
        scene: reflectance, linear, (H, W, 3); light: (H, W, 1), 1 is daylight.
        exposure: factor on the camera's.
        moving: (H, W), where something moves against the frame before.
    """

    scene: Linear
    light: Linear
    moving: Mask
    exposure: float = 1.0


@dataclass(frozen=True)
class Clip:
    """A clip and its truth.

    Attributes:
        dark: as decoded; clean: the same exposures without noise and compression, still dark; truth: well
            lit, without noise. Each a list of (H, W, 3) in 8 bits.
        moving: (H, W) of each frame, see `Moment`.
        fps: frames a second.
        step: number of the frame at which the light of the scene changes for good, or None.
    """

    name: str
    dark: list[Image]
    clean: list[Image]
    truth: list[Image]
    moving: list[Mask]
    fps: float = 30.0
    step: int | None = None


def _without_noise(camera: Camera) -> Camera:
    return replace(camera, electrons=4e6, read_noise=0.0, row_noise=0.0, dark_pattern=0.0, gain_pattern=0.0)


def record(
    name: str,
    moments: Sequence[Moment],
    camera: Camera,
    seed: int,
    step: int | None = None,
    crf: float | None = CRF,
) -> Clip:
    """Photograph the moments one after the other and encode them as H.264, 8 bit, 4:2:0.

    Args:
        crf: quality of the encoder; None leaves the frames as the camera made them.
    """
    shots, clean, truths = [], [], []
    for number, moment in enumerate(moments):
        rng = np.random.default_rng((seed, number))
        taken = replace(camera, exposure=camera.exposure * moment.exposure)
        shots.append(capture(moment.scene * moment.light, rng, taken))
        clean.append(capture(moment.scene * moment.light, rng, _without_noise(taken)))
        truths.append(moment.scene * moment.light ** np.float32(_SOFTEN))
    # One factor for the whole clip: the truth must not flicker either.
    white = max(1.0, float(np.percentile(np.stack(truths[:: max(1, len(truths) // 8)]), 99.5)))
    dark = shots if crf is None else encode_decode(shots, crf)
    truth = [from_linear(np.asarray(picture / np.float32(white), np.float32)) for picture in truths]
    return Clip(name, dark, clean, truth, [moment.moving for moment in moments], step=step)


class Pose(NamedTuple):
    """Where a camera looks on a photograph: pixels from its middle, radians, size of its pixels, tilt.

    Each is a number, or one for each row.
    """

    across: Plane | float = 0.0
    down: Plane | float = 0.0
    turn: Plane | float = 0.0
    size: Plane | float = 1.0
    tilt: float = 0.0


class Scenes:
    """Scenes of one size and length, by name; see `NAMES`.

    Args:
        size: width and height in pixels. frames: of each clip. seed: of street, light and noise.
        picture: a photograph to film in place of the rendered street.
    """

    def __init__(
        self,
        size: tuple[int, int] = (480, 270),
        frames: int = 60,
        seed: int = 0,
        picture: Path | None = None,
    ) -> None:
        self.width, self.height = size
        self._picture = picture
        self.frames, self.seed = frames, seed
        self._still: Mask = np.zeros((self.height, self.width), np.bool_)

    def photograph(self, scale: float = 1.0, seed: int = 0) -> Linear:
        """Return a street in good light, ``scale`` times as large as the frame, linear."""
        width, height = round(self.width * scale), round(self.height * scale)
        if self._picture is None:
            return _photograph(width, height, self.seed + seed)
        return to_linear(_filling(self._picture, width, height))

    def light(self, height: int, width: int) -> Linear:
        """Return the light of some lamps."""
        pools = lamps(height, width, np.random.default_rng((self.seed, 7)))
        return np.asarray(_DUSK + pools * np.float32((1 - _DUSK) / pools.max()), np.float32)

    def static(self) -> Iterator[Moment]:
        """A camera on a wall: nothing changes but the noise."""
        moment = Moment(self.photograph(), self.light(self.height, self.width), self._still)
        yield from [moment] * self.frames

    def exposure(self) -> Iterator[Moment]:
        """The same; the camera's automatic exposure rises by 60 % at a third, and falls by half at two."""
        for number, moment in enumerate(self.static()):
            third = 3 * number // self.frames
            yield replace(moment, exposure=(1.0, 1.6, 0.8)[third])

    def lamp(self) -> Iterator[Moment]:
        """Lamps are switched on after a third; before there was nothing but dusk."""
        for number, moment in enumerate(self.static()):
            dusk = np.full_like(moment.light, _DUSK)
            yield replace(moment, light=dusk) if number < self.frames // 3 else moment

    def headlights(self) -> Iterator[Moment]:
        """A car passes a static camera: a bright pool of light crosses the scene."""
        y, x = np.mgrid[: self.height, : self.width].astype(np.float32)
        for number, moment in enumerate(self.static()):
            middle = (1.4 * number / self.frames - 0.2) * self.width
            across = (x - middle) / (0.12 * self.width)
            down = (y - 0.75 * self.height) / (0.18 * self.height)
            pool = np.exp(-(across**2) - down**2)[..., None]
            yield replace(moment, light=moment.light + np.float32(1.5) * pool)

    def blinking(self) -> Iterator[Moment]:
        """The lamps blink, three times a second."""
        for number, moment in enumerate(self.static()):
            dusk = np.full_like(moment.light, _DUSK)
            yield replace(moment, light=moment.light if number // 5 % 2 else dusk)

    def mains(self) -> Iterator[Moment]:
        """Lamps on 50 Hz mains, by a rolling shutter: bands of light that wander, by 15 % up and down."""
        rows = np.arange(self.height, dtype=np.float32)[:, None, None] / self.height
        for number, moment in enumerate(self.static()):
            wave = np.sin(2 * np.pi * 100 * (number / 30 + _READ_OUT * rows)).astype(np.float32)
            yield replace(moment, light=moment.light * (1 + np.float32(0.15) * wave))

    def rain(self) -> Iterator[Moment]:
        """Bright streaks fall, in each frame others."""
        for number, moment in enumerate(self.static()):
            rng = np.random.default_rng((self.seed, 8, number))
            drops = np.zeros((self.height, self.width), np.float32)
            for _ in range(self.width * self.height // 1500):
                x, y = rng.integers(self.width), rng.integers(self.height)
                end = (int(x + 1), int(y + self.height // 12))
                cv2.line(drops, (int(x), int(y)), end, float(rng.uniform(0.1, 0.5)))
            yield replace(moment, scene=moment.scene + drops[..., None], moving=drops > 0)

    def turn(self) -> Iterator[Moment]:
        """The camera turns fast, by some twenty pixels a frame."""
        yield from self.pan(4.0)

    def pan(self, across: float = 1.6) -> Iterator[Moment]:
        """The camera turns: the whole picture moves by a few pixels, and not whole ones, a frame."""
        photo = self.photograph(across)
        light = self.light(*photo.shape[:2])
        lit = np.concatenate([photo, light], -1)
        room = np.array([photo.shape[1] - self.width, photo.shape[0] - self.height], np.float32)
        for number in range(self.frames):
            left, top = room * np.float32(number / self.frames) * np.array([1.0, 0.3], np.float32)
            shift = np.array([[1, 0, -left], [0, 1, -top]], np.float32)
            seen = cv2.warpAffine(lit, shift, (self.width, self.height), flags=cv2.INTER_LINEAR).astype(
                np.float32
            )
            yield Moment(seen[..., :3], seen[..., 3:], ~self._still)

    def handheld(self) -> Iterator[Moment]:
        """A hand holds the camera: it shakes, turns and slides, under a rolling shutter."""

        def pose(seconds: Plane) -> Pose:
            slow, fast = 2 * np.pi * 0.8 * seconds, 2 * np.pi * 2.9 * seconds
            across = self.width * (0.02 * np.sin(slow) + 0.004 * np.sin(fast))
            down = self.width * (0.015 * np.cos(1.3 * slow) + 0.004 * np.sin(fast + 1))
            return Pose(across, down, 0.02 * np.sin(1.1 * slow) + 0.004 * np.sin(fast + 2))

        yield from self._filmed(pose)

    def zoom(self) -> Iterator[Moment]:
        """The camera zooms in, by a third a second."""
        yield from self._filmed(lambda seconds: Pose(size=1.4 * np.exp(-0.3 * seconds)))

    def flight(self) -> Iterator[Moment]:
        """A drone flies over what the photograph shows as the ground, and looks ahead and down."""

        def pose(seconds: Plane) -> Pose:
            sway = np.sin(2 * np.pi * 0.4 * seconds)
            return Pose(0.03 * self.width * sway, -0.15 * self.height * seconds, 0.02 * sway, 0.8, 0.5)

        yield from self._filmed(pose)

    def pantilt(self) -> Iterator[Moment]:
        """A camera on a motor: it turns for half a second, then stops for half a second."""

        def pose(seconds: Plane) -> Pose:
            way = np.clip(seconds % 1 / 0.5, 0, 1)
            turned = seconds // 1 + way * way * (3 - 2 * way)
            return Pose(0.16 * self.width * (turned - 1), 0.05 * self.height * (turned - 1))

        yield from self._filmed(pose)

    def _filmed(self, pose: Callable[[Plane], Pose]) -> Iterator[Moment]:
        """Film a photograph of twice the size; each row sees it a little later than the one above."""
        photo = self.photograph(2.0)
        lit = np.concatenate([photo, self.light(*photo.shape[:2])], -1)
        y, x = np.mgrid[: self.height, : self.width].astype(np.float32)
        y, x = y - self.height / 2, x - self.width / 2
        for number in range(self.frames):
            at = pose(np.float32(number / 30) + _READ_OUT * (y[:, :1] / self.height + 0.5))
            nearer = at.size / (1 + at.tilt * y / self.height)
            to_x = photo.shape[1] / 2 + at.across + nearer * (np.cos(at.turn) * x - np.sin(at.turn) * y)
            to_y = photo.shape[0] / 2 + at.down + nearer * (np.sin(at.turn) * x + np.cos(at.turn) * y)
            seen = cv2.remap(
                lit,
                to_x.astype(np.float32),
                to_y.astype(np.float32),
                cv2.INTER_CUBIC,
                borderMode=cv2.BORDER_REFLECT,
            )
            # Cubic, so it may ring below black.
            above: Linear = np.maximum(seen, 0).astype(np.float32)
            light = np.maximum(above[..., 3:], np.float32(0.01))
            yield Moment(above[..., :3], light, ~self._still)

    def passer(self) -> Iterator[Moment]:
        """Something passes a static camera: a piece of another photograph, three pixels a frame."""
        other = self.photograph(seed=1)
        y, x = np.mgrid[: self.height, : self.width].astype(np.float32)
        before = self._still
        for number, moment in enumerate(self.static()):
            middle = 0.15 * self.width + 3 * number
            inside = ((x - middle) / (0.06 * self.width)) ** 2 + (
                (y - 0.6 * self.height) / (0.25 * self.height)
            ) ** 2
            here = inside < 1
            edge = np.clip((1 - inside) * 8, 0, 1)[..., None]
            carried = np.roll(other, 3 * number, axis=1)
            scene = moment.scene * (1 - edge) + carried * edge
            yield replace(moment, scene=scene, moving=here | before)
            before = here

    def street(self) -> Iterator[Moment]:
        """A drive through the town that the project renders; headlights come towards the camera."""
        street = Street(self.width, self.height, 30.0, self.seed)
        for number in range(self.frames):
            night, lit = street.scene(number + 45)
            # Its truth is drawn along with it: as a light it is what leads from one to the other.
            light = np.maximum(night, 1e-4).mean(-1, keepdims=True) / np.maximum(lit, 1e-3).mean(
                -1, keepdims=True
            )
            yield Moment(night / light, light, ~self._still)

    def video(self, path: Path) -> Iterator[Moment]:
        """A daylight video, darkened under a light that does not move with it."""
        light = self.light(self.height, self.width)
        for picture in read(path, (self.width, self.height), self.frames):
            yield Moment(to_linear(picture), light, ~self._still)


NAMES = ("static", "exposure", "lamp", "headlights", "pan", "passer", "street")

#: A camera that moves by more than a slide.
MOVING = ("handheld", "zoom", "flight", "pantilt")

#: What smoothing over time is known to be bad at.
HARD = ("blinking", "mains", "rain", "turn")


@functools.lru_cache(maxsize=4)
def _photograph(width: int, height: int, seed: int) -> Linear:
    photograph = Street(width, height, 30.0, seed).scene(30)[1]
    photograph.flags.writeable = False  # shared
    return photograph


def _filling(path: Path, width: int, height: int) -> Image:
    """Return a photograph, reduced or enlarged and cut so that it fills a size."""
    with PIL.Image.open(path) as image:
        picture: Image = np.asarray(PIL.ImageOps.fit(image.convert("RGB"), (width, height)))
    return picture


def make(scenes: Scenes, name: str, camera: Camera = CAMERA, crf: float | None = CRF) -> Clip:
    """Return the clip of a scene (`NAMES`, `MOVING`, `HARD`), or of a daylight video's path; see `record`."""
    path = Path(name)
    scene: Callable[[], Iterator[Moment]] = (
        getattr(scenes, name) if name in (*NAMES, *MOVING, *HARD) else lambda: scenes.video(path)
    )
    step = scenes.frames // 3 if name == "lamp" else None
    return record(path.stem, list(scene()), camera, scenes.seed, step, crf)


def read(path: Path, size: tuple[int, int], count: int) -> list[Image]:
    """Return up to ``count`` frames of a video as (H, W, 3) RGB, reduced to ``size``."""
    first = itertools.islice(pictures(path), count)
    return [cv2.resize(picture, size, interpolation=cv2.INTER_AREA).astype(np.uint8) for picture in first]
