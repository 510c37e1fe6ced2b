"""Animated PNG, WebP and GIF: whole pictures, how long each is shown, and how often all of them."""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFile, ImageSequence


@dataclass
class Frame:
    """One picture of an animation.

    Attributes:
        pixels: (h, w, 3), uint8.
        alpha: (h, w), or None.
        milliseconds: how long it is shown.
    """

    pixels: npt.NDArray[np.uint8]
    alpha: npt.NDArray[np.uint8] | None
    milliseconds: float


@dataclass
class Animation:
    """All pictures of a file.

    Attributes:
        plays: how often they are shown; 0 is for ever.
        cover: the first picture is no part of it: programs that know no animation show it (PNG).
    """

    frames: list[Frame]
    plays: int = 0
    cover: bool = False


def read(image: ImageFile.ImageFile) -> Animation:
    """Return the pictures of an open file, each put together with those before it where it is stored so."""
    frames = []
    for frame in ImageSequence.Iterator(image):
        clear = "A" in frame.mode or "transparency" in frame.info
        pixels = np.asarray(frame.convert("RGBA" if clear else "RGB"))
        alpha = pixels[..., 3] if clear and pixels[..., 3].min() < 255 else None
        frames.append(Frame(pixels[..., :3], alpha, float(frame.info.get("duration", 0))))
    image.seek(0)
    loop = image.info.get("loop")
    # Without a number GIF plays once, and its number counts the repetitions.
    plays = (0 if loop == 0 else 1 + (loop or 0)) if image.format == "GIF" else loop or 0
    return Animation(frames, plays, bool(getattr(image, "default_image", False)))


def stored(animation: Animation, name: str, **options: Any) -> bytes:
    """Return a file of Pillow's format ``name``."""
    pictures = [Image.fromarray(_joined(frame)) for frame in animation.frames]
    durations = [frame.milliseconds for frame in animation.frames]
    if name == "GIF":
        options |= {} if animation.plays == 1 else {"loop": max(0, animation.plays - 1)}
        # Where pictures have holes the one before must not show through.
        options |= {"disposal": 2 if any(frame.alpha is not None for frame in animation.frames) else 0}
    else:
        options |= {"loop": animation.plays}
    if name == "PNG":
        options |= {"default_image": animation.cover}
        durations = durations[animation.cover :]
    with BytesIO() as file:
        first, *rest = pictures
        first.save(file, name, save_all=True, append_images=rest, duration=durations, **options)
        return file.getvalue()


def _joined(frame: Frame) -> npt.NDArray[np.uint8]:
    return frame.pixels if frame.alpha is None else np.dstack([frame.pixels, frame.alpha])
