"""The encoded output of files and live runs: frames are encoded, other streams passed on, and interleaved."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from fractions import Fraction
from typing import TYPE_CHECKING

import av
from av.codec.hwaccel import HWAccel
from av.container import Container, OutputContainer
from av.stream import Stream
from av.video.frame import PictureType

from rtvideo.media.codecs import Encoding
from rtvideo.media.containers import MOV_FAMILY, holds_chapters, metadata_of
from rtvideo.media.destination import Destination, FileDestination
from rtvideo.media.input_info import InputInfo
from rtvideo.media.matroska import set_shape
from rtvideo.media.mp4.copies import Copies
from rtvideo.media.mp4.index import OutputTrack, TextTracks, complete
from rtvideo.media.orientation import UPRIGHT
from rtvideo.media.packets import OtherStreams
from rtvideo.media.streams import StreamPlan, timecode_of
from rtvideo.media.timing import Packet, decoded, move, tick
from rtvideo.stopwatch import Stopwatch

if TYPE_CHECKING:
    from av.container.core import Chapter

#: Ticks from one frame to the next; MP4 holds no more, and a damaged time is often more.
_LEAP = (1 << 31) - 1


class VideoEncoder:
    """Encodes the enhanced frames as one stream of an output.

    Attributes:
        encoding: what it is opened with.
        frames: taken so far.
        first_pts: of the first frame, in ticks of the encoding.
        moved: frames whose time had to change: it was not after the one before, or absurdly far after.
    """

    def __init__(
        self,
        encoding: Encoding,
        *,
        threads: int = 0,
        hardware: HWAccel | None = None,
        reused: Iterable[Packet] = (),
        key_interval: float | None = None,
        phase: Fraction | None = None,
    ) -> None:
        """Prepare; the output opens it.

        Args:
            threads: that encode at most; 0 leaves it to the encoder.
            hardware: takes frames on this device, and those in main memory too.
            reused: packets of an earlier run, given out instead of encoding the first frames.
            key_interval: seconds after which there is a key frame, at whatever rate frames come.
            phase: ticks by which times move back before they are rounded; None: as the first frame needs it.
        """
        self.encoding, self._threads, self._hardware = encoding, threads, hardware
        self.frames = self.moved = 0
        self._key_interval = math.inf if key_interval is None else key_interval
        self._last_key: float | None = None
        self._reused = iter(reused)
        self._reused_until: Fraction | None = None
        self.first_pts: int | None = None
        self._last_pts: int | None = None
        self._phase = phase
        self._last_duration = 0
        #: Times of the frames that it holds, and the latest one of a packet.
        self._inside: set[int] = set()
        self._latest = -math.inf

    def add_to(self, container: OutputContainer) -> av.VideoStream:
        """Add the stream to a container, and return it."""
        encoding = self.encoding
        stream = container.add_stream(
            encoding.codec, rate=encoding.rate, time_base=encoding.time_base, hwaccel=self._hardware
        )
        assert isinstance(stream, av.VideoStream)
        encoding.configure(stream.codec_context)
        stream.codec_context.thread_count = self._threads
        stream.time_base = encoding.time_base
        self._stream = stream
        return stream

    def wants_key_frame(self, time: float | None) -> bool:
        """Whether `encode` will mark the frame of this time, in seconds, as a key frame."""
        return time is not None and self._last_key is not None and time - self._last_key >= self._key_interval

    def encode(self, frame: av.VideoFrame) -> list[Packet]:
        """Encode a frame. Where its time does not follow that of the one before, it becomes a tick more."""
        self._set_time(frame)
        key = self.wants_key_frame(frame.time)
        if key or self._last_key is None:
            self._last_key = frame.time
        # The choice of the input's encoder must not bind this one.
        frame.pict_type = PictureType.I if key else PictureType.NONE
        self.frames += 1
        reused = next(self._reused, None)
        if reused is not None:
            reused.stream, self._reused_until = self._stream, decoded(reused)
            return [reused]
        self._inside.add(frame.pts or 0)
        return [self._made(packet) for packet in self._stream.encode(frame)]

    def flush(self, late: threading.Event | None = None) -> Iterator[Packet]:
        """Yield the packets that are left.

        Args:
            late: when set, the frames end as soon as none before the last one is missing; `frames` counts
                those that came out.
        """
        for packet in self._stream.codec_context.encode_lazy(None):
            packet.stream = self._stream
            yield self._made(packet)
            if late is not None and late.is_set() and min(self._inside, default=math.inf) > self._latest:
                self.frames -= len(self._inside)
                self._last_pts, self._last_duration = int(self._latest), 0
                return

    @property
    def end(self) -> Fraction:
        """Seconds from time zero to the end of the last frame."""
        if self._last_pts is None:
            return Fraction(0)
        lasts = self._last_duration or round(1 / (self.encoding.rate * self.encoding.time_base))
        return (self._last_pts + lasts) * self.encoding.time_base

    @property
    def length(self) -> Fraction:
        """Seconds from the first frame to the end of the last one."""
        return self.end - (self.first_pts or 0) * self.encoding.time_base

    def _set_time(self, frame: av.VideoFrame) -> None:
        time_base, last = self.encoding.time_base, self._last_pts
        if frame.pts is None or not frame.time_base:
            frame.pts, frame.time_base = 0 if last is None else last + 1, time_base
        elif frame.time_base != time_base:
            scale = frame.time_base / time_base
            exact = frame.pts * scale
            if self._phase is None:
                self._phase = phase_of(frame, time_base)
            frame.pts, frame.duration = round(exact - self._phase), round((frame.duration or 0) * scale)
            frame.time_base = time_base
        if last is not None and not last < frame.pts <= last + _LEAP:
            frame.pts = last + 1
            self.moved += 1
        self.first_pts = frame.pts if self.first_pts is None else self.first_pts
        self._last_pts, self._last_duration = frame.pts, frame.duration or 0

    def _made(self, packet: Packet) -> Packet:
        """Let decoding times grow: a new encoder may begin before the end of the old one's packets."""
        if packet.pts is not None:
            # What should have been decoded before this packet has come out, if with a time that is its own.
            before = packet.pts if packet.dts is None else packet.dts
            self._inside = {pts for pts in self._inside if pts >= before and pts != packet.pts}
            self._latest = max(self._latest, packet.pts)
        if self._reused_until is not None:
            packet.dts = max(packet.dts or 0, math.floor(self._reused_until / tick(packet)) + 1)
            self._reused_until = decoded(packet)
        return packet


