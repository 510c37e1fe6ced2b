"""Conversion of sound and text subtitles to codecs that the output container can hold."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Protocol

import av
from av.audio.resampler import AudioResampler
from av.stream import Stream
from av.subtitles.codeccontext import SubtitleCodecContext

from rtvideo.media.timing import Packet


class Conversion(Protocol):
    """Turns packets of one stream into packets of another codec, with the same times."""

    def __call__(self, packet: Packet | None) -> Iterator[Packet]:
        """Convert a packet; None flushes. A packet that cannot be decoded yields nothing."""


class AudioConversion:
    """Decodes sound, resamples it to the encoder's format and rate, and encodes it."""

    def __init__(self, source: Stream, target: av.AudioStream) -> None:
        assert isinstance(source, av.AudioStream)
        rate = source.codec_context.sample_rate
        rates = target.codec_context.codec.audio_rates
        if rates and rate not in rates:
            rate = min(rates, key=lambda r: (r < rate, abs(r - rate)))
        target.codec_context.sample_rate = rate
        target.codec_context.time_base = Fraction(1, rate)
        target.codec_context.layout = source.codec_context.layout.name
        formats = target.codec_context.codec.audio_formats
        if formats:
            target.codec_context.format = formats[0].name
        target.codec_context.bit_rate = 96_000 * max(1, source.codec_context.layout.nb_channels)
        self._source, self._target = source, target
        self._resampler: AudioResampler | None = None

    def __call__(self, packet: Packet | None) -> Iterator[Packet]:
        """See `Conversion`."""
        if self._resampler is None:
            self._target.codec_context.open(strict=False)
            self._resampler = self._new_resampler()
        try:
            frames = self._source.codec_context.decode(packet)
        except av.FFmpegError:
            return
        for frame in [*frames, *([None] if packet is None else [])]:
            for piece in self._resample(frame):
                yield from self._target.encode(piece)
        if packet is None:
            yield from self._target.encode(None)

    def _new_resampler(self) -> AudioResampler:
        context = self._target.codec_context
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
    """Converts text subtitles through FFmpeg's common form, ASS."""

    def __init__(self, source: Stream, target: Stream) -> None:
        decoder, encoder = source.codec_context, target.codec_context
        assert isinstance(decoder, SubtitleCodecContext) and isinstance(encoder, SubtitleCodecContext)
        self._decoder, self._encoder = decoder, encoder
        self._target = target
        self._decoder.open(strict=False)
        self._encoder.subtitle_header = self._decoder.subtitle_header
        self._encoder.time_base = Fraction(1, 1000)

    def __call__(self, packet: Packet | None) -> Iterator[Packet]:
        """See `Conversion`."""
        if packet is None:
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
        yield out
