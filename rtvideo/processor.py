"""The way of a frame from its decoder to its encoder: for files, for live input and for the Python API."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace

import av

from rtvideo.colour import Coding
from rtvideo.engines.gpu.frame import DeviceFrame, TakesDeviceFrames
from rtvideo.engines.session import Session
from rtvideo.engines.sync import SyncSession
from rtvideo.frame import Planes
from rtvideo.frame_log import FrameLog
from rtvideo.media.captions import CaptionCarrier
from rtvideo.media.compositor import Compositor
from rtvideo.media.deinterlace import Deinterlacer
from rtvideo.media.gpu.path import DevicePath
from rtvideo.media.gpu.surfaces import downloaded, format_of
from rtvideo.media.pixel_filter import PixelFilter
from rtvideo.media.planes import FrameConverter, FrameFormat, FramePool, copy_times, views
from rtvideo.media.tags import Tags
from rtvideo.media.transparency import Alpha, alpha_of

#: Frames before the first one that is enhanced, from which the session learns what went before.
_WARM_UP = 60


@dataclass(frozen=True)
class FramePair:
    """A frame before and after it was enhanced.

    Attributes:
        original: in the processor's format; the decoded frame itself, where it has that format.
        lit: enhanced, of the same time. In the processor's format, or as its compositor makes it.
        captured: when the frame came, on the clock of `time.monotonic`; 0 where that is of no interest.
        alpha: the transparency of the frame, where it goes on to the encoder.
    """

    original: av.VideoFrame
    lit: av.VideoFrame
    captured: float = 0.0
    alpha: Alpha | None = None


class FrameProcessor:
    """Takes decoded frames and gives enhanced ones, in order and with the same times. One thread.

    Attributes:
        session: the engine. Another one for the same geometry may take its place after `drain`.
        format: what the engine works on; `session` is opened with its geometry.
        tags: colour tags of the frames that are given.
        pool: where enhanced frames come from; they go back to it when they are encoded.
        changed: frames of another size or pixel format than the first one, which were converted.
        deinterlaced: whether interlaced frames came.
        log: takes each frame as it was and as it became; None: nothing does.
    """

    def __init__(
        self,
        session: Session,
        working: FrameFormat,
        first: av.VideoFrame,
        source_tags: Tags,
        *,
        tags: Tags | None = None,
        pool: FramePool | None = None,
        compositor: Compositor | None = None,
        captions: CaptionCarrier | None = None,
        device: DevicePath | None = None,
        deinterlacer: Deinterlacer | None = None,
        pixel_filter: PixelFilter | None = None,
        skip: int = 0,
    ) -> None:
        """Prepare for frames like ``first``, in main memory.

        Args:
            working: a format that engines take (`rtvideo.media.planes.LAYOUTS`).
            source_tags: of the input, for frames that carry none themselves.
            tags: for both frames of each pair; None leaves them as they are.
            pool: of frames in that format; None makes a new frame for each.
            compositor: makes the frame to encode from each pair; None: the enhanced frame is encoded.
            captions: carries closed captions over.
            device: which frames stay on a GPU; None: none does.
            deinterlacer: makes interlaced frames progressive, which holds one of them back; None leaves them.
            pixel_filter: changes enhanced frames; None: nothing does.
            skip: so many frames were enhanced by an earlier run. They pass as they are, for their times; what
                looks at the frames before is shown the last ones.
        """
        self.session, self.format, self.tags, self.pool = session, working, tags, pool
        self.changed = 0
        self.log: FrameLog | None = None
        self.deinterlaced = deinterlacer is not None and deinterlacer.fields is not None
        self._shape = (first.width, first.height, first.format.name)
        self._source_tags = source_tags
        self._codings: dict[tuple[str, int, int, int], Coding] = {}
        self._convert = FrameConverter(working)
        self._compositor, self._captions, self._device = compositor, captions, device
        self._deinterlacer, self._pixel_filter = deinterlacer, pixel_filter
        self._skip = skip
        self._pending: deque[FramePair] = deque()
        self._captured = 0.0

    def push(self, frame: av.VideoFrame, captured: float = 0.0) -> Iterator[FramePair]:
        """Take a decoded frame and yield the pairs that are done.

        Args:
            captured: when it came, see `FramePair`.

        Raises:
            InputError: a frame that cannot be enhanced, such as one of another colour matrix.
        """
        self._captured = captured
        pix_fmt = frame.format.name if self._device is None else format_of(frame)
        self.changed += (frame.width, frame.height, pix_fmt) != self._shape
        if self._deinterlacer is None or not (self.deinterlaced or frame.interlaced_frame):
            yield from self._process(frame)
            return
        self.deinterlaced = True
        for progressive in self._deinterlacer.push(downloaded(frame)):
            yield from self._process(progressive)

    def flush(self) -> Iterator[FramePair]:
        """Yield all that is held back; no more frames come."""
        if self._deinterlacer is not None:
            for progressive in self._deinterlacer.flush():
                yield from self._process(progressive)
        yield from self.drain()

    def drain(self) -> Iterator[FramePair]:
        """Yield what the session holds back."""
        self.session.flush()
        yield from self._received()

    def _process(self, frame: av.VideoFrame) -> Iterator[FramePair]:
        """Enhance a progressive frame, or leave it out where an earlier run has done it."""
        if self._skip == 0:
            yield from self._enhance(frame)
            return
        self._skip -= 1
        if self.log is not None:
            self.log.skip()
        settings = self.session.settings
        if (settings.temporal or settings.adapts) and self._skip < _WARM_UP:
            log, self.log = self.log, None
            for pair in (*self._enhance(frame), *self.drain()):
                self._release(pair)
            self.log = log
        yield FramePair(frame, frame)

    def _enhance(self, frame: av.VideoFrame) -> Iterator[FramePair]:
        device, session, geometry = self._device, self.session, self.format.geometry
        coding = self._coding(frame)
        planes: Planes | DeviceFrame | None = None if device is None else device.planes(frame, coding)
        if planes is None:
            original = self._convert(frame if device is None else downloaded(frame), coding)
            planes = views(original, geometry)
        else:
            original = frame
        out: Planes | DeviceFrame
        if device is None or device.results is None:
            lit = self.format.new_frame() if self.pool is None else self.pool.take()
            out = views(lit, geometry)
        else:
            lit, out = device.results.take()
        copy_times(frame, lit)
        pair = FramePair(original, lit, self._captured, self._alpha(frame))
        if isinstance(planes, DeviceFrame) or isinstance(out, DeviceFrame):
            assert isinstance(session, TakesDeviceFrames)
            session.submit_on_device(planes, out, lit.time)
        elif isinstance(session, SyncSession):
            session.enhance(planes, out, lit.time)
            yield self._finished(pair)
            return
        else:
            session.submit(planes, out, lit.time)
        self._pending.append(pair)
        yield from self._received()

    def _received(self) -> Iterator[FramePair]:
        while self._pending and self.session.receive() is not None:
            yield self._finished(self._pending.popleft())

    def _finished(self, pair: FramePair) -> FramePair:
        """Return the pair with the frame to encode."""
        original, lit = pair.original, pair.lit
        if self.log is not None:
            self.log.frame(original, lit, self.format, self.session.settings)
        if self.tags is not None:
            self.tags.apply(original)
            self.tags.apply(lit)
        if self._pixel_filter is not None:
            lit = self._pixel_filter(lit)
        if self._captions is not None:
            lit = self._captions.carry(original, lit, self.format.geometry)
            if self._captions.given_up:
                self._captions = None
        if self._compositor is not None:
            lit = self._compositor(original, lit, pair.alpha)
        if lit is pair.lit:
            return pair
        self._release(pair)
        return replace(pair, lit=lit)

    def _release(self, pair: FramePair) -> None:
        if self.pool is not None:
            self.pool.give(pair.lit)

    def _alpha(self, frame: av.VideoFrame) -> Alpha | None:
        if self._compositor is None or not self._compositor.keeps_alpha:
            return None
        return alpha_of(frame, self.format.width, self.format.height)

    def _coding(self, frame: av.VideoFrame) -> Coding:
        """Return how the frame's samples become RGB; worked out once for frames that are alike."""
        pix_fmt = frame.format.name if self._device is None else format_of(frame)
        like = (pix_fmt, frame.height, int(frame.colorspace), int(frame.color_range))
        if like not in self._codings:
            tags = replace(Tags.of(frame).completed(self._source_tags), transfer=2)
            self._codings[like] = replace(tags.coding(pix_fmt, frame.height), curve=self.format.coding.curve)
        return self._codings[like]
