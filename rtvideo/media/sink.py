"""The output file: frames encoded, packets of other streams passed on, all of it interleaved."""

from __future__ import annotations

import contextlib
import os
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import av
from av.bitstream import BitStreamFilterContext
from av.stream import AttachmentStream, Disposition, Stream

from rtvideo.errors import OutputError, UsageError
from rtvideo.media.boxes import hide_empty_pictures
from rtvideo.media.codecs import Encoding
from rtvideo.media.convert import AudioConversion, Conversion, SubtitleConversion
from rtvideo.media.durable import DurableFile, output_errors
from rtvideo.media.source import Source
from rtvideo.media.streams import (
    MOV_FAMILY,
    Plan,
    Track,
    container_options,
    holds_chapters,
    metadata_of,
    timecode_of,
)
from rtvideo.media.timing import Packet, tick

if TYPE_CHECKING:
    from av.container.core import Chapter


class Sink:
    """Encodes frames, passes packets on and interleaves them.

    Attributes:
        frames: video frames handed to the encoder.
        bumped: frames whose time had to move because it was not after the one before.
        lost: packets of other streams that the format would not take after all.
    """

    def __init__(
        self,
        path: Path,
        container: str,
        source: Source,
        plan: Plan,
        encoding: Encoding,
        shift: Fraction = Fraction(0),
        target: Path | None = None,
    ) -> None:
        """Open the file and write its header, so that nothing can be refused later.

        Args:
            path: a new file.
            container: FFmpeg's short name of the format.
            source: gives metadata, chapters and rotation.
            shift: seconds that chapters move back (packets come shifted already).
            target: the name that errors speak of, where ``path`` is a temporary one.

        Raises:
            OutputError: the file cannot be written.
            UsageError: the container refuses the streams.
        """
        self.path, self.target = path, target or path
        self.frames = self.bumped = self.lost = 0
        # Elsewhere a negative time makes the muxer move everything.
        self._negative_times = container in MOV_FAMILY
        self._codec_delay = container in ("matroska", "webm")
        self._startcodes = container == "avi"
        self._covers = container in MOV_FAMILY and any(
            track.source.disposition & Disposition.attached_pic for track in plan.tracks
        )
        self._last_pts: int | None = None
        self._last_dts: dict[int, int] = {}
        self._targets: dict[int, Stream] = {}
        self._conversions: dict[int, Conversion] = {}
        self._filters: dict[int, BitStreamFilterContext] = {}
        metadata = metadata_of(source.container.metadata)
        if container in MOV_FAMILY:
            # For the whole file it would give every video stream a time code track; see `_add_video`.
            metadata.pop("timecode", None)
        rates = {encoding.time_base.denominator}
        rates.update(tick(t.source).denominator for t in plan.tracks if t.source.type == "audio")
        options = container_options(container, metadata, rates)
        with output_errors(self.target):
            self._file = DurableFile(path)
        try:
            self._container = av.open(self._file, "w", format=container, container_options=options)
            self._add_streams(source, plan, encoding)
            self._container.metadata.update(metadata)
            if holds_chapters(container):
                self._container.set_chapters(_chapters(source, shift))
            with output_errors(self.target):
                self._container.start_encoding()
        except (ValueError, av.FFmpegError) as error:
            self.abort()
            if isinstance(error, OutputError):
                raise
            reason = getattr(error, "strerror", None) or error
            raise UsageError(
                f"{self.target}: {container} refuses these streams: {reason}; try .mkv"
            ) from None
        except BaseException:
            self.abort()
            raise

    def _add_streams(self, source: Source, plan: Plan, encoding: Encoding) -> None:
        tracks = {track.source.index: track for track in plan.tracks}
        for stream in source.container.streams:
            if stream.index == source.video.index:
                self._add_video(source, encoding)
            elif stream.index in tracks:
                self._add_track(tracks[stream.index])

    def _add_video(self, source: Source, encoding: Encoding) -> None:
        video = self._container.add_stream(encoding.codec, rate=encoding.rate, time_base=encoding.time_base)
        assert isinstance(video, av.VideoStream)
        encoding.configure(video.codec_context)
        video.time_base = encoding.time_base
        video.metadata.update(metadata_of(source.video.metadata))
        codes = filter(None, map(timecode_of, [source.video, *source.container.streams.data]))
        if timecode := next(codes, None):
            video.metadata["timecode"] = timecode
        video.disposition = source.video.disposition
        video.set_display_matrix(source.display_matrix)
        self._video = video
        self._time_base = encoding.time_base

    def _add_track(self, track: Track) -> None:
        stream = track.source
        metadata = metadata_of(stream.metadata)
        if track.action == "attachment":
            assert isinstance(stream, AttachmentStream)
            self._container.add_stream_from_template(stream)
            return
        if track.action == "picture":
            png = track.data.startswith(b"\x89PNG")
            name = metadata.get("filename") or ("cover.png" if png else "cover.jpg")
            mime = metadata.get("mimetype") or ("image/png" if png else "image/jpeg")
            self._container.add_attachment(name, mime, track.data)
            return
        if track.action == "copy":
            target = self._container.add_stream_from_template(stream, opaque=True)
            codec = stream.codec_context.codec.canonical_name if stream.codec_context else ""
            if self._startcodes and codec in ("h264", "hevc"):
                # Of all muxers only AVI's does not call this filter by itself.
                self._filters[stream.index] = BitStreamFilterContext(f"{codec}_mp4toannexb", stream)
        else:
            target = self._container.add_stream(track.encoder)
            conversion = AudioConversion if track.action == "audio" else SubtitleConversion
            self._conversions[stream.index] = conversion(stream, target)  # type: ignore[arg-type]
        target.metadata.update(metadata)
        target.disposition = stream.disposition
        self._targets[stream.index] = target

    def write(self, frame: av.VideoFrame) -> None:
        """Encode a frame. Its time stays; one that is not after its predecessor's moves a tick on."""
        assert frame.time_base is not None
        if frame.pts is None:
            frame.pts = 0 if self._last_pts is None else self._last_pts + 1
            frame.time_base = self._time_base
        elif frame.time_base != self._time_base:
            scale = frame.time_base / self._time_base
            frame.pts, frame.duration = round(frame.pts * scale), round((frame.duration or 0) * scale)
            frame.time_base = self._time_base
        if self._last_pts is not None and frame.pts <= self._last_pts:
            frame.pts = self._last_pts + 1
            self.bumped += 1
        self._last_pts = frame.pts
        # What the input's encoder chose must not bind this one.
        frame.pict_type = 0
        self.frames += 1
        with output_errors(self.target):
            self._container.mux(self._video.encode(frame))

    def copy(self, packet: Packet) -> None:
        """Pass a packet of another stream on, or convert it, as the plan says."""
        if packet.stream_index not in self._targets:
            return
        if self._before_the_beginning(packet) or self._is_gap(packet):
            return
        if packet.stream.disposition & Disposition.attached_pic:
            packet.pts = packet.dts = 0
        index = packet.stream_index
        if index in self._conversions:
            for converted in self._conversions[index](packet):
                self._mux(converted)
            return
        for copy in self._filters[index].filter(packet) if index in self._filters else [packet]:
            copy.stream = self._targets[index]
            self._mux(copy)

    def _before_the_beginning(self, packet: Packet) -> bool:
        """Whether it is sound that players leave out, and that would move all else where times start at 0.

        MP4 keeps what a decoder needs to start up, and what was cut off without encoding anew, at negative
        times. Matroska allows as much as the stream declares as its codec's delay.
        """
        if self._negative_times or packet.stream.type != "audio" or packet.pts is None or packet.pts >= 0:
            return False
        context = packet.stream.codec_context
        delay = Fraction(context.delay, context.sample_rate) if context and self._codec_delay else 0
        return packet.pts * tick(packet) + delay < -tick(packet)

    def _is_gap(self, packet: Packet) -> bool:
        """Whether it is one of the empty subtitles that fill silence in MP4: the muxer writes its own."""
        return self._negative_times and packet.stream.type == "subtitle" and bytes(packet) == b"\0\0"

    def _mux(self, packet: Packet) -> None:
        if packet.dts is None:
            packet.dts = packet.pts
        if packet.dts is None:
            return
        last = self._last_dts.get(packet.stream_index)
        if last is not None and packet.dts <= last:
            # Muxers refuse times that do not grow; players have seen worse than one tick.
            packet.dts = last + 1
            packet.pts = None if packet.pts is None else max(packet.pts, packet.dts)
        self._last_dts[packet.stream_index] = packet.dts
        try:
            with output_errors(self.target):
                self._container.mux_one(packet)
        except ValueError:
            # Hours of work on the video must not fail for it.
            self.lost += 1

    def finish(self) -> None:
        """Flush encoders and write the index; the file is complete and on the disk."""
        with output_errors(self.target):
            self._container.mux(self._video.encode(None))
        for conversion in self._conversions.values():
            for packet in conversion(None):
                self._mux(packet)
        with output_errors(self.target):
            self._container.close()
            if self._covers:
                hide_empty_pictures(self.path)
            self._file.finish()

    def abort(self) -> None:
        """Close the file as it is, without an index; what is in it can be read all the same."""
        self._file.close()
        with contextlib.suppress(Exception):
            self._container.close()


