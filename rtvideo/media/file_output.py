"""The output file: frames encoded, packets of other streams passed on, all of it interleaved."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import av
from av.codec.hwaccel import HWAccel

from rtvideo.errors import OutputError, UsageError
from rtvideo.files.salvage import ReusablePackets
from rtvideo.media.codecs import Encoding
from rtvideo.media.containers import MOV_FAMILY, container_options, holds_chapters, metadata_of
from rtvideo.media.durable import DurableFile, output_errors
from rtvideo.media.file_input import Source
from rtvideo.media.mp4 import Kind, complete
from rtvideo.media.mp4_text import Texts
from rtvideo.media.packets import Copies
from rtvideo.media.streams import Plan, timecode_of
from rtvideo.media.timing import Packet, decoded, tick

if TYPE_CHECKING:
    from av.container.core import Chapter


#: Bytes that are written at once: the header of a fragment fits in, so that it is there whole or not at all.
_BUFFER = 1 << 20


#: Ticks from one frame to the next; MP4 holds no more, and a damaged time is often more.
_LEAP = (1 << 31) - 1


class FileOutput:
    """Encodes frames, passes packets on and interleaves them.

    Attributes:
        frames: video frames handed to the encoder.
        bumped: frames whose time had to move because it was not after the one before, or absurdly far after.
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
        kept: ReusablePackets | None = None,
        hardware: HWAccel | None = None,
    ) -> None:
        """Open the file and write its header, so that nothing can be refused later.

        Args:
            path: a new file.
            container: FFmpeg's short name of the format.
            source: gives metadata, chapters and rotation.
            shift: seconds that chapters move back (packets come shifted already).
            target: the name that errors speak of, where ``path`` is a temporary one.
            kept: packets that are written in place of encoding the first frames.
            hardware: the encoder takes frames on this device, and those in main memory too.

        Raises:
            OutputError: the file cannot be written.
            UsageError: the container refuses the streams.
        """
        self.path, self.target = path, target or path
        self.frames = self.bumped = 0
        self._kept = iter(()) if kept is None else kept.packets()
        self._kept_until: Fraction | None = None
        self._hardware = hardware
        self._mov = container in MOV_FAMILY
        self._last_pts: int | None = None
        metadata = metadata_of(source.container.metadata)
        if container in MOV_FAMILY:
            # For the whole file it would give every video stream a time code track; see `_add_video`.
            metadata.pop("timecode", None)
        rates = {encoding.time_base.denominator}
        rates.update(tick(t.source).denominator for t in plan.tracks if t.source.type == "audio")
        options = container_options(container, metadata, rates)
        self._texts: Texts | None = None
        if container in MOV_FAMILY and any(track.is_text for track in plan.tracks):
            self._texts = Texts(container, options["movie_timescale"])
        self._kinds: list[Kind] = []
        with self._errors():
            self._file = DurableFile(path)
        try:
            self._container = av.open(
                self._file, "w", format=container, container_options=options, buffer_size=_BUFFER
            )
            texts = self._texts.container if self._texts else None
            self._copies = Copies(self._container, container, self.target, texts)
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
                self._kinds.append("track")
            elif track := tracks.get(stream.index):
                self._copies.add(track)
                self._kinds.append("text" if track.is_text else "cover" if track.is_cover else "track")

    def _add_video(self, source: Source, encoding: Encoding) -> None:
        video = self._container.add_stream(
            encoding.codec, rate=encoding.rate, time_base=encoding.time_base, hwaccel=self._hardware
        )
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
        self._time_base, self._rate = encoding.time_base, encoding.rate

    def write(self, frame: av.VideoFrame) -> None:
        """Encode a frame. Its time stays; one that does not follow its predecessor's becomes a tick more."""
        assert frame.time_base is not None
        if frame.pts is None:
            frame.pts = 0 if self._last_pts is None else self._last_pts + 1
            frame.time_base = self._time_base
        elif frame.time_base != self._time_base:
            scale = frame.time_base / self._time_base
            frame.pts, frame.duration = round(frame.pts * scale), round((frame.duration or 0) * scale)
            frame.time_base = self._time_base
        if self._last_pts is not None and not self._last_pts < frame.pts <= self._last_pts + _LEAP:
            frame.pts = self._last_pts + 1
            self.bumped += 1
        self._last_pts = frame.pts
        # What the input's encoder chose must not bind this one.
        frame.pict_type = 0
        self.frames += 1
        kept = next(self._kept, None)
        if kept is None:
            self._add(map(self._after_kept, self._encode(frame)))
        else:
            kept.stream, self._kept_until = self._video, decoded(kept)
            self._add([kept])

    def _encode(self, frame: av.VideoFrame | None) -> list[Packet]:
        with self._errors():
            return list(self._video.encode(frame))

    def _after_kept(self, packet: Packet) -> Packet:
        """Let decoding times grow on: a new encoder may begin before the old one's end, where rates vary."""
        if self._kept_until is not None:
            packet.dts = max(packet.dts or 0, math.floor(self._kept_until / tick(packet)) + 1)
            self._kept_until = decoded(packet)
        return packet

    def _add(self, packets: Iterable[Packet]) -> None:
        for packet in packets:
            time = decoded(packet)
            with self._errors():
                self._container.mux_one(packet)
            if time is not None:
                self._copies.release(time)

    def copy(self, packet: Packet) -> None:
        """Pass a packet of another stream on, or convert it, as the plan says."""
        self._copies.put(packet)

    @property
    def lost(self) -> int:
        """Packets of other streams that the format would not take after all."""
        return self._copies.lost

    def finish(self) -> None:
        """Flush encoders and write the index; the file is complete and on the disk."""
        rest = [self._after_kept(packet) for packet in self._encode(None)]
        if rest and self._last_pts is not None and (rest[-1].pts or 0) < self._last_pts:
            # FFmpeg ends an MP4 of fragments with the last packet, though frames before it may end later.
            step = round(1 / (self._rate * self._time_base))
            rest[-1].duration = self._last_pts + max(1, step) - (rest[-1].pts or 0)
        self._add(rest)
        self._copies.finish()
        with self._errors():
            self._container.close()
            if self._mov and set(self._kinds) != {"track"}:
                complete(self.path, self._kinds, self._texts.finish() if self._texts else b"")
            self._file.finish()

    @contextlib.contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            with output_errors(self.target):
                yield
        except av.FFmpegError as error:
            if isinstance(error, OutputError):
                raise
            raise OutputError(f"{self.target}: FFmpeg cannot write it: {error.strerror}") from error

    def release(self) -> None:
        """Let go of the encoder when all is done: it may refer to memory of a device that goes next."""
        del self._video, self._copies, self._container

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
