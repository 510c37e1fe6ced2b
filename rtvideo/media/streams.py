"""The plan for every stream but the enhanced one: copy, convert or drop, decided before work starts."""

from __future__ import annotations

import io
import itertools
from dataclasses import dataclass, field
from typing import Literal

import av
from av.codec.context import CodecContext
from av.container import Container
from av.stream import Discard, Disposition, Stream

from rtvideo.media.codecs import UNLISTED
from rtvideo.media.containers import MOV_FAMILY, container_options, holds_chapters, holds_timecode
from rtvideo.media.describe import Summary, codec_of
from rtvideo.media.input_info import InputInfo
from rtvideo.media.mp4.descriptions import Description
from rtvideo.media.mp4.index import OutputTrack, TrackKind
from rtvideo.media.stream_copy import StreamCopy, clone, lacks_header
from rtvideo.media.timing import Packet
from rtvideo.media.transcode import AudioSettings, audio_settings

#: Packets of a stream that are written for trial.
_TRIAL = 3

#: Codecs that readers call by one name.
_SAME = {"mp1": "mp3", "mp2": "mp3", "eac3": "ac3"}

#: Containers that write nothing before they have a picture.
_VIDEO_FIRST = ("mxf",)

#: What makes FFmpeg's muxer end the program.
_ABORTS = (("flv", "adpcm_swf"),)

#: Text subtitles, which can be converted into each other. (Bitmaps cannot.)
_TEXT_SUBTITLES = ("subrip", "mov_text", "webvtt", "ass", "ssa", "text")

#: Encoders for sound and text that the container cannot hold as they are; the first that fits is taken.
_AUDIO_ENCODERS = ("aac", "libopus", "libmp3lame", "ac3", "mp2", "flac", "pcm_s16le")

#: The same for sound of up to 16 bits that was hardly compressed: nothing is lost, in containers made for it.
_PCM_ENCODERS = ("pcm_s16le", "pcm_s16be")
_PCM_CONTAINERS = ("matroska", "mov", "avi", "mxf", "nut")
_SUBTITLE_ENCODERS = ("mov_text", "srt", "webvtt", "ass")

Action = Literal["copy", "audio", "subtitle", "picture", "attachment"]


@dataclass(frozen=True)
class Track:
    """What happens to one stream of the input.

    Attributes:
        source: the stream.
        action: ``copy`` packets; convert ``audio`` or a ``subtitle`` with ``encoder``; keep a cover
            ``picture`` or an ``attachment`` as an attachment.
        first: the first packet, where it is known.
        encoder: FFmpeg's name of the encoder, for a conversion; sound: how sound is encoded.
        data: the bytes of a cover picture that becomes an attachment.
        description: what an MP4 or MOV file says of data that its muxer cannot describe.
    """

    source: Stream
    action: Action
    encoder: str = ""
    sound: AudioSettings | None = None
    first: Packet | None = None
    data: bytes = b""
    description: Description | None = None

    @property
    def is_text(self) -> bool:
        """Whether it becomes a text track of MP4 or MOV."""
        codec = codec_of(self.source) if self.action == "copy" else self.encoder
        return self.source.type == "subtitle" and codec == "mov_text"

    @property
    def is_cover(self) -> bool:
        """Whether it is a cover picture."""
        return bool(self.source.disposition & Disposition.attached_pic)

    @property
    def in_mp4(self) -> OutputTrack:
        """What becomes of it in MP4 and MOV."""
        kind: TrackKind = "text" if self.is_text else "cover" if self.is_cover else "track"
        return OutputTrack(kind, self.source.id, self.description)


@dataclass
class StreamPlan:
    """What happens to the other streams.

    Attributes:
        tracks: in the order of the input.
        position: how many of them come before the enhanced stream.
        warning: one line that names all losses.
    """

    tracks: list[Track] = field(default_factory=list)
    position: int = 0
    warning: str | None = None

    def only(self, type: str) -> StreamPlan:
        """Return the plan for the tracks of one type, such as ``audio``."""
        fits = [track.source.type == type for track in self.tracks]
        return StreamPlan(
            list(itertools.compress(self.tracks, fits)), sum(fits[: self.position]), self.warning
        )


def plan(source: InputInfo, container: str) -> StreamPlan:
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
        if stream.type == "data" and stream.discard == Discard.all:
            continue  # titles of chapters in QuickTime, which FFmpeg shows as chapters
        description = source.descriptions.get(stream.id) if stream.type == "data" else None
        if stream.type == "data" and timecode_of(stream) and not description and container in MOV_FAMILY:
            continue  # the muxer makes a time code track of its own from the video's metadata
        track = _track(source, stream, container, description if container in MOV_FAMILY else None)
        if track is None:
            losses.append(f"{_name(source, stream)} is dropped")
            continue
        tracks.append(track)
        if track.action in ("audio", "subtitle"):
            mixed = f", mixed to {track.sound.layout}" if track.sound and track.sound.mixed else ""
            losses.append(f"{_name(source, stream)} becomes {track.encoder}{mixed}")
    if timecode_of(source.container) and not holds_timecode(container):
        losses.append("the time code is dropped")
    if source.container.chapters() and not holds_chapters(container):
        losses.append("chapters are dropped")
    warning = f"{container} cannot hold all of it: {'; '.join(losses)}" if losses else None
    return StreamPlan(tracks, position, warning)