def _chapters(source: Source, shift: Fraction) -> list[Chapter]:
    chapters: list[Chapter] = []
    for chapter in source.container.chapters():
        ticks = round(shift / tick(chapter))
        if chapter["end"] <= ticks:
            continue
        chapter["start"], chapter["end"] = max(0, chapter["start"] - ticks), chapter["end"] - ticks
        chapters.append(chapter)
    return chapters


def container_for(path: Path) -> str:
    """Return FFmpeg's short name of the video format that a file name's ending stands for.

    Raises:
        UsageError: no such format, or one that holds pictures or sound only.
    """
    names = {".mkv": "matroska", ".m4v": "mp4"}
    suffix = path.suffix.lower()
    try:
        if suffix not in names:
            with av.open(str(path), "w") as guess:
                names[suffix] = guess.format.name
        name = names[suffix]
        with av.open(os.devnull, "w", format=name) as probe:
            video = probe.default_video_codec
    except (ValueError, av.FFmpegError):
        name, video = "", "none"
    if video == "none" or name in (
        "",
        "image2",
        "gif",
        "apng",
        "webp",
        "avif",
        "mp3",
        "flac",
        "yuv4mpegpipe",
    ):
        raise UsageError(
            f"{path}: {suffix or 'no ending'!r} is no video format to write; "
            "allowed: .mp4, .mov, .mkv, .webm, .avi, .ts"
        )
    return name
