"""The heat maps of figure 9: every edge's shares, the chosen operation framed in red."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from rtvideo.models.description import OPERATIONS, Genotype

#: Of a frame, in OpenCV's order (blue, green, red).
RED = (0, 0, 230)

_WIDTH, _HEIGHT = 84, 44
_LEFT, _TOP, _MARGIN = 48, 64, 12

Picture = npt.NDArray[np.uint8]


def box(row: int, column: int) -> tuple[int, int, int, int]:
    """Return (left, top, right, bottom) of an edge's operation in `draw`, in pixels, both ends included."""
    left, top = _LEFT + column * _WIDTH, _TOP + row * _HEIGHT
    return left, top, left + _WIDTH - 1, top + _HEIGHT - 1


def draw(shares: npt.NDArray[np.floating], title: str) -> Picture:
    """Return a heat map, (h, w, 3) BGR, of shares (7 edges, 7 operations), dark for the least."""
    low, high = float(shares.min()), float(shares.max())
    levels = np.rint(255 * (shares - low) / max(high - low, 1e-12)).astype(np.uint8)
    colours = cv2.applyColorMap(levels, cv2.COLORMAP_VIRIDIS)
    canvas = np.full(
        (_TOP + len(shares) * _HEIGHT + _MARGIN, _LEFT + len(OPERATIONS) * _WIDTH + _MARGIN, 3), 255, np.uint8
    )
    _text(canvas, f"{title}  shares {low:.3f} to {high:.3f}", (_LEFT, 24), 0.6)
    for column, name in enumerate(OPERATIONS):
        _text(canvas, name, (box(0, column)[0] + 6, _TOP - 10))
    for row, edge in enumerate(Genotype._fields):
        _text(canvas, edge, (14, box(row, 0)[1] + 28))
        for column in range(len(OPERATIONS)):
            left, top, right, bottom = box(row, column)
            canvas[top : bottom + 1, left : right + 1] = colours[row, column]
            pale = colours[row, column].mean() > 110
            _text(canvas, f"{shares[row, column]:.3f}", (left + 20, top + 28), grey=0 if pale else 255)
    for row, column in enumerate(shares.argmax(1)):
        left, top, right, bottom = box(row, int(column))
        cv2.rectangle(canvas, (left + 1, top + 1), (right - 1, bottom - 1), RED, 3)
    return canvas


def both(iem: Picture, nrm: Picture) -> Picture:
    """Return the two side by side, as in figure 9."""
    return np.hstack([iem, nrm])


def png(picture: Picture) -> bytes:
    """Return the picture as the content of a PNG file."""
    return cv2.imencode(".png", picture)[1].tobytes()


def _text(canvas: Picture, text: str, place: tuple[int, int], size: float = 0.45, grey: int = 0) -> None:
    cv2.putText(canvas, text, place, cv2.FONT_HERSHEY_SIMPLEX, size, (grey, grey, grey), 1, cv2.LINE_AA)