def phase_of(first: av.VideoFrame, time_base: Fraction) -> Fraction:
    """Return by how many ticks times move back so that the first frame's falls on one.

    Else frames that lie half-way between two ticks would be rounded to the same one.
    """
    exact = (first.pts or 0) * tick(first) / time_base
    return exact - round(exact)


class EncodedOutput:
    """Writes enhanced frames and the other streams of the input to a destination.

    Attributes:
        destination: where it goes.
        source: what it was opened for.
        encoder: of the frames.
        square: whether pixels have lost their shape, once it is finished.
        latency: how long after their capture frames were ``encoded`` and ``written``, where it is known.
    """

    def __init__(
        self,
        destination: Destination,
        encoder: VideoEncoder,
        source: InputInfo,
        plan: StreamPlan,
        *,
        metadata: Mapping[str, str] | None = None,
        shift: Fraction = Fraction(0),
        copies: Copies | None = None,
        begin: Fraction | None = None,
    ) -> None:
        """Open the output and write its header, so that nothing can be refused later.

        Args:
            source: gives metadata, chapters and rotation.
            plan: what happens to the other streams.
            metadata: added to that of the source.
            shift: seconds that chapters move back (packets come shifted already).
            copies: what an MP4 or MOV file takes over from the input, beside its streams.
            begin: the moment that becomes time zero, where frames and packets come with later times. The
                first frame is of that moment.

        Raises:
            OutputError: it cannot be written. (A server that cannot be reached comes up in `write`.)
            UnavailableError: this FFmpeg does not know the protocol.
            UsageError: the container refuses the streams.
        """
        self.encoder, self.latency = encoder, {"encoded": Stopwatch(), "written": Stopwatch()}
        self.destination, self.source, self._plan, self._copies = destination, source, plan, copies
        self.square = False
        self._begin = begin
        self._captured: dict[int, float] = {}
        self._texts: TextTracks | None = None
        try:
            with destination.errors():
                self._open(source, plan, metadata or {})
                for track in plan.tracks[: plan.position]:
                    self._others.add(track)
                self._add_video(source)
                for track in plan.tracks[plan.position :]:
                    self._others.add(track)
                if destination.keeps_metadata and holds_chapters(destination.format):
                    self._container.set_chapters(_chapters(source, shift))
                destination.start(self._container)
        except BaseException:
            self.abort()
            raise

    def _open(self, source: InputInfo, plan: StreamPlan, added: Mapping[str, str]) -> None:
        destination = self.destination
        metadata: dict[str, str] = {}
        if destination.keeps_metadata:
            metadata = metadata_of(source.container.metadata) | dict(added)
        if destination.format in MOV_FAMILY:
            # For the whole file it would give every video stream a time code track; see `_add_video`.
            metadata.pop("timecode", None)
        rates = {self.encoder.encoding.time_base.denominator}
        rates.update(tick(t.source).denominator for t in plan.tracks if t.source.type == "audio")
        self._container = destination.open(metadata, rates)
        self._container.metadata.update(metadata)
        texts = None
        if destination.format in MOV_FAMILY and any(track.is_text for track in plan.tracks):
            timescale = self._container.container_options["movie_timescale"]
            self._texts = TextTracks(destination.format, timescale)
            texts = self._texts.container
        self._others = OtherStreams(self._container, destination.format, texts)

    def _add_video(self, source: InputInfo) -> None:
        stream = self.encoder.add_to(self._container)
        if self.encoder.encoding.orientation == UPRIGHT:  # else frames are turned by now
            stream.set_display_matrix(source.display_matrix)
        if self.destination.keeps_metadata:
            stream.metadata.update(metadata_of(source.video.metadata))
            stream.disposition = source.video.disposition
            holders: tuple[Stream | Container, ...] = (
                source.video,
                *source.container.streams.data,
                source.container,
            )
            codes = (code for holder in holders if (code := timecode_of(holder)))
            if timecode := next(codes, None):
                stream.metadata["timecode"] = timecode

    @property
    def lost(self) -> int:
        """Packets of other streams that the format did not take after all."""
        return self._others.lost

    def write(self, frame: av.VideoFrame, captured: float | None = None) -> None:
        """Encode a frame, and write what the encoder gives.

        Args:
            frame: its time may be changed.
            captured: when it was captured, on the clock of `time.monotonic`.

        Raises:
            OutputError: it cannot be written, or the server does not answer.
        """
        with self.destination.errors():
            packets = self.encoder.encode(frame)
            if captured is not None and frame.pts is not None:
                self._captured[frame.pts] = captured
            self._mux(packets)

    def mux(self, packets: Iterable[Packet]) -> None:
        """Write packets of the video that were encoded elsewhere, as the encoder would.

        Raises:
            OutputError: it cannot be written.
        """
        with self.destination.errors():
            self._mux(packets)

    def _mux(self, packets: Iterable[Packet]) -> None:
        encoded = time.monotonic()
        for packet in packets:
            captured = self._captured.pop(packet.pts or 0, None)
            if self._begin:
                move(packet, -(self.encoder.first_pts or 0))
            until = decoded(packet)
            self._container.mux_one(packet)
            self.destination.written += 1
            if captured is not None:
                self.latency["encoded"].add(encoded - captured)
                self.latency["written"].add(time.monotonic() - captured)
            if until is not None:
                self._others.release(until)

    def copy(self, packet: Packet) -> None:
        """Pass on a packet of another stream, or convert it, as the plan says."""
        if self._begin:
            move(packet, -round(self._begin / tick(packet)))
        with self.destination.errors():
            self._others.write(packet)

    def follow(self, sounds: Sequence[av.AudioStream]) -> list[str]:
        """Take sound from other streams from now on, in the order of those of `source`.

        Returns:
            What becomes of each that is of another kind than before.
        """
        with self.destination.errors():
            own = self.source.container.streams.audio
            told = (self._others.follow(old.index, new) for old, new in zip(own, sounds, strict=False))
            return [line for line in told if line is not None]

    def finish(self, late: threading.Event | None = None) -> int:
        """Flush the encoders and write the index; the output is complete, and on the disk.

        Args:
            late: when set, frames that the encoder still holds are left out, see `VideoEncoder.flush`.

        Returns:
            How many were left out.
        """
        given = self.encoder.frames
        with self.destination.errors():
            for packet in self.encoder.flush(late):
                self._mux([packet])
            self.destination.check_answered()
            left_out = given - self.encoder.frames
            self._others.finish(self.encoder.end if left_out else None)
            self._container.close()
            self._complete_header()
            self.destination.finish()
        return left_out

    def _complete_header(self) -> None:
        """Write into a finished file what its muxer leaves out."""
        destination, position = self.destination, self._plan.position
        if not isinstance(destination, FileDestination):
            return
        path, encoding, tracks = destination.path, self.encoder.encoding, self._plan.tracks
        shape = encoding.sample_aspect_ratio or Fraction(1)
        if destination.format in MOV_FAMILY:
            texts = b"" if self._texts is None else self._texts.finish()
            written = [track.in_mp4 for track in tracks]
            written.insert(position, OutputTrack("track", self.source.video.id))
            shape = Fraction(1) if destination.format == "mov" else shape
            complete(path, written, texts, position, self.encoder.length, shape=shape, copies=self._copies)
        elif destination.format in ("matroska", "webm") and shape != 1:
            number = 1 + sum(t.action not in ("attachment", "picture") for t in tracks[:position])
            self.square = not set_shape(path, number, encoding.width, encoding.height, shape)

    def release(self) -> None:
        """Let go of the encoder when all is done: it may refer to memory of a device that goes next."""
        del self.encoder, self._others, self._container, self.destination, self.source

    def abort(self) -> None:
        """Close the output as it is, without an index."""
        self.destination.abort()


def _chapters(source: InputInfo, shift: Fraction) -> list[Chapter]:
    chapters: list[Chapter] = []
    for chapter in source.container.chapters():
        ticks = round(shift / tick(chapter))
        if chapter["end"] <= ticks:
            continue
        chapter["start"], chapter["end"] = max(0, chapter["start"] - ticks), chapter["end"] - ticks
        chapters.append(chapter)
    return chapters
