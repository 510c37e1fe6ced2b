"""Samples of fewer bits as those of 16, the depth of deep pictures here, and back: 0 and white stay."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from rtvideo.media.images.picture import Pixels


def widened(samples: Pixels, bits: int) -> npt.NDArray[np.uint16]:
    """Return samples of so many bits as those of 16."""
    top = (1 << bits) - 1
    codes = np.minimum(np.arange(1 << 8 * samples.itemsize, dtype=np.uint32), top)
    return ((codes * 65535 + top // 2) // top).astype(np.uint16)[samples]  # a table takes the least memory


def narrowed(samples: npt.NDArray[np.uint16], bits: int) -> Pixels:
    """Return samples of 16 bits, rounded to so many: uint8 up to 8 bits, else uint16."""
    top = (1 << bits) - 1
    codes = np.arange(65536, dtype=np.uint32)
    return ((codes * top + 32767) // 65535).astype(np.uint8 if bits <= 8 else np.uint16)[samples]
