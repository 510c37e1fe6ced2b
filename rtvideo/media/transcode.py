"""Conversion of sound and text subtitles to codecs that the output container can hold."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Protocol

import av
import numpy as np
import numpy.typing as npt
from av.audio.resampler import AudioResampler
from av.stream import Stream
from av.subtitles.codeccontext import SubtitleCodecContext

from rtvideo.media.audio_layout import declare_layout
from rtvideo.media.timing import Packet, tick

#: What more channels are mixed to, for encoders that do not take them all.
_MIXES = ("7.1", "5.1", "stereo", "mono")

#: Samples a second that a container takes, where that is less than its codecs can.
_RATES = {"mxf": (48000,)}


#: Seconds for which a text is shown that has no end.
_SHOWN = 5


class Conversion(Protocol):
    """Turns packets of one stream into packets of another codec, with the same times."""

    def __call__(self, packet: Packet | None) -> Iterator[Packet]:
        """Convert a packet; None flushes. A packet that cannot be decoded yields nothing."""


@dataclass(frozen=True)
class AudioSettings:
    """What a sound is encoded with.

    Attributes:
        encoder: FFmpeg's name.
        rate: samples a second.
        layout: of the channels; mixed: they are fewer than those of the input.
        order: of the channels of the input, see `declare_layout`.
    """

    encoder: str
    rate: int
    layout: str
    mixed: bool = False
    order: list[int] | None = None

    def configure(self, context: av.AudioCodecContext) -> None:
        """Give them to an encoder that is not open yet."""
        context.sample_rate, context.layout = self.rate, self.layout
        context.time_base = Fraction(1, self.rate)
        formats = context.codec.audio_formats
        if formats:
            context.format = formats[0].name
        context.bit_rate = 96_000 * context.layout.nb_channels

    def open(self) -> bool:
        """Return whether the encoder takes them: seen by opening it."""
        try:
            context = av.CodecContext.create(self.encoder, "w")
            assert isinstance(context, av.AudioCodecContext)
            self.configure(context)
            context.open(strict=False)
        except (ValueError, av.FFmpegError):
            return False
        return True


def audio_settings(stream: av.AudioStream, described: str, encoder: str, format: str) -> AudioSettings | None:
    """Return settings that an encoder takes for a sound, with as many of its channels as it can, or None.

    Args:
        described: the line in which FFmpeg describes the stream.
        format: FFmpeg's short name of the muxer.
    """
    try:
        order = declare_layout(stream, described)
    except ValueError:
        return None
    context = stream.codec_context
    if not context.sample_rate:
        return None
    rate, rates = context.sample_rate, _RATES.get(format) or av.Codec(encoder, "w").audio_rates
    if rates and rate not in rates:
        rate = min(rates, key=lambda r: (r < rate, abs(r - rate)))
    own = context.layout
    fewer = [name for name in _MIXES if av.AudioLayout(name).nb_channels < own.nb_channels]
    tries = (AudioSettings(encoder, rate, name, name != own.name, order) for name in (own.name, *fewer))
    return next((settings for settings in tries if settings.open()), None)


def _reordered(frame: av.AudioFrame, order: list[int]) -> av.AudioFrame:
    samples: npt.NDArray[Any] = frame.to_ndarray()
    if not frame.format.is_planar:
        samples = samples.reshape(-1, len(order))[:, order].reshape(1, -1)
    else:
        samples = samples[order]
    made = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples), frame.format.name, frame.layout.name)
    made.sample_rate, made.pts, made.time_base = frame.sample_rate, frame.pts, frame.time_base
    return made


class AudioConversion:
    """Decodes sound, resamples it to the encoder's format and rate, and encodes it.

    Attributes:
        source: whose packets are converted.
    """

    def __init__(
        self,
        source: av.AudioStream,
        encoder: av.AudioCodecContext,
        target: Stream,
        order: list[int] | None = None,
    ) -> None:
        """Prepare; the first packet opens the encoder.

        Args:
            encoder: configured; it may be open.
            target: the stream that the packets go to.
            order: of the channels, see `declare_layout`.
        """
        self.source, self._order = source, order
        self._encoder, self._target = encoder, target
        self._resampler: AudioResampler | None = None

    def follow(self, source: av.AudioStream, order: list[int] | None) -> None:
        """Convert the packets of another stream from now on."""
        self.source, self._order = source, order
        self._resampler = None

    def __call__(self, packet: Packet | None) -> Iterator[Packet]:
        """See `Conversion`."""
        if self._resampler is None:
            self._encoder.open(strict=False)
            self._resampler = self._new_resampler()
        try:
            frames = self.source.codec_context.decode(packet)
        except av.FFmpegError:
            return
        if self._order is not None:
            frames = [_reordered(frame, self._order) for frame in frames]
        for frame in [*frames, *([None] if packet is None else [])]:
            for piece in self._resample(frame):
                yield from self._encode(piece)
        if packet is None:
            yield from self._encode(None)

    def _encode(self, piece: av.AudioFrame | None) -> Iterator[Packet]:
        for packet in self._encoder.encode(piece):
            packet.stream = self._target
            yield packet

    def _new_resampler(self) -> AudioResampler:
        context = self._encoder
        return AudioResampler(
            format=context.format,
            layout=context.layout,
            rate=context.sample_rate,
            frame_size=context.frame_size or None,
        )

    def _resample(self, frame: av.AudioFrame | None) -> list[av.AudioFrame]:
        assert self._resampler is not None
        try:
            return self._resampler.resample(frame)
        except ValueError:  # rate or layout have changed within the stream
            self._resampler = self._new_resampler()
            return self._resampler.resample(frame)


class SubtitleConversion:
    """Converts text subtitles through FFmpeg's common form, ASS.

    Some formats say when a text appears and not when it goes; it stays until the next one, or some seconds.
    """

    def __init__(self, source: Stream, target: Stream) -> None:
        decoder, encoder = source.codec_context, target.codec_context
        assert isinstance(decoder, SubtitleCodecContext) and isinstance(encoder, SubtitleCodecContext)
        self._decoder, self._encoder = decoder, encoder
        self._target = target
        self._endless: Packet | None = None
        self._decoder.open(strict=False)
        self._encoder.subtitle_header = self._decoder.subtitle_header
        self._encoder.time_base = Fraction(1, 1000)

    def __call__(self, packet: Packet | None) -> Iterator[Packet]:
        """See `Conversion`."""
        if packet is None:
            yield from self._ended(None)
            return
        try:
            text = self._decoder.decode2(packet)
            # MP4 fills gaps with empty samples; other formats have none.
            if text is None or not len(text):
                return
            out = self._encoder.encode_subtitle(text)
        except av.FFmpegError:
            return
        out.time_base = packet.time_base
        out.pts = out.dts = packet.pts
        out.duration = packet.duration
        out.is_keyframe = True
        out.stream = self._target
        yield from self._ended(out)
        if out.duration:
            yield out
        else:
            self._endless = out

    def _ended(self, following: Packet | None) -> Iterator[Packet]:
        """Yield the text that waits for its end, which comes with another text or with none."""
        waiting, self._endless = self._endless, None
        if waiting is None:
            return
        waiting.duration = round(_SHOWN / tick(waiting))
        if following is not None and following.pts is not None and waiting.pts is not None:
            waiting.duration = max(1, min(waiting.duration, following.pts - waiting.pts))
        yield waiting