def _track(
    source: InputInfo, stream: Stream, container: str, description: Description | None
) -> Track | None:
    if stream.type == "attachment":
        return Track(stream, "attachment") if container == "matroska" else None
    if stream.disposition & Disposition.attached_pic and container == "mov":
        return None  # FFmpeg's muxer takes it and writes nothing
    if stream.disposition & Disposition.attached_pic and container == "matroska":
        data = b"".join(bytes(p) for p in source.first_packets(stream)[:1])
        return Track(stream, "picture", data=data) if data else None
    if _copies(source, stream, container, described=description is not None):
        first = next(iter(source.first_packets(stream)), None)
        return Track(stream, "copy", first=first, description=description)
    context: CodecContext | None = stream.codec_context
    if context is None:
        return None
    if isinstance(stream, av.AudioStream):
        exact = _is_plain(codec_of(stream)) and container in _PCM_CONTAINERS
        encoders = (e for e in (*_PCM_ENCODERS * exact, *_AUDIO_ENCODERS) if _encodes(e, container))
        tried = (audio_settings(stream, source.summary.line(stream), e, container) for e in encoders)
        sound = next(filter(None, tried), None)
        return Track(stream, "audio", sound.encoder, sound) if sound else None
    if stream.type == "subtitle" and codec_of(stream) in _TEXT_SUBTITLES:
        encoder = next((e for e in _SUBTITLE_ENCODERS if _encodes(e, container)), None)
        return Track(stream, "subtitle", encoder) if encoder else None
    return None


def _copies(source: InputInfo, stream: Stream, container: str, *, described: bool) -> bool:
    """Whether the container holds the stream as it is: seen by writing a little of it and reading it back."""
    if isinstance(stream, av.AudioStream) and not stream.codec_context.sample_rate:
        return False  # announced, but nothing came: muxers refuse to begin
    if container in UNLISTED:
        return codec_of(stream) in UNLISTED[container]
    if (container, codec_of(stream)) in _ABORTS:
        return False
    file = io.BytesIO()
    packets = source.first_packets(stream)[:_TRIAL]
    if not packets and lacks_header(stream, container):
        return False
    try:
        with av.open(file, "w", format=container, container_options=container_options(container)) as out:
            if container in _VIDEO_FIRST:
                video = out.add_stream("mpeg2video", rate=25, width=64, height=64, pix_fmt="yuv420p")
            copy = StreamCopy(out, container, stream, next(iter(packets), None), described=described)
            copy.target.disposition = stream.disposition
            out.start_encoding()
            if container in _VIDEO_FIRST:
                out.mux([*video.encode(av.VideoFrame(64, 64, "yuv420p")), *video.encode(None)])
            for packet in packets:
                sample = clone(packet)
                sample.stream = stream
                for made in copy.packets(sample):
                    out.mux_one(made)
        return described or not packets or _is_read_back(file, source, stream)
    except (ValueError, av.FFmpegError):
        return False


def _is_read_back(file: io.BytesIO, source: InputInfo, stream: Stream) -> bool:
    """Whether a reader sees in a file what a stream is; muxers write much that nobody reads."""
    file.seek(0)
    with av.open(file) as back:
        if stream.type == "data":
            summary, kind = Summary(back), source.summary.kind_of_data(stream)
            return any(summary.kind_of_data(other) == kind for other in back.streams)
        found = [codec_of(other) for other in back.streams if other.type == stream.type]
    codec = codec_of(stream)
    return any(_SAME.get(other, other) == _SAME.get(codec, codec) for other in found)


def _is_plain(codec: str) -> bool:
    deep = ("pcm_s24", "pcm_s32", "pcm_s64", "pcm_f", "pcm_u24", "pcm_u32")
    return codec.startswith(("pcm_", "adpcm_")) and not codec.startswith(deep)


def _encodes(encoder: str, container: str) -> bool:
    codec = av.Codec(encoder, "w")
    if container in UNLISTED:
        return codec.canonical_name in UNLISTED[container]
    with av.open(io.BytesIO(), "w", format=container) as out:
        return encoder in out.supported_codecs


def timecode_of(holder: Stream | Container) -> str | None:
    """Return the time code that a video begins with; a track of its own or an MXF file may hold it."""
    return holder.metadata.get("timecode")


def _name(source: InputInfo, stream: Stream) -> str:
    """Return a name for warnings: ``subtitle #3 (dvd_subtitle, deu)``, ``data #4 (camm)``."""
    tag = source.summary.kind_of_data(stream).rpartition("(")[2]
    details = ", ".join(filter(None, (tag or codec_of(stream), stream.language)))
    kind = "cover picture" if stream.disposition & Disposition.attached_pic else stream.type
    return f"{kind} #{stream.index}" + (f" ({details})" if details else "")
