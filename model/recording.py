"""What a camera and its encoder make of a scene before it is seen: shake, lens, sensor, codec.

`rtvideo.sample.camera_simulator` is the sensor. Shake, fall-off and colour of the light belong to the scene:
no network can know them, so pairs have them on both sides.
"""

from __future__ import annotations

import cv2
import numpy as np

from rtvideo.sample.camera_simulator import Camera, Image, Linear, capture
from rtvideo.sample.encoder import rgb, through

_SHAKEN = 0.3  # share of scenes with motion blur
_TINT = 0.2  # largest share by which red or blue is off
_FALL_OFF = 0.5  # of the width, squared: of the strongest vignetting
_BLOCK = 64  # pixels, the coding tree units of x265
#: Share of each way to be kept: as a video frame, as a photograph, as it came from the sensor.
_KEPT = {"libx264": 0.4, "libx265": 0.15, "jpeg": 0.25, "raw": 0.2}


def through_lens(scene: Linear, rng: np.random.Generator) -> Linear:
    """Return a scene, (H, W, 3), linear, as a lens shows it: shaken, darker in the corners, off in colour."""
    height, width, _ = scene.shape
    tint = np.array([rng.uniform(1 - _TINT, 1 + _TINT), 1, rng.uniform(1 - _TINT, 1 + _TINT)], np.float32)
    y, x = np.mgrid[:height, :width].astype(np.float32)
    away = ((x - width / 2) ** 2 + (y - height / 2) ** 2) / np.float32((width / 2) ** 2)
    # The law of cosines: the fourth power of the cosine of the angle.
    fall_off = (1 + np.float32(rng.uniform(0, _FALL_OFF)) * away)[..., None] ** -2
    if rng.random() < _SHAKEN:
        scene = np.asarray(cv2.filter2D(scene, -1, _streak(rng)), np.float32)
    return np.asarray(scene * tint * fall_off, np.float32)


def record(scene: Linear, rng: np.random.Generator, camera: Camera) -> Image:
    """Return what is left of a scene, (H, W, 3), linear, once it was recorded and decoded again."""
    way = str(rng.choice(list(_KEPT), p=list(_KEPT.values())))
    if way == "raw":
        return capture(scene, rng, camera)
    if way == "jpeg":
        quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(75, 98))]
        _, file = cv2.imencode(".jpg", capture(scene, rng, camera)[..., ::-1], quality)
        photograph = cv2.imdecode(file, cv2.IMREAD_COLOR)
        assert photograph is not None  # it was encoded just now
        return np.ascontiguousarray(photograph[..., ::-1], np.uint8)
    return filmed([capture(scene, rng, camera) for _ in range(2)], way, float(rng.uniform(18, 32)))


def filmed(frames: list[Image], codec: str, crf: float) -> Image:
    """Return the last of some frames after an encoder: most frames of a video are predicted ones."""
    height, width, _ = frames[0].shape
    if min(height, width) < _BLOCK:  # x265 writes beyond its memory
        codec = "libx264"
    options = {"crf": f"{crf:g}", "preset": "veryfast", "bf": "0"}
    quiet = {"x265-params": "log-level=none"} if codec == "libx265" else {"x264-params": "mbtree=0"}
    return rgb(through(frames, {**options, **quiet}, codec)[-1])[:height, :width]


def _streak(rng: np.random.Generator) -> Linear:
    """Return the kernel of a straight movement during the exposure, up to nine pixels long."""
    length, angle = rng.uniform(1, 9), rng.uniform(0, np.pi)
    kernel = np.zeros((9, 9), np.float32)
    for part in np.linspace(-0.5, 0.5, 33):
        row, column = 4 + part * length * np.sin(angle), 4 + part * length * np.cos(angle)
        kernel[round(min(8, max(0, row))), round(min(8, max(0, column)))] += 1
    return np.asarray(kernel / kernel.sum(), np.float32)
