"""A video file, read: decoded frames of one stream, and the packets of the others."""

from __future__ import annotations

import re
from collections import Counter, deque
from collections.abc import Iterator, Mapping
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from typing import Protocol

import av
from av.codec.hwaccel import HWAccel
from av.format import Flags

from rtvideo.cpus import usable_cpus
from rtvideo.errors import InputError
from rtvideo.media.containers import MOV_INPUT
from rtvideo.media.gpu.surfaces import downloaded, software_format
from rtvideo.media.input_info import InputInfo, choose_video
from rtvideo.media.location import missing
from rtvideo.media.mp4.descriptions import Description, descriptions_of
from rtvideo.media.timeline import Timeline
from rtvideo.media.timing import Event, Packet, end, seconds, tick
from rtvideo.media.transparency import alpha_decoder

#: FFmpeg reads these as video, but they are text, single pictures, or lists of other files.
_NO_VIDEO_FORMATS = re.compile(r"tty|image2.*|.*_pipe|concat|hls|dash|imf|sdp")

#: Pixels of a frame, about 134 million: several larger ones in memory would take tens of GB.
MAX_PIXELS = 16384 * 8192

#: What FFmpeg may do for a file: open no other protocol from inside it, and decode nothing huge.
_OPTIONS = {"protocol_whitelist": "file", "max_pixels": str(MAX_PIXELS)}

#: Bytes of other streams that may come before the first frame.
_PEEK = 256 << 20

#: Packets of each sound and video that are read ahead, since what a container takes shows in them; and the
#: bytes after which a stream that has not begun is not waited for any longer.
_AHEAD, _AHEAD_BYTES = 3, 4 << 20

#: Frames on a device that the pipeline holds at once, beside those that the decoder itself refers to.
_SURFACES = 8

#: Formats whose duration FFmpeg guesses from the end of the file: it cannot tell that something is missing.
_GUESSED_DURATION = ("mpegts", "mpeg", "mpegvideo", "h264", "hevc", "yuv4mpegpipe")

#: Unreadable packets in a row after which the rest of the file is given up.
_PATIENCE = 64

#: Seconds that the end of the last packet may lie before the declared duration.
_TOLERANCE = 0.5


class RawVideo(Protocol):
    """Samples of pictures without a header, and what FFmpeg's ``rawvideo`` demuxer must know of them."""

    options: dict[str, str]

    def read(self, size: int) -> bytes:
        """Return at most so many bytes, none at the end."""


