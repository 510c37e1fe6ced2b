"""The plan for every stream but the enhanced one: copied, converted or dropped, known before work starts."""

from __future__ import annotations

import io
import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

import av
from av.codec.context import CodecContext
from av.container import InputContainer
from av.stream import AttachmentStream, Disposition, Stream

from rtvideo.media.codecs import UNLISTED
from rtvideo.media.source import Source
from rtvideo.media.timing import Packet, tick

#: Text subtitles that can be turned into each other, and bitmaps that cannot.
_TEXT_SUBTITLES = ("subrip", "mov_text", "webvtt", "ass", "ssa", "text")

#: What sound and text become where the container cannot hold what they are; the first that fits.
_AUDIO_ENCODERS = ("aac", "libopus", "libmp3lame", "ac3", "mp2", "flac", "pcm_s16le")
_SUBTITLE_ENCODERS = ("mov_text", "srt", "webvtt", "ass")

#: Written anew for each file: copying them would tell lies about the new one.
_OWN_METADATA = {
    "major_brand",
    "minor_version",
    "compatible_brands",
    "encoder",
    "duration",
    "vendor_id",
    "bps",
    "number_of_frames",
    "number_of_bytes",
}

#: Where names of metadata are free; in MP4 and MOV other names need a flag.
_MOV_METADATA = frozenset(
    (
        *("title", "artist", "album_artist", "composer", "album", "date", "comment", "genre", "copyright"),
        *("grouping", "lyrics", "description", "synopsis", "show", "episode_id", "network", "keywords"),
        *("creation_time", "timecode", "track", "disc", "episode_sort", "season_number", "media_type"),
        *("hd_video", "gapless_playback", "compilation", "location", "author", "performer", "rating"),
    )
)

MOV_FAMILY = ("mov", "mp4", "m4v", "3gp", "3g2", "ipod", "f4v")

#: Microseconds of a fragment or cluster: what a cut-off file may lack at its end.
_PIECE = 900_000

Action = Literal["copy", "audio", "subtitle", "picture", "attachment"]


@dataclass(frozen=True)
class Track:
    """What happens to one stream of the input.

    Attributes:
        source: the stream.
        action: ``copy`` packets; convert ``audio`` or ``subtitle`` with ``encoder``; keep a cover ``picture``
            or an ``attachment`` as an attachment.
        encoder: FFmpeg's name, for what is converted.
        data: the picture's bytes, where it becomes an attachment.
    """

    source: Stream
    action: Action
    encoder: str = ""
    data: bytes = b""


@dataclass
class Plan:
    """Tracks in the order of the input (the enhanced one is not among them), and one line for all losses."""

    tracks: list[Track] = field(default_factory=list)
    warning: str | None = None


def plan(source: Source, container: str) -> Plan:
    """Decide for each stream of ``source`` but the enhanced one what becomes of it in ``container``.

    Args:
        container: FFmpeg's short name of the output format.
    """
    tracks: list[Track] = []
    losses: list[str] = []
    for stream in source.container.streams:
        if stream.index == source.video.index or _is_chapter_text(source.container, stream):
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
    return Plan(tracks, warning)


def _track(source: Source, stream: Stream, container: str) -> Track | None:
    if stream.type == "attachment":
        return Track(stream, "attachment") if container == "matroska" else None
    if stream.disposition & Disposition.attached_pic and container == "matroska":
        data = b"".join(bytes(p) for p in source.peeked_packets(stream)[:1])
        return Track(stream, "picture", data=data) if data else None
    if _copies(source, stream, container):
        return Track(stream, "copy")
    context: CodecContext | None = stream.codec_context
    if context is None:
        return None
    if stream.type == "audio":
        encoder = next((e for e in _AUDIO_ENCODERS if _encodes(e, container)), None)
        return Track(stream, "audio", encoder) if encoder else None
    if stream.type == "subtitle" and context.codec.canonical_name in _TEXT_SUBTITLES:
        encoder = next((e for e in _SUBTITLE_ENCODERS if _encodes(e, container)), None)
        return Track(stream, "subtitle", encoder) if encoder else None
    return None


def _copies(source: Source, stream: Stream, container: str) -> bool:
    """Whether the container takes the stream as it is: seen by writing a little file with it to memory."""
    if container in UNLISTED:
        context = stream.codec_context
        return context is not None and context.codec.canonical_name in UNLISTED[container]
    try:
        with av.open(io.BytesIO(), "w", format=container) as out:
            copy = out.add_stream_from_template(stream, opaque=True)
            copy.disposition = stream.disposition
            out.start_encoding()
            for packet in source.peeked_packets(stream)[:1]:
                sample = Packet(bytes(packet))
                sample.pts = sample.dts = 0
                sample.time_base, sample.is_keyframe = tick(packet), True
                sample.stream = copy
                if container != "avi":  # there a filter puts H.264 right, see `Sink`
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


def holds_chapters(container: str) -> bool:
    """Whether the format has a place for chapters."""
    return container in (*MOV_FAMILY, "matroska", "webm", "ogg", "asf")


def _is_chapter_text(container: InputContainer, stream: Stream) -> bool:
    """QuickTime stores chapter titles as a text track, which FFmpeg shows both as chapters and as data."""
    return bool(stream.type == "data" and container.chapters() and getattr(stream, "name", "") == "bin_data")


def timecode_of(stream: Stream) -> str | None:
    """Return the time code that a video or its time code track begins with."""
    return stream.metadata.get("timecode")


def _name(stream: Stream) -> str:
    """Name a stream as a reader of the warning knows it: ``subtitle #3 (dvd_subtitle, deu)``."""
    codec = (
        stream.codec_context.codec.canonical_name if stream.codec_context else getattr(stream, "name", None)
    )
    if isinstance(stream, AttachmentStream):
        codec = stream.name
    details = ", ".join(filter(None, (codec, stream.language)))
    kind = "cover picture" if stream.disposition & Disposition.attached_pic else stream.type
    return f"{kind} #{stream.index}" + (f" ({details})" if details else "")


def metadata_of(metadata: dict[str, str]) -> dict[str, str]:
    """Return the metadata that is worth carrying over."""
    return {
        k: v
        for k, v in metadata.items()
        if k.lower() not in _OWN_METADATA and not k.startswith("_STATISTICS")
    }


def container_options(container: str, metadata: dict[str, str], rates: Iterable[int]) -> dict[str, str]:
    """Return the muxer's options that keep times and metadata, and make the file readable while it grows.

    What has been written is complete up to the last second: MP4 and MOV grow in fragments, and become an
    ordinary file in the end; Matroska grows in clusters.

    Args:
        rates: ticks a second of the streams that may start late.
    """
    options = {"flush_packets": "1"}
    if container == "mpegts":
        # Without it the muxer moves all times by 1.4 s.
        options["mpegts_copyts"] = "1"
    elif container in ("matroska", "webm"):
        options["cluster_time_limit"] = str(_PIECE // 1000)
    elif container in MOV_FAMILY:
        # Without a delayed index fragments cannot say that sound or picture starts before zero.
        flags = "+hybrid_fragmented+delay_moov"
        if any(name.lower() not in _MOV_METADATA for name in metadata):
            flags += "+use_metadata_tags"
        # Late starts are stored in units of the whole file's clock, by default a millisecond.
        clock = math.lcm(1000, *rates)
        options |= {
            "movflags": flags,
            "frag_duration": str(_PIECE),
            "movie_timescale": str(clock if clock < 1 << 24 else 90_000),
        }
    return options
