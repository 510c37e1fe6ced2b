"""The pictures of the report: images side by side, and points in a plane."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

Picture = npt.NDArray[np.uint8]

_LINE, _GAP = 18, 8
_PLOT = (640, 400)
_LEFT, _RIGHT, _TOP, _BOTTOM = 70, 110, 20, 55


class Point(NamedTuple):
    """A named point of a plot."""

    x: float
    y: float
    name: str


def side_by_side(images: Sequence[Picture], captions: Sequence[str], width: int = 240) -> Picture:
    """Return RGB images of one size in a row, reduced to ``width``, with lines of caption below (BGR)."""
    columns = []
    lines = max(caption.count("\n") for caption in captions) + 1
    for image, caption in zip(images, captions, strict=True):
        height = round(width * image.shape[0] / image.shape[1])
        column = np.full((height + lines * _LINE + 6, width + _GAP, 3), 255, np.uint8)
        column[:height, :width] = cv2.resize(image[..., ::-1], (width, height), interpolation=cv2.INTER_AREA)
        for number, line in enumerate(caption.split("\n")):
            _text(column, line, (2, height + (number + 1) * _LINE - 3))
        columns.append(column)
    return np.hstack(columns)


def grey(t: npt.NDArray[np.floating]) -> Picture:
    """Return an illumination, (C, H, W) in 0..1, as a grey image, stretched to its 99th percentile."""
    plane = t.mean(0)
    levels = np.clip(plane / max(float(np.percentile(plane, 99)), 1e-6), 0, 1) * 255
    return np.repeat(levels.astype(np.uint8)[..., None], 3, axis=2)


def plot(points: Sequence[Point], x: str, y: str) -> Picture:
    """Return a scatter of the points with their names (BGR); ``x`` and ``y`` name the axes."""
    width, height = _PLOT
    canvas = np.full((height, width, 3), 255, np.uint8)
    axes = [_span([point.x for point in points]), _span([point.y for point in points])]

    def place(px: float, py: float) -> tuple[int, int]:
        (x0, x1), (y0, y1) = axes
        across = _LEFT + (px - x0) / (x1 - x0) * (width - _LEFT - _RIGHT)
        down = height - _BOTTOM - (py - y0) / (y1 - y0) * (height - _TOP - _BOTTOM)
        return round(across), round(down)

    cv2.rectangle(canvas, (_LEFT, _TOP), (width - _RIGHT, height - _BOTTOM), (180, 180, 180), 1)
    for tick in np.linspace(0, 1, 5):
        px, py = (low + tick * (high - low) for low, high in axes)
        _text(canvas, f"{px:.3g}", (place(px, axes[1][0])[0] - 14, height - _BOTTOM + 18))
        _text(canvas, f"{py:.4g}", (8, place(axes[0][0], py)[1] + 4))
    _text(canvas, x, (_LEFT, height - 12))
    _text(canvas, y, (8, 13))
    for point in points:
        at = place(point.x, point.y)
        cv2.circle(canvas, at, 5, (160, 60, 20), -1, cv2.LINE_AA)
        _text(canvas, point.name, (at[0] + 8, at[1] + 4))
    return canvas


def png(picture: Picture) -> bytes:
    """Return the content of a PNG file; ``picture`` is BGR."""
    return cv2.imencode(".png", picture)[1].tobytes()


def _span(values: Sequence[float]) -> tuple[float, float]:
    low, high = min(values), max(values)
    margin = 0.08 * (high - low) or 0.5
    return low - margin, high + margin


def _text(canvas: Picture, text: str, place: tuple[int, int]) -> None:
    cv2.putText(canvas, text, place, cv2.FONT_HERSHEY_SIMPLEX, 0.42, (0, 0, 0), 1, cv2.LINE_AA)
