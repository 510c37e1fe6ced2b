"""Pixels of HEIC files of 10 and 12 bits, which Pillow reads and writes with 8: pillow-heif does the work."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import numpy as np

from rtvideo.media.images.depth import narrowed, widened
from rtvideo.media.images.picture import Pixels

#: By the number of channels.
_MODES = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}


def read(data: bytes) -> Pixels:
    """Return the samples of a file, turned upright: (h, w) or (h, w, channels); uint8 if it has 8 bits.

    Raises:
        ValueError, RuntimeError: it is damaged.
    """
    import pillow_heif

    image = pillow_heif.open_heif(BytesIO(data), convert_hdr_to_8bit=False, hdr_to_16bit=False)
    _, _, bits = image.mode.partition(";")
    samples: Pixels = np.asarray(image)
    return widened(samples, int(bits)) if bits else samples


def write(pixels: Pixels, bits: int, **options: Any) -> bytes:
    """Return a file of (h, w) or (h, w, channels) samples of 16 bits.

    Args:
        bits: 10 or 12.
        options: of pillow-heif's ``save``.
    """
    import pillow_heif

    height, width = pixels.shape[:2]
    mode = _MODES[1 if pixels.ndim == 2 else pixels.shape[2]]
    image = pillow_heif.from_bytes(f"{mode};{bits}", (width, height), narrowed(pixels, bits).tobytes())
    with BytesIO() as file:
        image.save(file, bit_depth=bits, **options)
        return file.getvalue()
