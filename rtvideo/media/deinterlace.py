"""Interlaced frames become progressive ones: same number, same times."""

from __future__ import annotations

from collections.abc import Iterator

import av
from av.error import BlockingIOError as Again
from av.error import EOFError as End
from av.filter import Graph

from rtvideo.media.timing import tick


class Deinterlacer:
    """FFmpeg's ``bwdif``, one frame out for each frame in; those not flagged interlaced pass."""

    def __init__(self, first: av.VideoFrame) -> None:
        self._time_base = tick(first)
        self._graph = Graph()
        source = self._graph.add_buffer(
            width=first.width, height=first.height, format=first.format, time_base=self._time_base
        )
        bwdif = self._graph.add("bwdif", "mode=send_frame:parity=auto:deint=interlaced")
        sink = self._graph.add("buffersink")
        source.link_to(bwdif)
        bwdif.link_to(sink)
        self._graph.configure()

    def push(self, frame: av.VideoFrame | None) -> Iterator[av.VideoFrame]:
        """Take a frame (None: no more come), give those that are ready; one waits for the next."""
        self._graph.push(frame)
        while True:
            try:
                out = self._graph.pull()
            except (Again, End):
                return
            assert isinstance(out, av.VideoFrame)
            # The filter counts in half ticks, because it could give a frame for each field.
            if out.pts is not None and out.time_base != self._time_base:
                out.pts = round(out.pts * tick(out) / self._time_base)
                out.duration = round(out.duration * tick(out) / self._time_base)
                out.time_base = self._time_base
            yield out
