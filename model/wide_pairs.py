"""Pairs that teach exposure: a scene in linear light taken too dark, and how a tone curve shows it.

A photograph that is darkened evenly teaches to undo just that: its brightest pixel tells by how much. Scenes
are wider than a sensor. So panoramas are taken as exposure brackets, and photographs, which a tone curve made
of their scenes, are taken back through it first (`model.tone`).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from model.panoramas import view
from model.recording import record, through_lens
from model.tone import Photographic, scene_of
from rtvideo.sample.camera_simulator import Image, Linear, from_linear, metered, random_camera

_SIZE = (384, 256)  # of a view of a panorama, which has no more detail
_FIELD = (60.0, 110.0)  # degrees across
_LEVEL = (0.002, 0.12)  # mean of what is recorded, of full scale: from near black to mid-grey less a third
_NOISIEST = 1000.0  # electrons at full scale: a small sensor at its highest gain
CLEANEST = 60000.0  # likewise: a large one on a tripod
_WHITE = (1.0, 24.0)  # how far the lights of a photograph's scene rise
_SHOWN = 128.0  # of 255, mean luma of a target: the middle of the codes
_FAINT = 1.0  # of 255: a code of the dark frame at which half of the brightness is trusted


def photograph_pair(lit: Image, rng: np.random.Generator, cleanest: float = CLEANEST) -> tuple[Image, Image]:
    """Return (dark, target) for a lit sRGB photograph (H, W, 3) in 8 bits; ``cleanest`` as `CLEANEST`.

    Half of what a photographer decided on is kept: a target lies between the photograph's own mean and that
    of all others, for no network can tell a black cat from a cat at night.
    """
    scene = through_lens(scene_of(lit, float(np.exp(rng.uniform(*np.log(_WHITE))))), rng)
    return _taken(scene, float(np.sqrt(max(1.0, lit.mean()) * _SHOWN)), rng, cleanest)


def panorama_pair(
    panorama: Linear, rng: np.random.Generator, cleanest: float = CLEANEST
) -> tuple[Image, Image]:
    """Return (dark, target) of a view into a panorama, (H, 2 H, 3), linear, of any direction."""
    scene = view(panorama, float(rng.uniform(-180, 180)), _SIZE, float(rng.uniform(*_FIELD)))
    return _taken(through_lens(scene, rng), _SHOWN, rng, cleanest)


def _taken(scene: Linear, mean: float, rng: np.random.Generator, cleanest: float) -> tuple[Image, Image]:
    level = float(np.exp(rng.uniform(*np.log(_LEVEL))))
    camera = replace(
        random_camera(rng),
        exposure=metered(scene, level),
        electrons=float(np.exp(rng.uniform(*np.log((_NOISIEST, cleanest))))),
        white_balance=(1.0, 1.0, 1.0),
    )
    dark = record(scene, rng, camera)
    recorded = from_linear(scene * np.float32(camera.exposure)).max(axis=2, keepdims=True).astype(np.float32)
    trust = recorded**2 / (recorded**2 + np.float32(_FAINT**2))
    target = Photographic([scene], mean)(scene)
    return dark, np.rint(target * trust).astype(np.uint8)
