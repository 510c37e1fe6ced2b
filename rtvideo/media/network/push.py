"""Servers that encoded video is pushed to: RTMP, RTSP, SRT, UDP and TCP."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterable, Iterator

import av
from av.codec.context import Flags
from av.container import OutputContainer

from rtvideo.errors import OutputError, RtvideoError, UnavailableError, UsageError
from rtvideo.media.destination import Destination
from rtvideo.media.location import redact, scheme_of
from rtvideo.media.network import srt, tls
from rtvideo.media.network.connect import TIMEOUT
from rtvideo.media.network.diagnosis import reason_of, trouble
from rtvideo.media.network.pipes import SILENCE
from rtvideo.options import LiveOptions

#: By scheme: FFmpeg's muxer, and a file format that holds the same streams.
_MUXERS = {
    "rtmp": ("flv", "flv"),
    "rtmps": ("flv", "flv"),
    "rtsp": ("rtsp", "mpegts"),
    "rtsps": ("rtsp", "mpegts"),
    "srt": ("mpegts", "mpegts"),
    "udp": ("mpegts", "mpegts"),
    "tcp": ("mpegts", "mpegts"),
}

_OPTIONS = {"flv": {"flvflags": "no_duration_filesize"}, "rtsp": {"rtsp_transport": "tcp"}}

#: Muxers that send the encoder's headers before the first picture.
_GLOBAL_HEADERS = ("flv", "rtsp")


class PushServer(Destination):
    """A server that takes a stream. Connecting to it, and a server that hangs, hold up nobody else.

    FFmpeg's fifo muxer connects and writes in a thread of its own: PyAV would hold Python's lock meanwhile,
    without a time-out, so that not even Ctrl-C came through. SRT goes through the program ffmpeg.
    """

    def __init__(self, address: str, how: LiveOptions) -> None:
        """Check the address; `open` connects.

        Args:
            address: a URL.
            how: ``timeout`` and ``insecure``.

        Raises:
            UsageError: a scheme that is not for sending.
            UnavailableError: neither this FFmpeg nor an installed one speaks SRT, or no authority is known
                that could vouch for a server.
        """
        scheme = scheme_of(address)
        if scheme not in _MUXERS:
            raise UsageError(
                f"{redact(address)}: cannot send by {scheme!r}; allowed: {', '.join(_MUXERS)}; "
                "or a .m3u8 file for HLS"
            )
        super().__init__(redact(address), *_MUXERS[scheme])
        self._address, self._scheme = address, scheme
        self._timeout = how.timeout or TIMEOUT
        self._tls = tls.options(scheme, insecure=how.insecure)
        self._insecure = how.insecure
        self._program = srt.program_for(address)
        self._sender: srt.Sender | None = None
        self._began = time.monotonic()

    @property
    def connecting(self) -> bool:
        """See `Destination.connecting`."""
        return self._fifo_waits if self._sender is None else not self._sender.answered

    @property
    def _fifo_waits(self) -> bool:
        # One packet waits in the fifo's queue: the second one gets in when the connection stands.
        return self._program is None and self.written < 2

    def open(self, metadata: dict[str, str], rates: Iterable[int]) -> OutputContainer:
        """See `Destination.open`."""
        self._began = time.monotonic()
        options = _OPTIONS.get(self.format, {}) | self._tls
        if self._program is not None:
            self._sender = srt.Sender(self._program, self._address, self._timeout)
            self._container = av.open(self._sender, "w", format=self.format, container_options=options)
            return self._container
        timeout = "timeout" if self.format == "rtsp" else "rw_timeout"
        options[timeout] = str(round(1e6 * self._timeout))
        fifo = {
            "fifo_format": self.format,
            "format_opts": ":".join(f"{name}={_escaped(value)}" for name, value in options.items()),
            "queue_size": "1",
        }
        self._container = av.open(self._address, "w", format="fifo", container_options=fifo)
        return self._container

    def start(self, container: OutputContainer) -> None:
        """See `Destination.start`."""
        if self.format in _GLOBAL_HEADERS:
            # PyAV sets this flag by the format, and sees only the fifo.
            for stream in container.streams:
                if stream.codec_context is not None:
                    stream.codec_context.flags |= Flags.global_header
        container.start_encoding()

    def check_answered(self) -> None:
        """See `Destination.check_answered`."""
        if self._fifo_waits:
            raise OutputError(f"{self.name}: cannot be sent: its server had not answered before the end")

    def finish(self) -> None:
        """See `Destination.finish`."""
        if self._sender is not None:
            self._sender.finish()

    def abort(self) -> None:
        """See `Destination.abort`."""
        if self._sender is not None:
            self._sender.close()
        if not self._fifo_waits:
            super().abort()
            return
        # Closing waits for the server, with Python's lock held; after the time-out it is quick.
        later = threading.Timer(self._timeout + 1, super().abort)
        later.daemon = True
        later.start()

    @contextlib.contextmanager
    def errors(self) -> Iterator[None]:
        """See `Destination.errors`."""
        try:
            yield
        except av.error.ProtocolNotFoundError:
            raise UnavailableError(f"{self.name}: this FFmpeg does not speak {self._scheme!r}") from None
        except RtvideoError:
            raise
        except (av.FFmpegError, OSError) as error:
            # Some protocols report a time-out as invalid data.
            silent = self._fifo_waits and time.monotonic() - self._began >= self._timeout
            reason = SILENCE.format(self._timeout) if silent else self._reason(error)
            raise OutputError(f"{self.name}: cannot be sent: {reason}") from None

    def _reason(self, error: av.FFmpegError | OSError) -> str:
        found = trouble(self._address, insecure=self._insecure) if self._fifo_waits else None
        return found or reason_of(error, self._timeout)


def _escaped(value: str) -> str:
    """Return a value as FFmpeg reads it in a list of options."""
    return value.replace("\\", "\\\\").replace(":", "\\:")
