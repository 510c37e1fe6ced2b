"""Live outputs without an encoder: viewers, virtual cameras, and y4m for another program."""

from __future__ import annotations

import contextlib
import errno
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from io import FileIO

import av
from av.container import OutputContainer

from rtvideo.errors import OutputError
from rtvideo.live.fanout import ConsumerClosed, LiveOutput, LivePair, LiveVideo
from rtvideo.media.compositor import Compositor
from rtvideo.media.network.pipes import PipeWriter
from rtvideo.media.planes import FrameFormat, depth_of
from rtvideo.processor import FramePair
from rtvideo.stopwatch import Stopwatch
from rtvideo.viewers.base import Viewer

#: Copies of a frame at most that fill a gap, where the rate must be kept.
_REPEATS = 60

#: Formats with the planes of those that y4m cannot name.
_Y4M_FORMATS = {"nv12": "yuv420p", "p010le": "yuv420p10le"}


class ViewerOutput(LiveOutput):
    """A window or web page."""

    required = False

    def __init__(self, viewer: Viewer, name: str) -> None:
        """Feed an open viewer."""
        self.name = name
        self.latency = {"shown": Stopwatch()}
        self._viewer = viewer

    @property
    def watched(self) -> bool:
        """Whether anybody looks."""
        return self._viewer.watched

    def take(self, pair: LivePair) -> None:
        """Show a pair."""
        self._viewer.show(pair.original, pair.lit, pair.info)
        self.latency["shown"].add(time.monotonic() - pair.captured)

    def finish(self) -> None:
        """Close the viewer."""
        self._viewer.close()

    abort = finish


@dataclass(frozen=True)
class RawFormat:
    """How frames are written.

    Attributes:
        codec: FFmpeg's name of an encoder that takes frames as they are.
        pix_fmt, full_range: of the frames.
        has_times: whether the muxer stores times. Where not, frames are repeated or left out to
            keep the rate.
    """

    codec: str
    pix_fmt: str
    full_range: bool
    has_times: bool = True


class RawOutput(LiveOutput):
    """Uncompressed frames, in a muxer that writes them at once."""

    def __init__(
        self, name: str, container: OutputContainer, video: LiveVideo, format: RawFormat, compare: str | None
    ) -> None:
        """Add the one stream to an open container.

        Args:
            video: what will come.
            compare: ``split``, ``side`` or None.
        """
        self.name, self.latency = name, {"written": Stopwatch()}
        shown = video.parameters.composed(compare, container.format.name)
        if depth_of(format.pix_fmt) == 8:
            shown = shown.sdr()
        coding = replace(shown.coding, full_range=format.full_range)
        tags = shown.tags.coded(coding)
        target = FrameFormat(format.pix_fmt, shown.width, shown.height, coding)
        self._compose = Compositor(
            video.frames, target, compare, tags, orientation=shown.orientation, writable=True
        )
        self._rate, self._has_times = shown.rate, format.has_times
        stream = container.add_stream(format.codec, rate=self._rate)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height = target.width, target.height
        stream.pix_fmt = format.pix_fmt
        tags.apply(stream.codec_context)
        self._container, self._stream = container, stream
        self._written = 0
        self._first: float | None = None

    def take(self, pair: FramePair) -> None:
        """Write a pair, as often as the rate asks for."""
        times = 1
        if not self._has_times and pair.lit.time is not None:
            self._first = pair.lit.time if self._first is None else self._first
            due = round((pair.lit.time - self._first) * self._rate) + 1
            times = min(_REPEATS, due - self._written)
        if times > 0:
            frame = self._compose(pair.original, pair.lit)
            for _ in range(times):
                frame.pts, frame.time_base = self._written, 1 / self._rate
                with self._errors():
                    self._container.mux(self._stream.encode(frame))
                self._written += 1
        self.latency["written"].add(time.monotonic() - pair.captured)

    def finish(self) -> None:
        """Write what is left and close."""
        with self._errors():
            self._container.mux(self._stream.encode(None))
            self._container.close()
            self._close_pipe()

    def abort(self) -> None:
        """Close."""
        with contextlib.suppress(Exception):
            self._container.close()
        self._close_pipe()

    def _close_pipe(self) -> None:
        if self._container.file is not None:
            self._container.file.file.close()

    @contextlib.contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except BrokenPipeError:
            raise ConsumerClosed from None
        except (av.FFmpegError, OSError) as error:
            raise OutputError(f"{self.name}: cannot be written: {error.strerror or error}") from None


def y4m_output(pipe: FileIO, name: str, video: LiveVideo, compare: str | None) -> RawOutput:
    """Return an output of y4m to another program, which may close the pipe at any time.

    Args:
        pipe: stdout, or a named pipe.
        name: for messages.
    """
    options = {"strict": "-1"}
    container = av.open(
        PipeWriter(pipe), "w", format="yuv4mpegpipe", container_options=options, buffer_size=1 << 18
    )
    pix_fmt = _Y4M_FORMATS.get(video.frames.pix_fmt, video.frames.pix_fmt)
    full_range = video.frames.coding.full_range
    # y4m has a rate and no times. From a live source frames may be missing, and others are repeated.
    format = RawFormat("wrapped_avframe", pix_fmt, full_range, has_times=not video.live)
    return RawOutput(name, container, video, format, compare)


def virtual_camera(path: str, video: LiveVideo, compare: str | None) -> RawOutput:
    """Return an output to a virtual camera (v4l2loopback), in the format that all programs take.

    Args:
        path: ``/dev/videoN``.

    Raises:
        OutputError: no such device, a busy one, or one that is a real camera.
    """
    try:
        container = _open_camera(path)
        output = RawOutput(path, container, video, RawFormat("rawvideo", "yuv420p", False), compare)
        container.start_encoding()
    except (av.FFmpegError, OSError) as error:
        raise OutputError(f"{path}: {_camera_trouble(path, error)}") from None
    return output


def _open_camera(path: str) -> OutputContainer:
    return av.open(path, "w", format="v4l2")


def _camera_trouble(path: str, error: av.FFmpegError | OSError) -> str:
    if error.errno in (errno.ENOENT, errno.ENODEV, errno.ENXIO):
        number = path.removeprefix("/dev/video")
        return (
            "no such virtual camera; make it with: sudo modprobe v4l2loopback "
            f"video_nr={number} card_label=rtvideo exclusive_caps=1"
        )
    if error.errno in (errno.EACCES, errno.EPERM):
        return "no permission; join its group: sudo usermod -aG video $USER"
    if error.errno == errno.EBUSY:
        return "busy: another program writes to it, or reads it in another size; close that first"
    return f"takes no pictures: {error.strerror or error}; only a virtual camera (v4l2loopback) does"
