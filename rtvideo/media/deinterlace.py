"""Interlaced frames become progressive ones: one for each, of the same time, or one for each field."""

from __future__ import annotations

from collections.abc import Iterator

import av
from av.error import BlockingIOError as Again
from av.error import EOFError as End
from av.filter import Graph

from rtvideo.media.timing import tick


class Deinterlacer:
    """FFmpeg's ``bwdif``: a frame out for each frame or field in; those not flagged as interlaced pass.

    Some decoders flag no frame, though the file says that there are fields; then all frames are interlaced.

    A filter takes frames of one size and format. Where these change it gives what it holds, and another one
    begins with the next frame that is flagged.
    """

    def __init__(self, fields: str | None = None, *, by_field: bool = False) -> None:
        """Prepare.

        Args:
            fields: of all frames, ``tff`` (top field first) or ``bff``; None: frames say it themselves.
            by_field: give a frame for each field, so twice as many.
        """
        self.fields, self._by_field = fields, by_field
        self._filter: _Bwdif | None = None

    def push(self, frame: av.VideoFrame) -> Iterator[av.VideoFrame]:
        """Take a frame and yield those that are ready: a filter holds one back."""
        if self._filter is not None and self._filter.shape != _shape(frame):
            yield from self.flush()
        if self._filter is None and (frame.interlaced_frame or self.fields):
            self._filter = _Bwdif(frame, self.fields, by_field=self._by_field)
        if self._filter is None:
            yield frame
        else:
            yield from self._filter.push(frame)

    def flush(self) -> Iterator[av.VideoFrame]:
        """Yield what is held back."""
        if self._filter is not None:
            yield from self._filter.push(None)
            self._filter = None


class _Bwdif:
    """The filter for frames like the first one."""

    def __init__(self, first: av.VideoFrame, fields: str | None, *, by_field: bool) -> None:
        self.shape = _shape(first)
        time_base = tick(first)
        # The filter counts in half ticks, because it could give a frame for each field.
        self._time_base = time_base / 2 if by_field else time_base
        self._graph = Graph()
        source = self._graph.add_buffer(
            width=first.width, height=first.height, format=first.format, time_base=time_base
        )
        which = f"parity={fields}:deint=all" if fields else "parity=auto:deint=interlaced"
        bwdif = self._graph.add("bwdif", f"mode={'send_field' if by_field else 'send_frame'}:{which}")
        sink = self._graph.add("buffersink")
        source.link_to(bwdif)
        bwdif.link_to(sink)
        self._graph.configure()

    def push(self, frame: av.VideoFrame | None) -> Iterator[av.VideoFrame]:
        """Take a frame (None: no more come) and yield those that are ready."""
        self._graph.push(frame)
        while True:
            try:
                out = self._graph.pull()
            except (Again, End):
                return
            assert isinstance(out, av.VideoFrame)
            if out.pts is not None and out.time_base != self._time_base:
                out.pts = round(out.pts * tick(out) / self._time_base)
                out.duration = round(out.duration * tick(out) / self._time_base)
                out.time_base = self._time_base
            yield out


def _shape(frame: av.VideoFrame) -> tuple[int, int, str]:
    return frame.width, frame.height, frame.format.name
