"""A pair as one picture: compared if wanted, and in the format that an encoder takes."""

from __future__ import annotations

import av

from rtvideo.colour import Coding
from rtvideo.media.pairs import FramePair, PairEnhancer
from rtvideo.media.planes import FrameConverter, copy_columns, geometry_of, views
from rtvideo.media.tags import Tags


class Compositor:
    """Makes the picture that an output takes."""

    def __init__(
        self, like: PairEnhancer, pix_fmt: str, coding: Coding, tags: Tags, compare: str | None, *, own: bool
    ) -> None:
        """Prepare for the pairs of ``like``.

        Args:
            pix_fmt, coding, tags: of the output.
            compare: ``split``, ``side`` or None.
            own: the frames that are returned are written to. Where not, they may be those of the pair.
        """
        self._geometry, self._format, self._compare = like.geometry, like.pix_fmt, compare
        self.width = like.geometry.width * (2 if compare == "side" else 1)
        self.height = like.geometry.height
        self._wide = geometry_of(self._format, self.width, self.height, like.geometry.coding)
        self._convert = FrameConverter(pix_fmt, self.width, self.height, coding)
        self._tags, self._own = tags, own

    def __call__(self, pair: FramePair) -> av.VideoFrame:
        """Return the frame to encode."""
        made = self._convert(self._compared(pair), self._geometry.coding)
        if made is pair.lit:
            if not self._own:
                return made
            made = self._copy(made)
        self._tags.apply(made)
        made.pts, made.time_base, made.duration = pair.lit.pts, pair.lit.time_base, pair.lit.duration
        return made

    def _copy(self, frame: av.VideoFrame) -> av.VideoFrame:
        made = av.VideoFrame(frame.width, frame.height, frame.format.name)
        for taken, given in zip(views(frame, self._geometry), views(made, self._geometry), strict=True):
            given[:] = taken
        return made

    def _compared(self, pair: FramePair) -> av.VideoFrame:
        if self._compare is None:
            return pair.lit
        original, lit = views(pair.original, self._geometry), views(pair.lit, self._geometry)
        if self._compare == "split":
            made = self._copy(pair.lit)
            copy_columns(original, views(made, self._geometry), self._geometry, "split")
            return made
        made = av.VideoFrame(self.width, self.height, self._format)
        copy_columns(original, views(made, self._wide), self._geometry, "left")
        copy_columns(lit, views(made, self._wide), self._geometry, "right")
        return made
