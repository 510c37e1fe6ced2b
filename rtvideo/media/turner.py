"""Frames turned upright by copying their planes: samples stay as they are."""

from __future__ import annotations

from dataclasses import replace

import av
import numpy as np

from rtvideo.frame import Geometry, Plane
from rtvideo.media.orientation import UPRIGHT, is_transposed, turned
from rtvideo.media.planes import FrameConverter, FrameFormat, copy_times, unsubsampled, views


class Turner:
    """Turns the frames of one format.

    Where a sample of chroma stands for two pixels, and would stand for others afterwards (4:2:2 on its side,
    odd sizes), frames become 4:4:4.

    Attributes:
        format: of the frames that are made.
    """

    def __init__(self, source: FrameFormat, orientation: int) -> None:
        """Prepare for frames of one format of `rtvideo.media.planes.LAYOUTS`.

        Args:
            orientation: of the frames that come, see `rtvideo.media.orientation`.
        """
        self._orientation = orientation
        self._stored = source if _keeps_chroma(source.geometry, orientation) else _full_chroma(source)
        size = (source.height, source.width) if is_transposed(orientation) else (source.width, source.height)
        self.format = source
        if orientation != UPRIGHT:
            self.format = replace(self._stored, width=size[0], height=size[1])
            self._convert = FrameConverter(self._stored)

    def __call__(self, frame: av.VideoFrame) -> av.VideoFrame:
        """Return a frame upright, with its time; itself if it is so already."""
        if self._orientation == UPRIGHT:
            return frame
        stored = self._convert(frame, self._stored.coding)
        made = self.format.new_frame()
        layout = self._stored.geometry.layout
        pairs = zip(views(stored, self._stored.geometry), views(made, self.format.geometry), strict=True)
        for index, (source, target) in enumerate(pairs):
            step = {"rgb": 3, "nv": 1 + index}.get(layout, 1)
            np.copyto(_pixels(target, step), turned(_pixels(source, step), self._orientation))
        copy_times(frame, made)
        return made


def _pixels(plane: Plane, step: int) -> Plane:
    """Return a plane as (h, w, samples of a pixel), in the same memory."""
    return plane.reshape(plane.shape[0], -1, step)


def _keeps_chroma(geometry: Geometry, orientation: int) -> bool:
    across, down = geometry.chroma
    odd = (across and geometry.width % 2) or (down and geometry.height % 2)
    return geometry.layout in ("rgb", "gray") or not (odd or (is_transposed(orientation) and across != down))


def _full_chroma(source: FrameFormat) -> FrameFormat:
    return replace(source, pix_fmt=unsubsampled(source.pix_fmt))
