"""Frames through an engine: from what the decoder gives to what the encoder takes."""

from __future__ import annotations

import gc
from collections import deque
from collections.abc import Iterator
from typing import TYPE_CHECKING

import av
from av.sidedata.sidedata import Type as SideDataType

from rtvideo.colour import Coding
from rtvideo.engines.gpu.frame import DeviceFrame, TakesDeviceFrames
from rtvideo.engines.session import Session
from rtvideo.frame import Geometry, Planes
from rtvideo.media.codecs import Encoding
from rtvideo.media.deinterlace import Deinterlacer
from rtvideo.media.gpu.decode import device_frame
from rtvideo.media.gpu.surfaces import downloaded, format_of, software_format
from rtvideo.media.planes import (
    FrameConverter,
    FramePool,
    copy_columns,
    geometry_of,
    nearest_format,
    views,
)
from rtvideo.media.tags import Tags
from rtvideo.media.timing import seconds

if TYPE_CHECKING:
    from rtvideo.media.gpu.encode import DeviceFrames

#: Frames before the first one that is enhanced, from which an engine learns what went before.
_WARM_UP = 60

#: Frames in which closed captions must have begun to be carried over.
_LOOK = 64


def working_geometry(encoding: Encoding, surfaces: str | None = None) -> Geometry:
    """Return what the engine works on: the encoder's own format where engines take it, else the nearest.

    Args:
        encoding: in the size of one picture.
        surfaces: the format of frames that stay on a device, where they do: then it is that.
    """
    form = surfaces or nearest_format(encoding.pix_fmt)
    return geometry_of(form, encoding.width, encoding.height, encoding.coding)