class FileInput(InputInfo):
    """Opens a file, decodes one video stream and hands out the packets of the others.

    Attributes:
        container: PyAV's input, for its metadata, chapters and streams.
        video: the stream that is decoded.
        first: the first frame, decoded while opening; it is yielded again by `read`.
        timeline: corrects steps of the input's clock; start: when the input begins on the corrected clock, in
            seconds.
        damaged: packets that the demuxer or the decoder found damaged. (Where damage hits the structure of
            the container itself, the packets in between vanish and nobody can count them.)
        incomplete: what is missing at the end, once `read` has come to it.
        hardware: whether frames stay on a device (but for `first`); some may come in main memory even so.
    """

    container: av.container.InputContainer

    def __init__(
        self,
        path: Path,
        video_stream: int = 0,
        decoder: HWAccel | None = None,
        *,
        raw: RawVideo | None = None,
    ) -> None:
        """Open ``path``.

        Args:
            video_stream: which of its video streams, from 0; cover pictures do not count.
            decoder: decodes in hardware, if it supports the stream.
            raw: pictures that are read in place of a file; ``path`` is what they are called.

        Raises:
            InputError: missing, unreadable, not a video, or without a decodable frame.
            UsageError: there is no such video stream.
        """
        self.path = path
        self.damaged = 0
        self.incomplete: str | None = None
        self.container = _open(path, decoder) if raw is None else _open_raw(raw)
        try:
            self.video = choose_video(self.container, video_stream, path)
            _check_size(path, self.video.codec_context.width, self.video.codec_context.height)
            codec = self._codec = alpha_decoder(self.video) or self.video.codec_context
            codec.options = {"max_pixels": str(MAX_PIXELS)}
            if decoder is not None and codec.is_hwaccel:
                codec.options |= {"extra_hw_frames": str(_SURFACES)}
                codec.thread_count = 1
            else:
                codec.thread_type = "AUTO"
                codec.thread_count = min(usable_cpus(), 16)
            flags = Flags(self.container.format.flags)
            start = Fraction(self.container.start_time or 0, 1_000_000)
            self.timeline = Timeline(start=start, joins=Flags.ts_discont in flags)
            self.start = start + self.timeline.offset_at_start
            # FFmpeg seeks by an index of key frames, or by times; the times must not step.
            self._seekable = not flags & (Flags.ts_discont | Flags.no_timestamps)
            self._skip_until: Fraction | None = None
            self._groups: deque[list[Packet]] = deque(maxlen=2)
            self._groups_begun = 0
            self._packet_counts: Counter[int] = Counter()
            self._end = 0.0
            self._from_the_start = True  # until a seek: then the packets that came are not all
            # Raw streams have no times: then frames follow each other at the nominal rate.
            self._next_pts = 0
            self._nominal_duration = round(1 / (self.video.guessed_rate or 25) / tick(self.video))
            self._peeked: deque[Event] = deque()
            self._opened_with: list[Packet] | None = []
            self._demuxed = self._packets()
            self._ahead = deque(self._read_ahead())
            self._first_packets = list(self._ahead)
            self._events = self._decode_all()
            first = self._peek()
            self.hardware = software_format(first) is not None
            self.first = downloaded(first)
        except BaseException:
            self.container.close()
            raise

    def _peek(self) -> av.VideoFrame:
        held = 0
        for event in self._events:
            self._peeked.append(event)
            if isinstance(event, av.VideoFrame):
                return event
            held += event.size
            if held > _PEEK:
                break
        raise InputError(f"{self.path}: not one frame of its {self.video.name} video can be decoded")

    def _read_ahead(self) -> Iterator[Packet]:
        kinds = {"audio": _AHEAD, "video": _AHEAD, "data": 1}
        missing = {s.index: kinds[s.type] for s in self.container.streams if s.type in kinds}
        held = 0
        while any(count > 0 for count in missing.values()) and held < _AHEAD_BYTES:
            packet = next(self._demuxed, None)
            if packet is None:
                break
            if packet.stream_index in missing:
                missing[packet.stream_index] -= 1
            held += packet.size
            yield packet

    @property
    def duration(self) -> float | None:
        """Seconds, as far as the container knows."""
        if self.video.duration:
            return float(self.video.duration * tick(self.video))
        return self.container.duration / 1e6 if self.container.duration else None

    def first_packets(self, stream: av.stream.Stream) -> list[Packet]:
        """Return the first packets of a stream (all of a cover picture's), as far as they were read ahead."""
        return [packet for packet in self._first_packets if packet.stream_index == stream.index]

    @cached_property
    def descriptions(self) -> Mapping[int, Description]:
        """See `InputInfo.descriptions`."""
        return descriptions_of(self.path) if self.container.format.name == MOV_INPUT else {}

    def seek(self, time: Fraction) -> None:
        """Go to the key frame from which the frame shown at ``time`` (in seconds) can be decoded."""
        if not self._seekable:
            self._skip_until = time
            return
        try:
            self.container.seek(int(time / tick(self.video)), stream=self.video)
        except av.FFmpegError:
            # Not seekable (or before the first index entry): reading from the start finds the place too.
            return
        self._peeked.clear()
        self._ahead.clear()
        self.timeline.seek()
        self._from_the_start = False
        self._demuxed = self._packets()
        self._events = self._decode_all()

    def read(self) -> Iterator[Event]:
        """Yield frames and packets in file order; faults are skipped and counted.

        Packets come as the demuxer gives them, a few frames ahead of the decoder.
        """
        self._first_packets.clear()
        self._opened_with = None
        while self._peeked:
            yield self._peeked.popleft()
        yield from self._events
        self.incomplete = self.incomplete or self._missing()

    def packets(self) -> Iterator[Packet]:
        """Yield all packets in file order, those of the video as they are; in place of `read`."""
        yield from self._opened_with or ()
        self._opened_with = None
        while self._ahead:
            yield self._ahead.popleft()
        yield from self._demuxed
        self.incomplete = self.incomplete or self._missing()

    def _decode_all(self) -> Iterator[Event]:
        while (packet := self._ahead.popleft() if self._ahead else next(self._demuxed, None)) is not None:
            if self._opened_with is not None:
                self._opened_with.append(packet)
            if self._skip_until is not None:
                packets = self._skipped_to(packet, self._skip_until)
            else:
                packets = [packet]
            for wanted in packets:
                if wanted.stream_index == self.video.index:
                    yield from self._decode(wanted)
                else:
                    yield wanted
        flush = Packet()
        flush.time_base = tick(self.video)
        yield from self._decode(flush)

    def _skipped_to(self, packet: Packet, time: Fraction) -> list[Packet]:
        """Return the packets to decode or copy: of those before ``time`` only what its frame is decoded from.

        Two groups of pictures are kept: the first frames shown in one may refer to the one before.
        """
        if packet.stream_index != self.video.index:
            return [packet] if (end(packet) or time) > time else []
        if packet.is_keyframe:
            self._groups.append([])
            self._groups_begun += 1
        if not self._groups:
            return [packet]  # of the group that the first frame came from
        self._groups[-1].append(packet)
        shown = seconds(packet)
        if shown is not None and shown < time:
            return []
        self._skip_until = None
        if self._groups_begun > len(self._groups):  # what the decoder had before is not what comes now
            self._codec.flush_buffers()
        wanted = [packet for group in self._groups for packet in group]
        self._groups.clear()
        return wanted

    def _packets(self) -> Iterator[Packet]:
        failures = 0
        while failures < _PATIENCE:
            try:
                for packet in self.container.demux():
                    if packet.size == 0 and packet.dts is None:
                        return
                    self.damaged += failures
                    failures = 0
                    self.timeline.place(packet)
                    self._account(packet)
                    yield packet
                return
            except av.FFmpegError as error:
                failures += 1
                message = str(error.strerror)
        self.incomplete = f"reading stopped: {message}"

    def _account(self, packet: Packet) -> None:
        self._packet_counts[packet.stream_index] += 1
        self._end = max(self._end, float(end(packet) or 0))

    def _decode(self, packet: Packet) -> Iterator[av.VideoFrame]:
        try:
            frames = self._codec.decode(packet)
        except av.FFmpegError:
            self.damaged += 1
            return
        self.damaged += packet.is_corrupt or any(frame.is_corrupt for frame in frames)
        for frame in frames:
            frame.time_base = self.video.time_base
            if frame.pts is None:
                frame.pts = self._next_pts if frame.dts is None else frame.dts
            self._next_pts = frame.pts + (frame.duration or self._nominal_duration)
            yield frame

    def _missing(self) -> str | None:
        """Return what is missing, if the file declares more packets or a longer duration than came."""
        counted, declared = self._packet_counts[self.video.index], self.video.frames
        # AVI counts frames that a camera dropped, too: FFmpeg does not pass on packets without data.
        dropped = self.container.format.name == "avi" and not _is_shorter_than_its_header_says(self.path)
        few = counted < declared - max(1, declared // 200)
        if declared and few and self._from_the_start and not dropped:
            return f"{self.path}: cut short: {counted} of {declared} declared video packets are there"
        if self.container.duration and self.container.format.name not in _GUESSED_DURATION:
            declared_end = self.container.duration / 1e6
            if self._end < declared_end - _TOLERANCE:
                return f"{self.path}: cut short: ends at {self._end:.1f} s of {declared_end:.1f} s declared"
        return None

    def close(self) -> None:
        """Close the file."""
        self.container.close()


def _open_raw(raw: RawVideo) -> av.container.InputContainer:
    container = av.open(raw, "r", format="rawvideo", options=raw.options)
    assert isinstance(container, av.container.InputContainer)
    return container


def _is_shorter_than_its_header_says(path: Path) -> bool:
    """Whether the end of an AVI (a RIFF file) is missing."""
    with path.open("rb") as file:
        return int.from_bytes(file.read(8)[4:], "little") + 8 > path.stat().st_size


def _open(path: Path, decoder: HWAccel | None) -> av.container.InputContainer:
    try:
        # FFmpeg opens folders and pipes in its own ways; files are what is promised here.
        if path.is_dir():
            raise InputError(f"{path}: a folder, not a video file")
        if path.exists() and not path.is_file():
            raise InputError(f"{path}: not a regular file; give a pipe's content through --input -")
        with path.open("rb") as file:
            head = file.read(12)
    except FileNotFoundError:
        raise missing(path) from None
    except InputError:
        raise
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None
    if not head:
        raise InputError(f"{path}: the file is empty")
    try:
        container = av.open(
            str(path.absolute()), metadata_errors="replace", options=_OPTIONS, hwaccel=decoder
        )
    except av.FFmpegError as error:
        if head[4:8] == b"ftyp":
            raise InputError(
                f"{path}: an MP4 or MOV whose index (moov) is missing or damaged: the recording was cut off; "
                "repair it first, for example with untrunc"
            ) from None
        raise InputError(f"{path}: not a video that FFmpeg can read: {error.strerror}") from None
    if _NO_VIDEO_FORMATS.fullmatch(container.format.name):
        name = container.format.name
        container.close()
        raise InputError(f"{path}: not a video (FFmpeg reads it as {name!r})")
    return container


def _check_size(path: Path, width: int, height: int) -> None:
    if width * height > MAX_PIXELS:
        raise InputError(
            f"{path}: {width}x{height} pixels; allowed: {MAX_PIXELS} in all (16384x8192); scale it down first"
        )
