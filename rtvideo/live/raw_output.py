"""Outputs of live pictures that need no encoder: viewers, a virtual camera, y4m for another program."""

from __future__ import annotations

import contextlib
import errno
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from fractions import Fraction
from io import FileIO

import av
from av.container import OutputContainer

from rtvideo.errors import OutputError
from rtvideo.live.fanout import ConsumerClosed
from rtvideo.media.compositor import Compositor
from rtvideo.media.network.pipes import PipeWriter
from rtvideo.media.pairs import FramePair, PairEnhancer, tags_of
from rtvideo.media.timing import Packet
from rtvideo.stopwatch import Stopwatch
from rtvideo.viewers.base import Viewer

#: Frames that stand in for missing ones at most, where the rate must be kept.
_REPEATS = 60


class ViewerOutput:
    """See `rtvideo.live.fanout.LiveOutput`: a window or web page."""

    required = False
    connecting = False

    def __init__(self, viewer: Viewer, name: str) -> None:
        """Feed ``viewer``."""
        self.name = name
        self.latency = {"shown": Stopwatch()}
        self._viewer = viewer

    @property
    def watched(self) -> bool:
        """Whether anybody looks."""
        return self._viewer.watched

    def take(self, pair: FramePair) -> None:
        """Show it."""
        self._viewer.show(pair.original, pair.lit, pair.info)
        self.latency["shown"].add(time.monotonic() - pair.captured)

    def copy(self, packet: Packet) -> None:
        """Leave it: viewers have no sound."""

    def finish(self) -> None:
        """Close it."""
        self._viewer.close()

    def abort(self) -> None:
        """Close it."""
        self._viewer.close()


class RawOutput:
    """See `rtvideo.live.fanout.LiveOutput`: uncompressed frames into a muxer that passes them on at once."""

    required = True
    watched = True
    connecting = False

    def __init__(
        self,
        name: str,
        container: OutputContainer,
        codec: str,
        enhancer: PairEnhancer,
        *,
        pix_fmt: str,
        full_range: bool,
        rate: Fraction,
        compare: str | None,
        steady: bool = False,
        pipe: FileIO | None = None,
    ) -> None:
        """Take over an open container and give it its one stream.

        Args:
            codec: FFmpeg's name of the encoder that takes frames as they are.
            enhancer: whose pairs will come.
            pix_fmt, full_range: of the frames that are written.
            rate: frames a second.
            compare: ``split``, ``side`` or None.
            pipe: what the container writes to, to be closed in the end.
            steady: the format knows no times, so frames are repeated and left out to keep the rate.
        """
        self.name, self.latency = name, {"written": Stopwatch()}
        coding = replace(enhancer.geometry.coding, full_range=full_range)
        tags = tags_of(coding, enhancer.tags)
        self._present = Compositor(enhancer, pix_fmt, coding, tags, compare, own=True)
        stream = container.add_stream(codec, rate=rate)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = self._present.width, self._present.height, pix_fmt
        tags.apply(stream.codec_context)
        self._container, self._stream, self._rate, self._steady = container, stream, rate, steady
        self._pipe = pipe
        self._written = 0
        self._begin: float | None = None

    def take(self, pair: FramePair) -> None:
        """Write it, as often as the rate wants."""
        times = 1
        if self._steady and pair.lit.time is not None:
            self._begin = pair.lit.time if self._begin is None else self._begin
            due = round((pair.lit.time - self._begin) * self._rate) + 1
            times = min(_REPEATS, due - self._written)
        if times > 0:
            frame = self._present(pair)
            for _ in range(times):
                frame.pts, frame.time_base = self._written, 1 / self._rate
                with self._errors():
                    self._container.mux(self._stream.encode(frame))
                self._written += 1
        self.latency["written"].add(time.monotonic() - pair.captured)

    def copy(self, packet: Packet) -> None:
        """Leave it: there is no place for sound."""

    def finish(self) -> None:
        """Write what is left and close."""
        with self._errors():
            self._container.mux(self._stream.encode(None))
            self._container.close()
            if self._pipe is not None:
                self._pipe.close()

    def abort(self) -> None:
        """Close."""
        with contextlib.suppress(Exception):
            self._container.close()
        if self._pipe is not None:
            self._pipe.close()

    @contextlib.contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except BrokenPipeError:
            raise ConsumerClosed from None
        except (av.FFmpegError, OSError) as error:
            raise OutputError(f"{self.name}: cannot be written: {error.strerror or error}") from None


def y4m_output(
    pipe: FileIO, enhancer: PairEnhancer, rate: Fraction, compare: str | None, *, live: bool
) -> RawOutput:
    """Return an output of y4m for another program, which may leave at any time.

    Args:
        pipe: stdout.
        rate: frames a second, of which y4m has one for good.
        live: frames may be missing: others stand in for them, so that the pictures keep their speed.
    """
    container = av.open(
        PipeWriter(pipe), "w", format="yuv4mpegpipe", container_options={"strict": "-1"}, buffer_size=1 << 18
    )
    pix_fmt = {"nv12": "yuv420p", "p010le": "yuv420p10le"}.get(enhancer.pix_fmt, enhancer.pix_fmt)
    full_range = enhancer.geometry.coding.full_range
    return RawOutput(
        "stdout",
        container,
        "wrapped_avframe",
        enhancer,
        pix_fmt=pix_fmt,
        full_range=full_range,
        rate=rate,
        compare=compare,
        steady=live,
        pipe=pipe,
    )


def virtual_camera(
    path: str,
    enhancer: PairEnhancer,
    rate: Fraction,
    compare: str | None,
    opener: Callable[[str], OutputContainer] | None = None,
) -> RawOutput:
    """Return an output to a virtual camera (v4l2loopback), in the one format that all programs take.

    Args:
        path: ``/dev/videoN``.
        opener: in place of FFmpeg, for tests.

    Raises:
        OutputError: there is none, it is busy, or it is a camera.
    """
    try:
        container = (opener or _open_camera)(path)
        output = RawOutput(
            path,
            container,
            "rawvideo",
            enhancer,
            pix_fmt="yuv420p",
            full_range=False,
            rate=rate,
            compare=compare,
        )
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
        return "busy: another program feeds it, or reads it in another size; close that first"
    return f"takes no pictures: {error.strerror or error}; only a virtual camera (v4l2loopback) does"
