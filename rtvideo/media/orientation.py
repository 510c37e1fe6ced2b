"""How stored pictures are to be turned, counted as EXIF does: 1 is upright, 2 to 8 are turned or mirrored."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

UPRIGHT = 1

#: What is to be done with the stored picture, in words.
DESCRIBED = {
    1: "left as it is",
    2: "mirrored",
    3: "turned by 180 degrees",
    4: "flipped upside down",
    5: "turned by 90 degrees and mirrored",
    6: "turned by 90 degrees",
    7: "turned by 270 degrees and mirrored",
    8: "turned by 270 degrees",
}

#: By the signs of a display matrix: how x and y of the picture go into x, then into y, of the screen.
_BY_SIGNS: dict[tuple[int, ...], int] = {
    (1, 0, 0, 1): 1,
    (-1, 0, 0, 1): 2,
    (-1, 0, 0, -1): 3,
    (1, 0, 0, -1): 4,
    (0, 1, 1, 0): 5,
    (0, -1, 1, 0): 6,
    (0, -1, -1, 0): 7,
    (0, 1, -1, 0): 8,
}

#: Orientations that are mirrored before they are turned, and by how many quarters counter-clockwise.
_MIRRORED = (2, 4, 5, 7)
_QUARTERS = {3: 2, 4: 2, 5: 1, 6: 3, 7: 3, 8: 1}


def orientation_of(matrix: Sequence[int] | None) -> int | None:
    """Return the orientation that a display matrix stands for; None for angles that are not right ones.

    Args:
        matrix: FFmpeg's nine numbers (a b u, c d v, x y w), as in ISO/IEC 14496-12, 8.3.2; None is upright.
    """
    if matrix is None:
        return UPRIGHT
    a, b, _, c, d = matrix[:5]
    largest = max(map(abs, (a, b, c, d)), default=0)
    # The tenth part of a degree is the rounding of whoever wrote it.
    signs = tuple(0 if abs(n) * 500 < largest else 1 if n > 0 else -1 for n in (a, c, b, d))
    return _BY_SIGNS.get(signs)


def matrix_of(turn: int) -> tuple[int, ...]:
    """Return the display matrix that turns a picture by 0, 90, 180 or 270 degrees clockwise."""
    cosine, sine = ((1, 0), (0, 1), (-1, 0), (0, -1))[turn // 90 % 4]
    return (cosine << 16, sine << 16, 0, -sine << 16, cosine << 16, 0, 0, 0, 1 << 30)


def angle_of(matrix: Sequence[int]) -> float:
    """Return by how many degrees clockwise a display matrix turns the picture: 0 to 360."""
    return math.degrees(math.atan2(matrix[1], matrix[0])) % 360


def is_transposed(orientation: int) -> bool:
    """Whether width and height change places."""
    return orientation > 4


def turned(pixels: npt.NDArray[Any], orientation: int) -> npt.NDArray[Any]:
    """Return stored pixels, (h, w) or (h, w, channels), upright; as a view."""
    if orientation in _MIRRORED:
        pixels = pixels[:, ::-1]
    return np.rot90(pixels, _QUARTERS.get(orientation, 0))


def stored(pixels: npt.NDArray[Any], orientation: int) -> npt.NDArray[Any]:
    """Return upright pixels as they are stored: what `turned` undoes; as a view."""
    pixels = np.rot90(pixels, -_QUARTERS.get(orientation, 0))
    return pixels[:, ::-1] if orientation in _MIRRORED else pixels
