"""An enhanced frame as an output takes it: upright, beside the original, in the output's format."""

from __future__ import annotations

from dataclasses import replace

import av
import numpy as np

from rtvideo.frame import pass_through
from rtvideo.media.orientation import UPRIGHT, turned
from rtvideo.media.planes import FrameConverter, FrameFormat, copy_columns, copy_times, has_alpha, views
from rtvideo.media.tags import Tags
from rtvideo.media.transparency import Alpha
from rtvideo.media.turner import Turner


class Compositor:
    """Makes the frames of one output.

    Attributes:
        keeps_alpha: whether these have a place for transparency.
    """

    def __init__(
        self,
        source: FrameFormat,
        target: FrameFormat,
        compare: str | None = None,
        tags: Tags | None = None,
        *,
        orientation: int = UPRIGHT,
        writable: bool = False,
    ) -> None:
        """Prepare for frames of one format.

        Args:
            source: of the frames that come.
            target: of the frames that are wanted: upright, and twice as wide with ``compare="side"``.
            compare: ``split`` (left half original), ``side`` (original beside result) or None.
            tags: for the frames that are made; None leaves them untagged.
            orientation: in which frames come that are to be turned, see `rtvideo.media.orientation`.
            writable: never return the enhanced frame itself, since the caller writes to what it gets.
        """
        self._compare, self._tags, self._writable = compare, tags, writable
        self._turn = Turner(source, orientation)
        self._source = self._turn.format
        self._composed = replace(self._source, width=target.width)
        self._orientation = orientation
        self._convert = FrameConverter(target)
        self.keeps_alpha = has_alpha(target.pix_fmt)

    def __call__(
        self,
        original: av.VideoFrame,
        lit: av.VideoFrame,
        alpha: Alpha | None = None,
        *,
        writable: bool = False,
    ) -> av.VideoFrame:
        """Return the frame to encode, with the time of ``lit``. Neither frame is written to.

        Args:
            alpha: the transparency of both, only with `keeps_alpha`; None is opaque.
            writable: the caller writes to this one.
        """
        made = self._convert(self._compared(original, lit), self._source.coding)
        if made is lit:
            if not (self._writable or writable):
                return made
            made = self._copy(lit)
        if alpha is not None:
            self._arranged(alpha).put(made)
        if self._tags is not None:
            self._tags.apply(made)
        copy_times(lit, made)
        return made

    def _arranged(self, alpha: Alpha) -> Alpha:
        samples = turned(alpha.samples, self._orientation)
        return replace(alpha, samples=np.tile(samples, (1, 2)) if self._compare == "side" else samples)

    def _copy(self, frame: av.VideoFrame) -> av.VideoFrame:
        made, geometry = self._source.new_frame(), self._source.geometry
        pass_through(views(frame, geometry), views(made, geometry))
        return made

    def _compared(self, original: av.VideoFrame, lit: av.VideoFrame) -> av.VideoFrame:
        lit = self._turn(lit)
        if self._compare is None:
            return lit
        original = self._turn(original)
        geometry = self._source.geometry
        if self._compare == "split":
            made = self._copy(lit)
            copy_columns(views(original, geometry), views(made, geometry), geometry, "split")
            return made
        made = self._composed.new_frame()
        wide = views(made, self._composed.geometry)
        copy_columns(views(original, geometry), wide, geometry, "left")
        copy_columns(views(lit, geometry), wide, geometry, "right")
        return made
