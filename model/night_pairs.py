"""Night scenes made from lit photographs: pairs that show a network what no data set of pairs does.

Pairs of photographs are evenly lit, and their dark side was not compressed as video. At night lamps light
pools in black surroundings: the pool must not burn out, and what fell below the last code of an 8-bit, 4:2:0
video has nothing left to amplify. Here a photograph is lit by random pools, taken by the camera of
`rtvideo.sample.camera_simulator` through a real encoder, and its target keeps the pools, softened, and stays
black where nothing was recorded.
What lamps light is shown no brighter than a tone curve on what was recorded would: a night stays a night.
"""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from model.recording import filmed, through_lens
from rtvideo.sample.camera_simulator import Image, Linear, capture, from_linear, random_camera, to_linear

_POOLED = 0.6  # share of scenes that lamps light; the others are even, as by the moon
_HEVC = 0.25  # share of scenes
_SOFTEN = 0.3  # pools of light L become L ** 0.3 in the target: the eye's adaptation
_ADAPTED = 0.35  # a scene under lamps that was recorded up to the code c is shown up to c ** 0.35 (both 0..1)
_BURIED = 2.5  # a code of the dark frame at which half of the brightness is trusted


def night_pair(lit: Image, rng: np.random.Generator) -> tuple[Image, Image]:
    """Return (dark, target) for a lit sRGB photograph (H, W, 3) in 8 bits.

    Camera, light, noise and compression are drawn from ``rng``.
    """
    scene = through_lens(to_linear(lit), rng)
    camera = replace(random_camera(rng), white_balance=(1.0, 1.0, 1.0))
    pooled = rng.random() < _POOLED
    light = lamps(lit.shape[0], lit.shape[1], rng) if pooled else np.ones((*lit.shape[:2], 1), np.float32)
    frames = [capture(scene * light, rng, camera) for _ in range(2)]
    codec = "libx265" if rng.random() < _HEVC else "libx264"
    dark = filmed(frames, codec, float(rng.uniform(18, 32)))

    recorded = from_linear(scene * light * np.float32(camera.exposure)).max(axis=2)
    brightest = max(1.0, float(np.percentile(recorded, 99.5))) / 255 if pooled else 1.0
    near = cv2.blur(recorded.astype(np.float32), (9, 9))
    trust = (near**2 / (near**2 + np.float32(_BURIED**2)))[..., None]
    target = scene * light ** np.float32(_SOFTEN)
    top = to_linear(np.rint(255 * np.array(brightest) ** _ADAPTED).astype(np.uint8))
    target = target * min(1.0, float(top) / max(1e-6, float(np.percentile(target, 99.5))))
    return dark, np.rint(from_linear(target) * trust).astype(np.uint8)


def lamps(height: int, width: int, rng: np.random.Generator) -> Linear:
    """Return the light of one to four lamps over faint surroundings, as (H, W, 1); 1 is daylight."""
    y, x = np.mgrid[:height, :width].astype(np.float32)
    light = np.full((height, width), np.exp(rng.uniform(np.log(2e-3), np.log(0.15))), np.float32)
    for _ in range(rng.integers(1, 5)):
        across = (x - rng.uniform(0, width)) / (width * rng.uniform(0.06, 0.35))
        down = (y - rng.uniform(0, height)) / (height * rng.uniform(0.06, 0.35))
        power = np.exp(rng.uniform(np.log(0.2), np.log(2)))
        # The light of a lamp above a plane falls with the third power of the distance, far from it.
        light += np.float32(power) / (1 + across**2 + down**2) ** np.float32(1.5)
    return light[..., None]


def well_lit(lit: Image, rng: np.random.Generator) -> Image:
    """Return a photograph that needs nothing: the lit one at 0.75 to 1 of its brightness."""
    dimmed: Image = np.rint(lit * rng.uniform(0.75, 1)).astype(np.uint8)
    return dimmed
