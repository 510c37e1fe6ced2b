"""One connection to a live source, and its decoder."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator

import av
from av.codec.context import Flags
from av.container import InputContainer

from rtvideo.errors import InputError, SourceLostError
from rtvideo.media.input_info import InputInfo, choose_video
from rtvideo.media.network.connect import disconnect, reason_of
from rtvideo.media.timing import Packet, tick

#: AV_CODEC_PROP_INTRA_ONLY of libavcodec/codec_desc.h
_INTRA_ONLY = 1

#: Packets that are read in search of a first frame.
_PATIENCE = 500

#: Packets whose time of arrival is kept until their frame is decoded.
_REMEMBERED = 256


class SourceConnection(InputInfo):
    """An opened input and the decoder of its video.

    Attributes:
        index: of the video stream.
        intra: whether every packet is a whole picture, so that any may be skipped.
        ready: frames that were decoded while opening, with their times of arrival.
    """

    def __init__(self, container: InputContainer, name: str, video_stream: int = 0, threads: int = 0) -> None:
        """Take over an open container and decode a first frame.

        Args:
            name: for messages.
            video_stream, threads: as for `rtvideo.live.input.LiveInput`.

        Raises:
            InputError: no frame can be decoded.
            SourceLostError: the source was lost before.
            UsageError: there is no such video stream.
        """
        self.container = container
        self.damaged = 0
        try:
            self.video = choose_video(container, video_stream, name)
            self.index, self._codec = self.video.index, self.video.codec_context
            # With one thread for each frame, the decoder would hold back as many frames.
            self._codec.thread_type = "SLICE"
            self._codec.thread_count = threads
            self._codec.flags |= Flags.low_delay
            self.intra = _is_intra(self._codec)
            self._captured: dict[int, float] = {}
            self._step = round(1 / (self.video.guessed_rate or 25) / tick(self.video))
            self._next_pts, self._base = 0, tick(self.video)
            self._others: list[Packet] = []
            self.ready: list[tuple[av.VideoFrame, float]] = []
            self._demuxer = container.demux()
            self.first = self._peek(name)
        except BaseException:
            disconnect(container)
            raise

    def _peek(self, name: str) -> av.VideoFrame:
        try:
            for _, packet in zip(range(_PATIENCE), self._demuxer, strict=False):
                if packet.stream_index != self.index:
                    self._others.append(packet)
                    continue
                self.ready += self.decode(packet, time.monotonic())
                if self.ready:
                    return self.ready[0][0]
        except av.FFmpegError as error:
            raise SourceLostError(f"{name}: {reason_of(error)}") from None
        raise InputError(f"{name}: not one frame of its {self._codec.name} video can be decoded")

    def first_packets(self, stream: av.stream.Stream) -> list[Packet]:
        """Return the packets of a stream that came before the first frame."""
        return [packet for packet in self._others if packet.stream_index == stream.index]

    def packets(self) -> Iterator[Packet]:
        """Yield the packets that follow; first those of other streams that were read while opening."""
        yield from self._others
        for packet in self._demuxer:
            if packet.size or packet.dts is not None:
                yield packet

    def decode(self, packet: Packet | None, captured: float = 0.0) -> list[tuple[av.VideoFrame, float]]:
        """Decode a packet (None: no more come); return frames with the times of arrival of their packets.

        A damaged packet gives no frame, and is counted.
        """
        if packet is not None and packet.pts is not None:
            self._captured[packet.pts] = captured
            if len(self._captured) > _REMEMBERED:
                del self._captured[next(iter(self._captured))]
        try:
            frames = self._codec.decode(packet)
        except av.FFmpegError:
            self.damaged += 1
            return []
        if packet is not None:
            self._base = tick(packet)
            self.damaged += packet.is_corrupt or any(frame.is_corrupt for frame in frames)
        done = []
        for frame in frames:
            assert isinstance(frame, av.VideoFrame)
            frame.time_base = self._base
            if frame.pts is None:
                frame.pts = self._next_pts if frame.dts is None else frame.dts
            self._next_pts = frame.pts + (frame.duration or self._step)
            done.append((frame, self._captured.pop(frame.pts, captured)))
        return done

    def seek(self, seconds: float) -> None:
        """Go to the key frame at or before a time; an input that cannot seek is read from where it is."""
        with contextlib.suppress(av.FFmpegError):
            self.container.seek(int(seconds / tick(self.video)), stream=self.video)
            self.ready.clear()
            self._others.clear()

    def close(self) -> None:
        """Close the input; packets and frames of it stay valid."""
        disconnect(self.container)


def _is_intra(codec: av.VideoCodecContext) -> bool:
    return codec.name == "wrapped_avframe" or bool(codec.codec.properties & _INTRA_ONLY)
