"""Packets of the source's video, written as they are: nothing is decoded or encoded."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from threading import Event

import av
from av.container import OutputContainer

from rtvideo.media.codecs import Encoding
from rtvideo.media.describe import codec_of
from rtvideo.media.output import VideoEncoder
from rtvideo.media.timing import Packet

#: Codecs that are copied, and the formats that hold them: what cameras send, and recorders write.
_CODECS = ("h264", "hevc")
_FORMATS = ("mp4", "mov", "matroska", "mpegts", "m2ts")


def copies(video: av.VideoStream, format: str) -> bool:
    """Whether packets of a stream can be written into a format as they are."""
    return codec_of(video) in _CODECS and format in _FORMATS


class VideoCopy(VideoEncoder):
    """Takes the place of an encoder: it gives the source's packets on. They begin with a key frame."""

    def __init__(self, encoding: Encoding, source: av.VideoStream, time_base: Fraction) -> None:
        """Prepare; the output opens it.

        Args:
            encoding: of pictures that are encoded; it tells how they are shown.
            source: the packets are of such a stream.
            time_base: of the packets' times.
        """
        super().__init__(replace(encoding, time_base=time_base))
        self._source = source
        self._last_dts: int | None = None

    def add_to(self, container: OutputContainer) -> av.VideoStream:
        """Add the stream to a container, and return it."""
        stream = container.add_stream_from_template(self._source, opaque=True)
        assert isinstance(stream, av.VideoStream)
        stream.time_base = self.encoding.time_base
        self._stream = stream
        return stream

    def take(self, packet: Packet) -> Packet:
        """Return a packet as it is to be written: decoding times grow."""
        assert packet.pts is not None
        packet.stream, packet.duration = self._stream, 0
        before = packet.pts if packet.dts is None else packet.dts
        packet.dts = before if self._last_dts is None else max(before, self._last_dts + 1)
        self._last_dts = packet.dts
        self.frames += 1
        self.first_pts = packet.pts if self.first_pts is None else self.first_pts
        self._last_pts = packet.pts if self._last_pts is None else max(packet.pts, self._last_pts)
        return packet

    def flush(self, late: Event | None = None) -> Iterator[Packet]:
        """Yield nothing: nothing is held back."""
        return iter(())
