"""The other streams of an output: packets copied or converted, and written no further than the picture."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from fractions import Fraction

import av
from av.container import OutputContainer
from av.stream import AttachmentStream, Disposition, Stream

from rtvideo.media.audio_layout import declare_layout
from rtvideo.media.containers import MOV_FAMILY, metadata_of
from rtvideo.media.describe import Summary
from rtvideo.media.sound_format import SoundFormat, encoder_like
from rtvideo.media.stream_copy import StreamCopy
from rtvideo.media.streams import Track
from rtvideo.media.timing import Packet, decoded, tick
from rtvideo.media.transcode import AudioConversion, Conversion, SubtitleConversion

#: Seconds by which a packet may run ahead of the picture. One that is further ahead has a damaged time, and
#: would hold up all that follow.
_LEAP = 3600

#: Bytes that wait for the picture at most.
_HELD = 64 << 20


class OtherStreams:
    """All streams of the output but the enhanced one.

    A video encoder runs seconds behind. Packets wait for it here: else the muxer would hold the whole file
    back for a stream that comes rarely, such as subtitles.

    Attributes:
        lost: packets that the muxer refused, or whose time is absurd.
    """

    def __init__(self, container: OutputContainer, format: str, texts: OutputContainer | None = None) -> None:
        """Begin without streams.

        Args:
            format: FFmpeg's short name of the muxer.
            texts: takes text subtitles, where the container itself cannot.
        """
        self.lost = 0
        self._container, self._texts, self._format = container, texts, format
        # In other formats a packet before time zero makes the muxer move all streams.
        self._negative_times = format in MOV_FAMILY
        self._codec_delay = format in ("matroska", "webm")
        self._last_dts: dict[Stream, int] = {}
        self._targets: dict[int, Stream] = {}
        self._conversions: dict[int, Conversion] = {}
        self._copies: dict[int, StreamCopy] = {}
        self._left_out: set[int] = set()
        self._waiting: deque[Packet] = deque()
        self._held = 0
        self._until: Fraction | None = None
        self._reached: dict[int, Fraction] = {}

    def add(self, track: Track) -> None:
        """Make a stream of the output for one of the input."""
        stream = track.source
        container = self._texts if self._texts and track.is_text else self._container
        metadata = metadata_of(stream.metadata)
        if track.action == "attachment":
            assert isinstance(stream, AttachmentStream)
            container.add_stream_from_template(stream)
            return
        if track.action == "picture":
            png = track.data.startswith(b"\x89PNG")
            name = metadata.get("filename") or ("cover.png" if png else "cover.jpg")
            mime = metadata.get("mimetype") or ("image/png" if png else "image/jpeg")
            container.add_attachment(name, mime, track.data)
            return
        if track.action == "copy":
            copy = StreamCopy(
                container, self._format, stream, track.first, described=track.description is not None
            )
            self._copies[stream.index] = copy
            target: Stream = copy.target
        else:
            target = container.add_stream(track.encoder)
            self._conversions[stream.index] = _conversion(track, target)
        target.metadata.update(metadata)
        target.disposition = stream.disposition
        self._targets[stream.index] = target

    def write(self, packet: Packet) -> None:
        """Take a packet of the input, and drop it if its stream was not added."""
        if packet.stream_index not in self._targets or packet.stream_index in self._left_out:
            return
        if self._before_the_beginning(packet) or self._is_gap(packet):
            return
        if packet.stream.disposition & Disposition.attached_pic:
            packet.pts = packet.dts = 0
        if self._leaps(packet):
            self.lost += 1
            return
        index = packet.stream_index
        if index in self._conversions:
            self._wait(self._conversions[index](packet))
            return
        self._wait(self._copies[index].packets(packet))

    def follow(self, index: int, sound: av.AudioStream) -> str | None:
        """Take the packets of a track from another stream of sound from now on: its source was opened anew.

        Args:
            index: of the track's own stream in the input, which packets still name.

        Returns:
            What becomes of the sound, where it is not of the same kind as before.
        """
        if index not in self._targets:
            return None
        self._left_out.discard(index)
        new: SoundFormat | str = sound.codec_context.name
        try:
            new = SoundFormat.of(sound)
            return self._follow(index, sound, new)
        except ValueError as error:
            self._left_out.add(index)
            return f"{new}, and is left out: {error}"

    def _follow(self, index: int, sound: av.AudioStream, new: SoundFormat) -> str | None:
        order = declare_layout(sound, Summary(sound.container).line(sound))
        copy, conversion = self._copies.get(index), self._conversions.get(index)
        if copy is not None and new == SoundFormat.of(copy.source):
            if conversion is not None:
                self._wait(self._conversions.pop(index)(None))
            return None
        if conversion is None:
            target = self._targets[index]
            self._conversions[index] = AudioConversion(sound, encoder_like(target), target, order)
            return f"{new}, and is converted to {SoundFormat.of(target)}"
        assert isinstance(conversion, AudioConversion)
        old = SoundFormat.of(conversion.source)
        conversion.follow(sound, order)
        return None if new == old else f"{new}, and is converted as before"

    def _leaps(self, packet: Packet) -> bool:
        """Whether its time is far ahead of both the video and the packet before it."""
        time = decoded(packet)
        known = [t for t in (self._until, self._reached.get(packet.stream_index)) if t is not None]
        if time is None or (known and time > max(known) + _LEAP):
            return time is not None
        self._reached[packet.stream_index] = max([time, *known])
        return False

    def _wait(self, packets: Iterable[Packet]) -> None:
        for packet in packets:
            self._waiting.append(packet)
            self._held += packet.size
        while self._held > _HELD:  # a still picture with sound that goes on
            self._mux(self._next())

    def _next(self) -> Packet:
        packet = self._waiting.popleft()
        self._held -= packet.size
        return packet

    def release(self, until: Fraction) -> None:
        """Write the packets up to a time, in seconds: the video has been written that far."""
        self._until = until
        while self._waiting and (decoded(self._waiting[0]) or 0) <= until:
            self._mux(self._next())

    def finish(self, until: Fraction | None = None) -> None:
        """Write all packets that are left; if the video was cut short, those before its end in seconds."""
        for conversion in self._conversions.values():
            self._wait(conversion(None))
        while self._waiting:
            packet = self._next()
            if until is None or (decoded(packet) or 0) < until:
                self._mux(packet)

    def _before_the_beginning(self, packet: Packet) -> bool:
        """Whether it is sound before time zero, which players skip.

        MP4 keeps such packets, for the decoder's start-up and after a cut without encoding. Matroska keeps as
        much as the stream declares as the delay of its codec. Other muxers would move all streams.
        """
        if self._negative_times or packet.stream.type != "audio" or packet.pts is None or packet.pts >= 0:
            return False
        context = packet.stream.codec_context
        delay = Fraction(context.delay, context.sample_rate) if context and self._codec_delay else 0
        return packet.pts * tick(packet) + delay < -tick(packet)

    def _is_gap(self, packet: Packet) -> bool:
        """Whether it is an empty subtitle that fills a gap in MP4: the muxer writes its own."""
        return self._negative_times and packet.stream.type == "subtitle" and bytes(packet) == b"\0\0"

    def _mux(self, packet: Packet) -> None:
        if packet.dts is None:
            packet.dts = packet.pts
        if packet.dts is None:
            return
        if packet.stream.time_base:  # a container of texts has none yet
            _rescale(packet, tick(packet.stream))
        if (packet.duration or 0) * tick(packet) > _LEAP:
            packet.duration = 0  # "for ever", which muxers refuse much later
        last = self._last_dts.get(packet.stream)
        if last is not None and packet.dts <= last:
            # Muxers refuse times that do not grow.
            packet.dts = last + 1
            packet.pts = None if packet.pts is None else max(packet.pts, packet.dts)
        self._last_dts[packet.stream] = packet.dts
        try:
            packet.stream.container.mux_one(packet)
        except OSError:
            raise
        except (ValueError, av.FFmpegError):
            # Hours of work on the video must not be lost for a packet of sound.
            self.lost += 1


def _rescale(packet: Packet, time_base: Fraction) -> None:
    """Give a packet the ticks of its stream: times must still grow when they are written in those."""
    scale = tick(packet) / time_base
    if scale != 1:
        packet.pts = None if packet.pts is None else round(packet.pts * scale)
        packet.dts = None if packet.dts is None else round(packet.dts * scale)
        packet.duration = round((packet.duration or 0) * scale)
        packet.time_base = time_base


def _conversion(track: Track, target: Stream) -> Conversion:
    source = track.source
    if isinstance(source, av.AudioStream):
        assert track.sound is not None and isinstance(target, av.AudioStream)
        track.sound.configure(target.codec_context)
        return AudioConversion(source, target.codec_context, target, track.sound.order)
    return SubtitleConversion(source, target)