class FrameEnhancer:
    """Takes decoded frames, gives enhanced ones with the same times, in order.

    Attributes:
        changed: frames that had another size or format than the first and were converted to it.
        deinterlaced: whether frames flagged as interlaced came.
    """

    def __init__(
        self,
        encoding: Encoding,
        session: Session | None,
        source_tags: Tags,
        first: av.VideoFrame,
        compare: str | None = None,
        done: int = 0,
        surfaces: str | None = None,
        results: DeviceFrames | None = None,
    ) -> None:
        """Prepare for frames like ``first``.

        Args:
            encoding: of the output, in the size of one picture (not of two side by side).
            session: opened with `working_geometry`; None leaves the planes as they are.
            source_tags: of the input, for frames that carry none themselves.
            compare: ``split``, ``side`` or None.
            done: so many frames were enhanced by an earlier run; they pass as they are, for their times.
                An engine that looks at the frames before is shown the last of them.
            surfaces: as for `working_geometry`.
            results: where enhanced frames stay on the device, for an encoder that takes them from there.
        """
        self._results = results
        self._encoding, self._session, self._source_tags, self._compare = (
            encoding,
            session,
            source_tags,
            compare,
        )
        self._geometry = working_geometry(encoding, surfaces)
        self._work_format = surfaces or nearest_format(encoding.pix_fmt)
        width, height = encoding.width, encoding.height
        self._width = width * 2 if compare == "side" else width
        self._to_work = FrameConverter(self._work_format, width, height, encoding.coding)
        self._to_encoder = FrameConverter(encoding.pix_fmt, self._width, height, encoding.coding)
        self._wide = geometry_of(self._work_format, self._width, height, encoding.coding)
        self._pool = FramePool(self._work_format, width, height)
        self._wide_pool = FramePool(self._work_format, self._width, height)
        self._pending: deque[tuple[av.VideoFrame, av.VideoFrame, av.VideoFrame]] = deque()
        self._shape = (first.width, first.height, first.format.name)
        self._codings: dict[tuple[str, int, int], Coding] = {}
        self._deinterlacer: Deinterlacer | None = None
        self._captions = has_captions(first)
        self._done = done
        self._looked_at = 0
        self.changed = 0

    @property
    def deinterlaced(self) -> bool:
        """Whether frames flagged as interlaced came, and went through the filter."""
        return self._deinterlacer is not None

    def push(self, frame: av.VideoFrame) -> Iterator[av.VideoFrame]:
        """Take a frame, give those that are done."""
        if (frame.width, frame.height, format_of(frame)) != self._shape:
            self.changed += 1
            frame = downloaded(frame)
            # The filter graph is built for one shape too.
            frame = FrameConverter(self._shape[2], self._shape[0], self._shape[1], self._coding(frame))(
                frame, self._coding(frame)
            )
        if self._deinterlacer is None and frame.interlaced_frame:
            self._deinterlacer = Deinterlacer(downloaded(frame))
        if self._deinterlacer is None:
            yield from self._enhance(frame)
            return
        for progressive in self._deinterlacer.push(downloaded(frame)):
            yield from self._enhance(progressive)

    def flush(self) -> Iterator[av.VideoFrame]:
        """Give what is left; no more frames come."""
        if self._deinterlacer is not None:
            for progressive in self._deinterlacer.push(None):
                yield from self._enhance(progressive)
        if self._session is not None:
            self._session.flush()
            yield from self._receive()

    def release(self, frame: av.VideoFrame) -> None:
        """Take back a frame that `push` gave, once it is encoded."""
        for pool in (self._pool, self._wide_pool):
            pool.give(frame)

    def _coding(self, frame: av.VideoFrame) -> Coding:
        form = format_of(frame)
        key = (form, int(frame.colorspace), int(frame.color_range))
        if key not in self._codings:
            tags, own = self._source_tags, Tags.of(frame)
            merged = Tags(
                matrix=tags.matrix if own.matrix == 2 else own.matrix,
                range=own.range or tags.range,
                transfer=2,
            )
            self._codings[key] = merged.coding(form, frame.height)
        return self._codings[key]

    def _enhance(self, frame: av.VideoFrame) -> Iterator[av.VideoFrame]:
        if self._done:
            self._done -= 1
            self._learn(frame)
            yield frame
            return
        if self._stays(frame):
            self._submit(frame, frame, device_frame(frame, self._geometry))
        else:
            frame = downloaded(frame)
            work = self._to_work(frame, self._coding(frame))
            if self._session is None:
                yield self._finish(frame, work, work)
                return
            self._submit(frame, work, views(work, self._geometry))
        yield from self._receive()

    def _submit(self, frame: av.VideoFrame, work: av.VideoFrame, planes: Planes | DeviceFrame) -> None:
        session, shown = self._session, seconds(frame)
        time = None if shown is None else float(shown)
        assert session is not None
        if self._results is None and not isinstance(planes, DeviceFrame):
            out = self._pool.take()
            self._pending.append((frame, work, out))
            session.submit(planes, views(out, self._geometry), time)
            return
        assert isinstance(session, TakesDeviceFrames)
        target: Planes | DeviceFrame
        if self._results is None:
            out = self._pool.take()
            target = views(out, self._geometry)
        else:
            out, target = self._results.take()
        self._pending.append((frame, work, out))
        session.submit_on_device(planes, target, time)

    def _learn(self, frame: av.VideoFrame) -> None:
        """Let an engine that looks at the frames before see the last ones that an earlier run enhanced."""
        session = self._session
        if session is None or not session.settings.temporal or self._done >= _WARM_UP:
            return
        work, out = self._to_work(downloaded(frame), self._coding(frame)), self._pool.take()
        shown = seconds(frame)
        session.submit(
            views(work, self._geometry), views(out, self._geometry), None if shown is None else float(shown)
        )
        session.flush()
        while session.receive() is not None:
            pass
        self._pool.give(out)

    def _stays(self, frame: av.VideoFrame) -> bool:
        """Whether a frame is on the device and the engine takes it from there, as it is."""
        return (
            software_format(frame) == self._work_format
            and isinstance(self._session, TakesDeviceFrames)
            and self._coding(frame) == self._encoding.coding
            and self._compare is None
            and not has_captions(frame)
        )

    def _receive(self) -> Iterator[av.VideoFrame]:
        assert self._session is not None
        while self._pending and self._session.receive() is not None:
            yield self._finish(*self._pending.popleft())

    def _carries_captions(self, frame: av.VideoFrame) -> bool:
        """Look for captions in the first frames, and in all if there are any."""
        if self._looked_at >= _LOOK and not self._captions:
            return False
        self._looked_at += 1
        if self._looked_at % 16 == 0:
            # Looking ties frame and side data into a cycle: only a full collection lets go of the pictures.
            gc.collect()
        found = has_captions(frame)
        self._captions = self._captions or found
        return found

    def _finish(self, frame: av.VideoFrame, work: av.VideoFrame, out: av.VideoFrame) -> av.VideoFrame:
        if self._compare == "split":
            copy_columns(views(work, self._geometry), views(out, self._geometry), self._geometry, "split")
        elif self._compare == "side":
            wide = self._wide_pool.take()
            copy_columns(views(work, self._geometry), views(wide, self._wide), self._geometry, "left")
            copy_columns(views(out, self._geometry), views(wide, self._wide), self._geometry, "right")
            self.release(out)
            out = wide
        elif out is work and out.format.name != self._work_format:
            # yuvj420p and yuv420p hold the same planes; only their name would make the encoder convert them.
            out = self._pool.take()
            for taken, given in zip(views(work, self._geometry), views(out, self._geometry), strict=True):
                given[:] = taken
        elif out is not frame and self._carries_captions(frame) and frame.format.name == out.format.name:
            # Side data cannot be given to another frame, so the picture moves into the frame that has it.
            frame.make_writable()
            for taken, given in zip(views(out, self._geometry), views(frame, self._geometry), strict=True):
                given[:] = taken
            self.release(out)
            out = frame
        if self._work_format != self._encoding.pix_fmt:
            converted = self._to_encoder(out, self._encoding.coding)
            self.release(out)
            out = converted
        out.pts, out.time_base, out.duration = frame.pts, frame.time_base, frame.duration
        return out


def has_captions(frame: av.VideoFrame) -> bool:
    """Whether the frame has closed captions beside its picture."""
    return SideDataType.A53_CC in frame.side_data


def has_timecode(frame: av.VideoFrame) -> bool:
    """Whether the frame has a time code (SMPTE 12M) beside its picture."""
    return SideDataType.S12M_TIMECODE in frame.side_data
