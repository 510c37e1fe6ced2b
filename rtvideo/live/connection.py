"""One connection to a live source, and its decoder."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator

import av
from av.codec.context import Flags
from av.container import InputContainer

from rtvideo.errors import InputError, SourceLostError
from rtvideo.media.input_info import InputInfo, choose_video
from rtvideo.media.network.connect import SourceTraits, disconnect
from rtvideo.media.network.diagnosis import reason_of_first
from rtvideo.media.template import InputTemplate
from rtvideo.media.timing import Packet, tick

#: AV_CODEC_PROP_INTRA_ONLY of libavcodec/codec_desc.h
_INTRA_ONLY = 1

#: Seconds that a source may take until there is a picture: some cameras send a key frame every 20 seconds.
#: A line says so once it has taken longer than usual.
PATIENCE, _USUAL = 60.0, 3.0

#: Seconds, and bytes, for which sound is waited for once there is a picture: what a container takes shows in
#: the first packets.
_SOUND, _SOUND_BYTES = 1.0, 4 << 20

#: Packets of each stream that are looked at.
_LOOK = 3

#: Packets whose time of arrival is kept until their frame is decoded.
_REMEMBERED = 256


class SourceConnection(InputInfo):
    """An opened input and the decoder of its video.

    Attributes:
        index: of the video stream.
        intra: whether every packet is a whole picture, so that any may be skipped.
        ready: frames that were decoded while opening, with their times of arrival.
        template: what outputs are opened for; it outlives the connection.
    """

    container: InputContainer

    def __init__(
        self,
        container: InputContainer,
        name: str,
        video_stream: int = 0,
        threads: int = 0,
        *,
        stop: threading.Event,
        say: Callable[[str], None],
        on_damage: Callable[[], None],
        traits: SourceTraits,
    ) -> None:
        """Take over an open container and decode a first frame.

        Args:
            name: for messages.
            video_stream, threads, stop, say: as for `rtvideo.live.input.LiveInput`.
            on_damage: called for each packet that cannot be decoded, or only in part.
            traits: how the input behaves.

        Raises:
            InputError: no frame can be decoded.
            SourceLostError: the source was lost before.
            UsageError: there is no such video stream.
        """
        self.container = container
        self._name, self._stop, self._say, self._on_damage = name, stop, say, on_damage
        self._silence, self._keeps_first = traits.silence, traits.timeless
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
            self.ready: list[tuple[av.VideoFrame, float]] = []
            self._ahead: list[Packet] = []
            self._broken: av.FFmpegError | None = None
            self._begun = self._abandoned = False
            self._reading = threading.Lock()
            self._demuxer = container.demux()
            self.first = self._first_picture()
            self._first_sounds()
            looked = {stream.index: self.first_packets(stream) for stream in container.streams}
            self.template = InputTemplate(self, looked)
        except BaseException:
            disconnect(container)
            raise

    def _first_picture(self) -> av.VideoFrame:
        began, waited, said = time.monotonic(), 0.0, False
        try:
            while (packet := self._next()) is not None:
                if packet.stream_index == self.index:
                    self.ready += self.decode(packet, time.monotonic())
                # The first of pictures that come one by one is wanted, too: the next one may be far away.
                if packet.stream_index != self.index or self._keeps_first:
                    self._ahead.append(packet)
                waited = time.monotonic() - began
                if self.ready:
                    return self.ready[0][0]
                if waited > PATIENCE or self._stop.is_set():
                    break
                if waited > _USUAL and not said:
                    said = True
                    self._say(f"{self._name}: waiting for a key frame, for {PATIENCE:g} s at most")
        except av.FFmpegError as error:
            reason = reason_of_first(error, self.container.format.name, self._silence)
            raise SourceLostError(f"{self._name}: {reason}") from None
        within = f" within {PATIENCE:g} s" if waited > PATIENCE else ""
        raise InputError(
            f"{self._name}: not one frame of its {self._codec.name} video can be decoded{within}"
        )

    def _first_sounds(self) -> None:
        """Read on until each sound has begun, or is late."""
        end = time.monotonic() + _SOUND
        silent = {stream.index for stream in self.container.streams.audio}
        silent -= {packet.stream_index for packet in self._ahead}
        size = 0
        try:
            while silent and size < _SOUND_BYTES and time.monotonic() < end:
                if (packet := self._next()) is None:
                    return
                self._ahead.append(packet)
                silent.discard(packet.stream_index)
                size += packet.size
        except av.FFmpegError as error:
            self._broken = error

    def first_packets(self, stream: av.stream.Stream) -> list[Packet]:
        """Return the first packets of a stream, as far as they were read ahead."""
        return [packet for packet in self._ahead if packet.stream_index == stream.index][:_LOOK]

    def packets(self) -> Iterator[Packet]:
        """Yield the packets that follow; first those that were read ahead."""
        ahead, self._ahead = self._ahead, []
        for packet in ahead:
            if packet.size or packet.dts is not None:
                yield packet
        if self._broken is not None:
            raise self._broken
        while (read := self._next()) is not None:
            if read.size or read.dts is not None:
                yield read

    def _next(self) -> Packet | None:
        with self._reading:
            try:
                return next(self._demuxer, None)
            finally:
                if self._abandoned:
                    disconnect(self.container)

    def decode(self, packet: Packet | None, captured: float = 0.0) -> list[tuple[av.VideoFrame, float]]:
        """Decode a packet (None: no more come); return frames with the times of arrival of their packets.

        A damaged packet gives no frame, and is counted; but for those before the first frame, which were
        joined in the middle.
        """
        if packet is not None and packet.pts is not None:
            self._captured[packet.pts] = captured
            if len(self._captured) > _REMEMBERED:
                del self._captured[next(iter(self._captured))]
        try:
            frames = self._codec.decode(packet)
        except av.FFmpegError:
            if self._begun:
                self._on_damage()
            return []
        if packet is not None:
            self._base = tick(packet)
            if packet.is_corrupt or any(frame.is_corrupt for frame in frames):
                self._on_damage()
        self._begun = self._begun or bool(frames)
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
            self._ahead.clear()

    def close(self) -> None:
        """Close the input; packets and frames of it stay valid.

        Where another thread waits for a packet, that thread closes it afterwards: FFmpeg still uses it.
        """
        if self._reading.acquire(blocking=False):
            disconnect(self.container)
            self._reading.release()
        else:
            self._abandoned = True


def _is_intra(codec: av.VideoCodecContext) -> bool:
    return codec.name == "wrapped_avframe" or bool(codec.codec.properties & _INTRA_ONLY)
