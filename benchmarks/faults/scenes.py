"""What `benchmarks.faults.measures` look at: scenes made here, and images and clips that a user names.

The made ones need no download: textures and photographs that come with scikit-image (CC0 or public domain),
and frames of the project's own sample clip.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from skimage import data as photographs

from benchmarks.common.video import length, pictures
from benchmarks.faults.measures import Mask, luma
from model.data import Reader, unpaired
from model.night_pairs import lamps
from rtvideo.media import images
from rtvideo.sample.camera_simulator import Camera, Image, Linear, capture, encode_decode, to_linear
from rtvideo.sample.clip import render_frame
from rtvideo.sample.sprites import f32

LIT = 110  # of 255: a photograph of at least this mean luma needs no light
_SIZE = (256, 384)
_SCENES = 3
_FRAMES = 8  # of a clip
_SAMPLED = (0, 45, 90)  # frames of the sample clip
_BEAM = 0.5  # of the width, at which the light of a camera's own infra-red lamps has halved
_INFRA_RED = Camera(exposure=0.33, bayer=False)
#: A small sensor in near darkness, and a setting of the encoder that lets noise through as blocks of colour.
_BURIED, _CRF = Camera(exposure=0.012, electrons=400.0, transfer="bt709"), 19.0


@dataclass(frozen=True)
class Material:
    """Images by what they can show.

    Attributes:
        grey: dark images, each with the mask of what is grey in truth.
        night: video frames with lamps, and with parts that are near black.
        lit: images that need no light.
        infra_red: pictures of infra-red cameras, grey and lit by the camera: they need no light either.
    """

    grey: list[tuple[Image, Mask]]
    night: list[Image]
    lit: list[Image]
    infra_red: list[Image] = field(default_factory=list)


@functools.cache
def made() -> Material:
    """Return scenes of the project's own making."""
    shown: list[Callable[[], Image]] = [photographs.astronaut, photographs.coffee, photographs.chelsea]
    night = [render_frame(number)[0] for number in _SAMPLED] + [buried(seed) for seed in range(_SCENES)]
    lit = [photo() for photo in shown]
    infra_reds = [infra_red(number) for number in _SAMPLED]
    return Material([grey_road(seed) for seed in range(_SCENES)], night, lit, infra_reds)


def named(night: Sequence[Path], lit: Sequence[Path]) -> Material:
    """Return images of folders and frames of clips.

    Args:
        night: all that is found is taken.
        lit: of folders, images of a mean luma of at least `LIT`; of clips, any frame.

    Raises:
        InputError: a path is missing, holds no image, or is no clip.
    """
    bright = [
        image for path in lit for image in images_of(path) if path.is_file() or luma(image).mean() >= LIT
    ]
    return Material([], [image for path in night for image in images_of(path)], bright)


def grey_road(seed: int) -> tuple[Image, Mask]:
    """Return a gravel road between a brick wall and grass under white lamps, taken by night, and its mask."""
    rng = np.random.default_rng(seed)
    height, width = _SIZE
    y, x = np.mgrid[:height, :width]
    across = x - width / 2
    scene: Linear = np.where(
        (across < 0)[..., None],
        _texture(photographs.brick) * f32([0.9, 0.35, 0.25]),
        _texture(photographs.grass) * f32([0.3, 0.8, 0.2]),
    )
    horizon = height // 4
    scene[:horizon] = f32([0.02, 0.03, 0.08])
    road: Mask = (y >= horizon) & (np.abs(across) < 40 + 0.6 * (y - horizon))
    scene[road] = _texture(photographs.gravel)[road]
    return capture(scene * lamps(height, width, rng), rng, Camera(exposure=0.15)), road


def infra_red(number: int) -> Image:
    """Return a frame of a street as an infra-red camera shows it: grey, lit by its own lamps, luma 60."""
    lit = to_linear(render_frame(number)[1]).mean(axis=2, keepdims=True)
    height, width, _ = lit.shape
    y, x = np.mgrid[:height, :width]
    away = np.hypot((x - width / 2) / width, (y - height / 2) / width)[..., None]
    scene = np.repeat(lit * f32(1 / (1 + (away / _BEAM) ** 2)), 3, axis=2)
    rng = np.random.default_rng(number)
    return encode_decode([capture(scene, rng, _INFRA_RED) for _ in range(3)])[-1]


def buried(seed: int) -> Image:
    """Return a frame of a grey scene in a compressed video, most of which lies in the lowest codes."""
    rng = np.random.default_rng(seed)
    scene = _texture(photographs.gravel) * (np.float32(0.15) + lamps(*_SIZE, rng))
    # The last frame, since most frames of a video are predicted ones.
    return encode_decode([capture(scene, rng, _BURIED) for _ in range(3)], _CRF)[-1]


def _texture(photograph: Callable[[], Image]) -> Linear:
    return to_linear(np.repeat(photograph()[: _SIZE[0], : _SIZE[1], None], 3, axis=2))


def images_of(path: Path) -> list[Image]:
    """Return the image of a file, those of a folder, or frames of a clip.

    Raises:
        InputError: it is missing, holds no image, or is no clip.
    """
    if path.is_file() and not images.is_image(path):
        return _clip(path)
    if path.is_file():
        image = Reader().read(path, path.name)
        return [] if image is None else [image]
    return [item.low for item in unpaired([path], Reader())]


def _clip(path: Path) -> list[Image]:
    """Return frames of a clip, evenly spread over it."""
    wanted = set(np.linspace(0, length(path) - 1, _FRAMES).astype(int).tolist())
    return [picture for number, picture in enumerate(pictures(path)) if number in wanted]
