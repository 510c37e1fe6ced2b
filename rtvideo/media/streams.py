"""The plan for every stream but the enhanced one: copy, convert or drop, decided before work starts."""

from __future__ import annotations

import io
import itertools
from dataclasses import dataclass, field
from typing import Literal

import av
from av.codec.context import CodecContext
from av.container import InputContainer
from av.stream import AttachmentStream, Disposition, Stream

from rtvideo.media.codecs import UNLISTED
from rtvideo.media.containers import MOV_FAMILY, holds_chapters
from rtvideo.media.input_info import InputInfo
from rtvideo.media.mp4 import TrackKind
from rtvideo.media.timing import Packet, tick

#: Text subtitles, which can be converted into each other. (Bitmaps cannot.)
_TEXT_SUBTITLES = ("subrip", "mov_text", "webvtt", "ass", "ssa", "text")

#: Encoders for sound and text that the container cannot hold as they are; the first that fits is taken.
_AUDIO_ENCODERS = ("aac", "libopus", "libmp3lame", "ac3", "mp2", "flac", "pcm_s16le")
_SUBTITLE_ENCODERS = ("mov_text", "srt", "webvtt", "ass")

Action = Literal["copy", "audio", "subtitle", "picture", "attachment"]


@dataclass(frozen=True)
class Track:
    """What happens to one stream of the input.

    Attributes:
        source: the stream.
        action: ``copy`` packets; convert ``audio`` or a ``subtitle`` with ``encoder``; keep a cover
            ``picture`` or an ``attachment`` as an attachment.
        encoder: FFmpeg's name of the encoder, for a conversion.
        data: the bytes of a cover picture that becomes an attachment.
    """

    source: Stream
    action: Action
    encoder: str = ""
    data: bytes = b""

    @property
    def is_text(self) -> bool:
        """Whether it becomes a text track of MP4 or MOV."""
        context: CodecContext | None = self.source.codec_context
        codec = context.codec.canonical_name if context and self.action == "copy" else self.encoder
        return self.source.type == "subtitle" and codec == "mov_text"

    @property
    def is_cover(self) -> bool:
        """Whether it is a cover picture."""
        return bool(self.source.disposition & Disposition.attached_pic)

    @property
    def mp4_kind(self) -> TrackKind:
        """What becomes of it in MP4 and MOV."""
        return "text" if self.is_text else "cover" if self.is_cover else "track"


@dataclass
class Plan:
    """What happens to the other streams.

    Attributes:
        tracks: in the order of the input.
        position: how many of them come before the enhanced stream.
        warning: one line that names all losses.
    """

    tracks: list[Track] = field(default_factory=list)
    position: int = 0
    warning: str | None = None

    def only(self, type: str) -> Plan:
        """Return the plan for the tracks of one type, such as ``audio``."""
        fits = [track.source.type == type for track in self.tracks]
        return Plan(list(itertools.compress(self.tracks, fits)), sum(fits[: self.position]), self.warning)


def plan(source: InputInfo, container: str) -> Plan:
    """Decide what happens to each stream of ``source`` but the enhanced one.

    Args:
        container: FFmpeg's short name of the output format.
    """
    tracks: list[Track] = []
    losses: list[str] = []
    position = 0
    for stream in source.container.streams:
        if stream.index == source.video.index:
            position = len(tracks)
            continue
        if _is_chapter_text(source.container, stream):
            continue
        if stream.type == "data" and timecode_of(stream) and container in MOV_FAMILY:
            continue  # the muxer makes a time code track of its own from the video's metadata
        track = _track(source, stream, container)
        if track is None:
            losses.append(f"{_name(stream)} is dropped")
            continue
        tracks.append(track)
        if track.action in ("audio", "subtitle"):
            losses.append(f"{_name(stream)} becomes {track.encoder}")
    if source.container.chapters() and not holds_chapters(container):
        losses.append("chapters are dropped")
    warning = f"{container} cannot hold all of it: {'; '.join(losses)}" if losses else None
    return Plan(tracks, position, warning)


def _track(source: InputInfo, stream: Stream, container: str) -> Track | None:
    if stream.type == "attachment":
        return Track(stream, "attachment") if container == "matroska" else None
    if stream.disposition & Disposition.attached_pic and container == "mov":
        return None  # FFmpeg's muxer takes it and writes nothing
    if stream.disposition & Disposition.attached_pic and container == "matroska":
        data = b"".join(bytes(p) for p in source.peeked_packets(stream)[:1])
        return Track(stream, "picture", data=data) if data else None
    if _copies(source, stream, container):
        return Track(stream, "copy")
    context: CodecContext | None = stream.codec_context
    if context is None:
        return None
    if isinstance(context, av.AudioCodecContext) and context.sample_rate and context.layout.nb_channels:
        encoder = next((e for e in _AUDIO_ENCODERS if _encodes(e, container)), None)
        return Track(stream, "audio", encoder) if encoder else None
    if stream.type == "subtitle" and context.codec.canonical_name in _TEXT_SUBTITLES:
        encoder = next((e for e in _SUBTITLE_ENCODERS if _encodes(e, container)), None)
        return Track(stream, "subtitle", encoder) if encoder else None
    return None


def _copies(source: InputInfo, stream: Stream, container: str) -> bool:
    """Whether the container takes the stream as it is, tried with one packet in a file in memory."""
    if container in UNLISTED:
        context = stream.codec_context
        return context is not None and context.codec.canonical_name in UNLISTED[container]
    # Other muxers write the header first; MP4's would wait for a sample.
    options = {"movflags": "+empty_moov"} if container in MOV_FAMILY else {}
    try:
        with av.open(io.BytesIO(), "w", format=container, container_options=options) as out:
            copy = out.add_stream_from_template(stream, opaque=True)
            copy.disposition = stream.disposition
            out.start_encoding()
            for packet in source.peeked_packets(stream)[:1]:
                sample = Packet(bytes(packet))
                sample.pts = sample.dts = 0
                sample.time_base, sample.is_keyframe = tick(packet), True
                sample.stream = copy
                if container != "avi":  # for AVI, `OtherStreams.add` filters H.264
                    out.mux_one(sample)
    except (ValueError, av.FFmpegError):
        return False
    return True


def _encodes(encoder: str, container: str) -> bool:
    codec = av.Codec(encoder, "w")
    if container in UNLISTED:
        return codec.canonical_name in UNLISTED[container]
    with av.open(io.BytesIO(), "w", format=container) as out:
        return encoder in out.supported_codecs


def _is_chapter_text(container: InputContainer, stream: Stream) -> bool:
    """Whether it is QuickTime's track of chapter titles, which FFmpeg shows as chapters and as data."""
    return bool(stream.type == "data" and container.chapters() and getattr(stream, "name", "") == "bin_data")


def timecode_of(stream: Stream) -> str | None:
    """Return the time code that a video or its time code track begins with."""
    return stream.metadata.get("timecode")


def _name(stream: Stream) -> str:
    """Return a name for warnings: ``subtitle #3 (dvd_subtitle, deu)``."""
    codec = (
        stream.codec_context.codec.canonical_name if stream.codec_context else getattr(stream, "name", None)
    )
    if isinstance(stream, AttachmentStream):
        codec = stream.name
    details = ", ".join(filter(None, (codec, stream.language)))
    kind = "cover picture" if stream.disposition & Disposition.attached_pic else stream.type
    return f"{kind} #{stream.index}" + (f" ({details})" if details else "")
