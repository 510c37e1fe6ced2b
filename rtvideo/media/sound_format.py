"""Kinds of sound: do packets of one stream fit into the track of another, and which encoder makes such."""

from __future__ import annotations

from dataclasses import dataclass, field

import av
from av.codec.context import Flags
from av.stream import Stream

from rtvideo.media.audio_layout import declare_layout
from rtvideo.media.describe import Summary, codec_of
from rtvideo.media.transcode import AudioSettings

#: Bytes of AAC's header (AudioSpecificConfig) that say profile, rate and channels; what follows is optional.
_AAC_HEADER = 2


@dataclass(frozen=True)
class SoundFormat:
    """What a decoder must know of a sound.

    Attributes:
        codec: FFmpeg's name.
        rate: samples a second.
        channels: how many.
        header: of the codec, if it has one for the whole stream.
    """

    codec: str
    rate: int
    channels: int
    header: bytes | None = field(repr=False)

    @classmethod
    def of(cls, stream: Stream) -> SoundFormat:
        """Return that of a stream of sound.

        Raises:
            ValueError: it has more channels than a standard layout.
        """
        context = stream.codec_context
        assert isinstance(stream, av.AudioStream) and isinstance(context, av.AudioCodecContext)
        declare_layout(stream, Summary(stream.container).line(stream))
        return cls(codec_of(stream), context.sample_rate, context.channels, context.extradata)

    def __str__(self) -> str:
        channels = {1: "mono", 2: "stereo"}.get(self.channels, f"{self.channels} channels")
        return f"{self.codec}, {self.rate} Hz, {channels}"


def encoder_like(track: Stream) -> av.AudioCodecContext:
    """Return an open encoder whose packets fit into a track that has been begun with packets of another one.

    Raises:
        ValueError: there is none, with the reason.
    """
    wanted, context = SoundFormat.of(track), track.codec_context
    assert isinstance(context, av.AudioCodecContext)
    try:
        encoder = av.CodecContext.create(wanted.codec, "w")
        assert isinstance(encoder, av.AudioCodecContext)
        AudioSettings(wanted.codec, wanted.rate, context.layout.name).configure(encoder)
        encoder.flags |= Flags.global_header
        encoder.open(strict=False)
    except (ValueError, av.FFmpegError):
        raise ValueError(f"nothing encodes {wanted}, which this track holds") from None
    if not _fits(wanted, encoder.extradata):
        raise ValueError(f"this track holds {wanted.codec} of another profile")
    return encoder


def _fits(track: SoundFormat, header: bytes | None) -> bool:
    """Whether a track's header holds for packets of an encoder that would have written another one."""
    if header is None or track.codec == "opus":  # that of Opus only says how much to skip at the beginning
        return True
    size = _AAC_HEADER if track.codec == "aac" else None
    return track.header is not None and track.header[:size] == header[:size]
