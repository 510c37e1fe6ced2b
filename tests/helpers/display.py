"""Pictures that players turn: display matrices, and what Pillow makes of a stored picture."""

from __future__ import annotations

import numpy as np
from PIL import Image

_ONE = 1 << 16

#: EXIF's orientation -> the display matrix, and what Pillow does to a picture of that orientation.
MATRICES: dict[int, tuple[tuple[int, int, int, int], Image.Transpose | None]] = {
    1: ((1, 0, 0, 1), None),
    2: ((-1, 0, 0, 1), Image.Transpose.FLIP_LEFT_RIGHT),
    3: ((-1, 0, 0, -1), Image.Transpose.ROTATE_180),
    4: ((1, 0, 0, -1), Image.Transpose.FLIP_TOP_BOTTOM),
    5: ((0, 1, 1, 0), Image.Transpose.TRANSPOSE),
    6: ((0, 1, -1, 0), Image.Transpose.ROTATE_270),
    7: ((0, -1, -1, 0), Image.Transpose.TRANSVERSE),
    8: ((0, -1, 1, 0), Image.Transpose.ROTATE_90),
}


def matrix(orientation: int) -> tuple[int, ...]:
    a, b, c, d = (_ONE * number for number in MATRICES[orientation][0])
    return a, b, 0, c, d, 0, 0, 0, _ONE << 14


def upright(plane: np.ndarray, orientation: int) -> np.ndarray:
    """Return a plane (int32) as Pillow turns it."""
    operation = MATRICES[orientation][1]
    image = Image.fromarray(plane)
    return np.asarray(image if operation is None else image.transpose(operation))
