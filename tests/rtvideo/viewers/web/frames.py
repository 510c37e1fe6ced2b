"""Frames for tests of the web viewer."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import av
import numpy as np

from rtvideo.viewers.base import FrameInfo
from tests.helpers import clips

INFO = FrameInfo("fake", fps=25.0, latency=0.04, dropped=3, note="as told")


@cache
def pair(
    index: int, width: int = 64, height: int = 48, gain: float = 3.0
) -> tuple[av.VideoFrame, av.VideoFrame]:
    """Return a dark frame and a lit one, which nobody may write to."""
    dark = clips.picture(index, width, height)
    lit = np.clip(dark * gain, 0, 255).astype(np.uint8)
    return yuv(dark), yuv(lit)


def yuv(pixels: np.ndarray, pix_fmt: str = "yuv420p") -> av.VideoFrame:
    """Return RGB pixels as a frame coded by BT.709, limited."""
    frame = av.VideoFrame.from_ndarray(pixels, "rgb24").reformat(
        format=pix_fmt, dst_colorspace=1, dst_color_range=1
    )
    frame.colorspace, frame.color_range = 1, 1
    return frame


def halves(frame: av.VideoFrame) -> Iterator[float]:
    """Return the mean luma of the left and the right half."""
    luma = clips.planes(frame)[0]
    middle = luma.shape[1] // 2
    return iter((float(luma[:, :middle].mean()), float(luma[:, middle:].mean())))
