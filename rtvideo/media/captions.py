"""Closed captions, which travel beside the pictures."""

from __future__ import annotations

import gc

import av
from av.sidedata.sidedata import Type as SideDataType

from rtvideo.frame import Geometry, pass_through
from rtvideo.media.planes import views
from rtvideo.media.side_data import has

#: Frames in which closed captions must have begun to be carried over.
_LOOK = 64


def has_captions(frame: av.VideoFrame) -> bool:
    """Whether the frame has closed captions beside its picture."""
    return has(frame, SideDataType.A53_CC)


class CaptionCarrier:
    """Keeps closed captions with the enhanced picture."""

    def __init__(self, first: av.VideoFrame) -> None:
        """Look for captions in ``first``, then in the first frames; in all frames once there are any."""
        self._found = has_captions(first)
        self._looked_at = 0

    @property
    def given_up(self) -> bool:
        """Whether there are no captions, as far as the first frames tell."""
        return self._looked_at >= _LOOK and not self._found

    def carry(self, original: av.VideoFrame, lit: av.VideoFrame, geometry: Geometry) -> av.VideoFrame:
        """Return ``original`` with the picture of ``lit`` if it has captions, else ``lit``.

        PyAV cannot give side data to another frame, so the picture moves into the frame that has it.
        """
        self._looked_at += 1
        if self._looked_at % 16 == 0:
            # Looking ties frame and side data into a cycle: only a full collection lets go of the pictures.
            gc.collect()
        if not has_captions(original) or original.format.name != lit.format.name:
            return lit
        self._found = True
        original.make_writable()
        pass_through(views(lit, geometry), views(original, geometry))
        return original
