"""Live pictures encoded: into a file that grows, a list of segments (HLS), or to a server."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import av
from av.codec.context import Flags
from av.container import OutputContainer

from rtvideo.errors import OutputError, RtvideoError, UnavailableError
from rtvideo.media.codecs import Encoding, Picture, choose
from rtvideo.media.compositor import Compositor
from rtvideo.media.containers import container_options, metadata_of
from rtvideo.media.durable import DurableFile
from rtvideo.media.input_info import InputInfo
from rtvideo.media.network.address import scheme_of
from rtvideo.media.network.pipes import SILENCE
from rtvideo.media.network.srt import Sender
from rtvideo.media.network.target import KEY_FRAMES, Target
from rtvideo.media.packets import Copies
from rtvideo.media.pairs import FramePair, PairEnhancer
from rtvideo.media.partial_file import PartialFile
from rtvideo.media.streams import plan
from rtvideo.media.timing import Packet, decoded, tick
from rtvideo.options import Options
from rtvideo.stopwatch import Stopwatch

#: What makes encoders fast enough for live pictures, where the user asks for nothing.
_FAST = {
    "libx264": {"preset": "superfast"},
    "libx265": {"preset": "ultrafast"},
    "libsvtav1": {"preset": "12"},
    "libvpx-vp9": {"deadline": "realtime", "cpu-used": "8"},
}

#: What servers are sent in formats that want an encoder's headers before the first picture.
_GLOBAL_HEADERS = ("flv", "rtsp")


class EncodedLiveOutput:
    """See `rtvideo.live.fanout.LiveOutput`: encodes pairs, and writes them with the other streams."""

    required = True
    watched = True

    def __init__(
        self,
        target: Target,
        source: InputInfo,
        picture: Picture,
        enhancer: PairEnhancer,
        options: Options,
        *,
        live: bool,
    ) -> None:
        """Open the output and write its header.

        Args:
            source: gives the other streams and metadata.
            picture: what is encoded, on the clock of the pairs.
            enhancer: whose pairs will come.
            options: codec, quality, threads, compare.
            live: pictures come when they come, so that the encoder has to keep up.

        Raises:
            UsageError: the output cannot hold this, or the encoder is not what was asked for.
            OutputError: it cannot be opened. That a server cannot be reached comes up in `take`.
        """
        self.name = target.name
        self.latency = {"encoded": Stopwatch(), "written": Stopwatch()}
        encoding, self.notes = choose(picture, target.holds, options.codec, options.crf, options.preset)
        if live or target.sends:
            encoding = _hurried(encoding, target, options)
        self._own = encoding.time_base != picture.time_base
        self._present = Compositor(
            enhancer, encoding.pix_fmt, encoding.coding, encoding.tags, options.compare, own=self._own
        )
        self._encoding, self._target = encoding, target
        self._captured: dict[int, float] = {}
        self._end, self._step = 0, round(1 / (encoding.rate * encoding.time_base))
        self._draft: PartialFile | None = None
        self._file: DurableFile | Sender | None = None
        self._began, self._sent = time.monotonic(), 0
        streams = plan(source, target.holds)
        if streams.warning:
            self.notes.append(streams.warning)
        left = sorted({track.source.type for track in streams.tracks} - {"audio"})
        if left:
            self.notes.append(f"of the other streams only sound is kept here, not {' and '.join(left)}")
        with self._errors():
            try:
                self._container = self._open(source)
                self._copies = Copies(self._container, target.format, Path(target.name))
                self._video = self._add_video(source)
                self._video.codec_context.thread_count = options.threads
                for track in streams.tracks:
                    if track.source.type == "audio":
                        self._copies.add(track)
                if target.timeout and target.format in _GLOBAL_HEADERS:
                    _use_global_headers(self._container)
                self._container.start_encoding()
            except BaseException:
                self.abort()
                raise

    @property
    def connecting(self) -> bool:
        """Whether its server has not answered yet."""
        if isinstance(self._file, Sender):
            return not self._file.answered
        return self._unanswered

    @property
    def _unanswered(self) -> bool:
        """Whether FFmpeg itself still waits for the server."""
        return self._file is None and self._target.timeout > 0 and self._sent < 2

    def take(self, pair: FramePair) -> None:
        """Encode it and write what the encoder gives.

        Raises:
            OutputError: it cannot be written; its server does not answer.
            UnavailableError: this FFmpeg does not know the protocol.
        """
        frame = self._present(pair)
        if self._own and frame.pts is not None and frame.time_base is not None:
            scale = frame.time_base / self._encoding.time_base
            frame.pts, frame.duration = round(frame.pts * scale), round((frame.duration or 0) * scale)
            frame.time_base = self._encoding.time_base
        if frame.pts is not None:
            self._captured[frame.pts] = pair.captured
        self._add(frame)

    def _add(self, frame: av.VideoFrame | None) -> None:
        with self._errors():
            packets = self._video.encode(frame)
            ready = time.monotonic()
            for packet in packets:
                self._end = max(self._end, (packet.pts or 0) + self._step)
            if frame is None and packets:
                # FFmpeg ends an MP4 of fragments with the last packet, though frames before it may end later.
                packets[-1].duration = self._end - (packets[-1].pts or 0)
            for packet in packets:
                captured = self._captured.pop(packet.pts or 0, None)
                until = decoded(packet)
                self._container.mux_one(packet)
                self._sent += 1
                if captured is not None:
                    self.latency["encoded"].add(ready - captured)
                    self.latency["written"].add(time.monotonic() - captured)
                if until is not None:
                    self._copies.release(until)

    def copy(self, packet: Packet) -> None:
        """Pass a packet of sound on, or convert it."""
        with self._errors():
            self._copies.put(packet)

    def finish(self) -> None:
        """Flush the encoder, end the output, and give a file its name."""
        self._add(None)
        if self._unanswered:
            raise OutputError(f"{self.name}: cannot be sent: its server had not answered before the end")
        with self._errors():
            self._copies.finish()
            self._container.close()
            if self._file is not None:
                self._file.finish()
        if self._draft is not None:
            self._draft.publish()

    def abort(self) -> None:
        """Leave no file behind."""
        if self._file is not None:
            self._file.close()
        if self._unanswered:
            # Closing waits for the server, with Python's lock held; after the time-out it is quick.
            later = threading.Timer(self._target.timeout + 1, self._close)
            later.daemon = True
            later.start()
        else:
            self._close()
        if self._draft is not None:
            self._draft.discard()

    def _close(self) -> None:
        with contextlib.suppress(Exception):  # also where it was never opened
            self._container.close()

    def _open(self, source: InputInfo) -> OutputContainer:
        target = self._target
        if target.program:
            self._file = Sender(target.program, target.address, target.timeout)
            return av.open(self._file, "w", format=target.format, container_options=target.options)
        if target.timeout:
            return av.open(target.address, "w", format="fifo", container_options=target.fifo())
        if target.sends:
            return av.open(target.address, "w", format=target.format, container_options=target.options)
        path = Path(target.address)
        metadata = metadata_of(source.container.metadata)
        metadata["creation_time"] = datetime.now(UTC).isoformat(timespec="microseconds")
        self._draft = PartialFile(path, {"live": target.name})
        self._file = DurableFile(self._draft.path)
        rates = {self._encoding.time_base.denominator}
        rates.update(tick(stream).denominator for stream in source.container.streams.audio)
        container = av.open(
            self._file,
            "w",
            format=target.format,
            container_options=container_options(target.format, metadata, rates),
        )
        container.metadata.update(metadata)
        return container

    def _add_video(self, source: InputInfo) -> av.VideoStream:
        encoding = self._encoding
        video = self._container.add_stream(encoding.codec, rate=encoding.rate, time_base=encoding.time_base)
        assert isinstance(video, av.VideoStream)
        encoding.configure(video.codec_context)
        video.time_base = encoding.time_base
        video.set_display_matrix(source.display_matrix)
        return video

    @contextlib.contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except av.error.ProtocolNotFoundError:
            scheme = scheme_of(self._target.address)
            raise UnavailableError(f"{self.name}: this FFmpeg does not speak {scheme!r}") from None
        except OutputError as error:
            if not self._target.sends:
                raise
            raise OutputError(f"{self.name}: cannot be sent: {_reason(error.__cause__ or error)}") from None
        except RtvideoError:
            raise
        except (av.FFmpegError, OSError) as error:
            verb = "sent" if self._target.sends else "written"
            # Where time ran out some protocols call it an error in the data.
            late = time.monotonic() - self._began >= self._target.timeout
            silent = late and self._unanswered
            reason = SILENCE.format(self._target.timeout) if silent else _reason(error)
            raise OutputError(f"{self.name}: cannot be {verb}: {reason}") from None


def _use_global_headers(container: OutputContainer) -> None:
    """Tell encoders what PyAV tells them where it knows the format; here it sees the fifo alone."""
    for stream in container.streams:
        if stream.codec_context is not None:
            stream.codec_context.flags |= Flags.global_header


def _reason(error: BaseException) -> str:
    return str(getattr(error, "strerror", None) or error)


def _hurried(encoding: Encoding, target: Target, options: Options) -> Encoding:
    """Return the encoding with key frames at even distances, made faster where the user leaves it open."""
    extra = {"g": str(max(1, round(KEY_FRAMES * encoding.rate)))}
    if options.preset is None:
        extra |= _FAST.get(encoding.codec, {})
    if target.sends and encoding.codec in ("libx264", "libx265"):
        extra["tune"] = "zerolatency"
    return replace(encoding, options=encoding.options | extra)
