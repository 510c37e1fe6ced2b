"""Live frames through an engine: each comes out beside what it was made from, both for keeps."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

import av

from rtvideo.colour import Coding
from rtvideo.engines.session import Session
from rtvideo.frame import Geometry
from rtvideo.media.deinterlace import Deinterlacer
from rtvideo.media.planes import LAYOUTS, FrameConverter, geometry_of, nearest_format, views
from rtvideo.media.tags import Tags, is_rgb
from rtvideo.media.timing import seconds
from rtvideo.viewers.base import FrameInfo

_NOTHING_KNOWN = FrameInfo(engine="")


@dataclass(frozen=True)
class FramePair:
    """A frame and what became of it.

    Attributes:
        original, lit: of one format, size and time. Several threads read them: nobody writes.
        captured: when it came, on the clock of `time.monotonic`.
        info: for viewers.
    """

    original: av.VideoFrame
    lit: av.VideoFrame
    captured: float
    info: FrameInfo = _NOTHING_KNOWN


def live_format(pix_fmt: str) -> str:
    """Return the format that live frames are worked on in: 4:2:0, which every player and viewer takes.

    Cameras give 4:2:2 for the most part; half of its colour is not worth its cost here.
    """
    near = nearest_format(pix_fmt)
    form = LAYOUTS[near]
    if form.layout == "nv" or form.chroma == (1, 1):
        return near
    return "yuv420p" if form.depth == 8 or is_rgb(near) else "yuv420p10le"


def tags_of(coding: Coding, others: Tags) -> Tags:
    """Return the tags that say how samples are coded; transfer and primaries are those of ``others``."""
    return Tags(int(coding.matrix), 2 if coding.full_range else 1, others.transfer, others.primaries)


class PairEnhancer:
    """Takes decoded frames, gives pairs in order.

    Attributes:
        geometry: of the pairs, what the session must be opened for; pix_fmt: their format.
        tags: their colour tags.
        changed: frames that had another size than the first and were scaled to it.
    """

    def __init__(self, source_tags: Tags, first: av.VideoFrame, *, live: bool = True) -> None:
        """Prepare for frames like ``first``.

        Args:
            source_tags: of the input, for frames that carry none themselves.
            live: colour may be made coarser (see `live_format`); what is no hurry keeps its own.

        Raises:
            InputError: HDR, or a matrix that is not supported.
        """
        self._source_tags = source_tags
        pix_fmt = first.format.name
        self.pix_fmt = live_format(pix_fmt) if live or is_rgb(pix_fmt) else nearest_format(pix_fmt)
        self._size = first.width, first.height
        self._coding = self._coding_of(first)
        if is_rgb(first.format.name):
            # As untagged video is understood by everybody else.
            self._coding = Tags().coding(self.pix_fmt, first.height)
        self.tags = tags_of(self._coding, source_tags)
        self.geometry: Geometry = geometry_of(self.pix_fmt, *self._size, self._coding)
        self._convert = FrameConverter(self.pix_fmt, *self._size, self._coding)
        self._deinterlacer: Deinterlacer | None = None
        self._interlaced_shape: tuple[int, int, str] | None = None
        self._pending: deque[FramePair] = deque()
        self.changed = 0

    def push(self, frame: av.VideoFrame, captured: float, session: Session) -> Iterator[FramePair]:
        """Take a frame, give the pairs that are done.

        Args:
            captured: when it came.
            session: opened for ``geometry``.
        """
        for progressive in self._progressive(frame):
            work = self._convert(progressive, self._coding_of(progressive))
            work.pts, work.time_base, work.duration = progressive.pts, progressive.time_base, frame.duration
            self.changed += (progressive.width, progressive.height) != self._size
            lit = av.VideoFrame(*self._size, self.pix_fmt)
            lit.pts, lit.time_base, lit.duration = work.pts, work.time_base, work.duration
            for made in (work, lit):
                self.tags.apply(made)
            self._pending.append(FramePair(work, lit, captured))
            shown = seconds(work)
            session.submit(
                views(work, self.geometry), views(lit, self.geometry), None if shown is None else float(shown)
            )
            yield from self._receive(session)

    def flush(self, session: Session) -> Iterator[FramePair]:
        """Give what the engine still holds."""
        session.flush()
        yield from self._receive(session)

    def _receive(self, session: Session) -> Iterator[FramePair]:
        while self._pending and session.receive() is not None:
            yield self._pending.popleft()

    def _progressive(self, frame: av.VideoFrame) -> list[av.VideoFrame]:
        shape = (frame.width, frame.height, frame.format.name)
        if shape != self._interlaced_shape:
            if not frame.interlaced_frame:
                return [frame]
            self._deinterlacer, self._interlaced_shape = Deinterlacer(frame), shape
        assert self._deinterlacer is not None
        return list(self._deinterlacer.push(frame))

    def _coding_of(self, frame: av.VideoFrame) -> Coding:
        tags, own = self._source_tags, Tags.of(frame)
        merged = Tags(
            matrix=tags.matrix if own.matrix == 2 else own.matrix, range=own.range or tags.range, transfer=2
        )
        return merged.coding(frame.format.name, frame.height)
