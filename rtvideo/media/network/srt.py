"""SRT through the program ffmpeg, as PyAV's wheels have an FFmpeg without it."""

from __future__ import annotations

import errno
import functools
import os
import select
import shutil
import subprocess
import threading
import time

import av

from rtvideo.errors import UnavailableError
from rtvideo.media.network.address import redact, scheme_of
from rtvideo.media.network.ffmpeg_process import GRACE, Listener, Program
from rtvideo.media.network.pipes import SILENCE, PipeReader

#: What may take this way.
_SCHEMES = ("srt",)

#: Seconds that it may take to list what it knows.
_PATIENCE = 10.0

#: Bytes pass as they come. A program that looked into them would begin seconds late, and by putting sound and
#: pictures in order make these come several at a time.
_AS_IT_IS, _COPY = ("-f", "data", "-raw_packet_size", "1316"), ("-map", "0", "-c", "copy", "-f", "data")

#: What a pipe takes whole or not at all, in whole packets of SRT, and these in whole ones of the stream.
_PIECE = 3 * 7 * 188


def program_for(address: str) -> str | None:
    """Return the program ffmpeg that an address has to go through; None where FFmpeg itself can do it.

    Raises:
        UnavailableError: neither can.
    """
    scheme = scheme_of(address)
    if scheme not in _SCHEMES or _knows(scheme):
        return None
    path = shutil.which("ffmpeg")
    if path is None or scheme not in _protocols(path):
        raise UnavailableError(
            f"{redact(address)}: this FFmpeg does not speak {scheme!r}; run: apt-get install ffmpeg "
            f"(its FFmpeg speaks {scheme})"
        )
    return path


@functools.cache
def _knows(scheme: str) -> bool:
    try:
        av.open(f"{scheme}://").close()  # without a host: whoever knows the protocol refuses that at once
    except av.error.ProtocolNotFoundError:
        return False
    except av.FFmpegError:
        pass
    return True


@functools.cache
def _protocols(path: str) -> list[str]:
    try:
        done = subprocess.run(
            [path, "-nostdin", "-loglevel", "error", "-protocols"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_PATIENCE,
        )
    except (OSError, subprocess.TimeoutExpired):
        return []
    return done.stdout.decode(errors="replace").split()


class Receiver:
    """What comes from an address, as a file object for `av.open`."""

    def __init__(self, program: str, address: str, timeout: float, *stops: threading.Event) -> None:
        """Start the program.

        Args:
            program: see `program_for`.
            timeout: seconds until an address that is silent is given up.
            stops: any of them ends waiting.
        """
        words = [*_limits(timeout), *_AS_IT_IS, "-i", address]
        self._program = Program(program, [*words, *_COPY, "pipe:1"], address, stdin=subprocess.DEVNULL)
        self._pipe = PipeReader(self._program.stdout, *stops, timeout=timeout)
        self._stops = stops

    def read(self, size: int) -> bytes:
        """Return up to ``size`` bytes as soon as there are any; none at the end, or once stopped.

        Raises:
            av.FFmpegError: the address was silent for too long, or the program failed. Raised once.
        """
        if not self._program.running:
            return b""
        try:
            data = self._pipe.read(size)
        except TimeoutError as error:
            self.close()
            raise av.FFmpegError(errno.ETIMEDOUT, str(error.strerror)) from None
        if not data:
            stopped = any(stop.is_set() for stop in self._stops)
            failed = self._program.failed(0.0 if stopped else GRACE)
            self.close()
            if failed and not stopped:
                raise av.FFmpegError(errno.EIO, failed)
        return data

    def close(self) -> None:
        """End the program; closing twice is fine."""
        self._program.end()
        self._program.stdout.close()


class Sender:
    """What goes to an address, as a file object for `av.open`: a transport stream.

    Attributes:
        closed: see `rtvideo.media.durable.DurableFile`.
    """

    def __init__(self, program: str, address: str, timeout: float) -> None:
        """Start the program.

        Args:
            program: see `program_for`.
            timeout: seconds until an address that does not answer, or takes nothing more, is given up.
        """
        self.closed = False
        words = ["-progress", "pipe:1", *_AS_IT_IS, "-i", "pipe:0", *_COPY]
        self._program = Program(program, [*words, *_limits(timeout), address], address, stdin=subprocess.PIPE)
        # It reports progress from the moment on that its output is open.
        self._progress = Listener(self._program.stdout)
        self._pipe = self._program.stdin
        os.set_blocking(self._pipe.fileno(), False)
        self._timeout = timeout
        self._began: float | None = None

    @property
    def answered(self) -> bool:
        """Whether somebody takes what is sent."""
        return bool(self._progress.last)

    def write(self, data: bytes) -> int:
        """Write all of it.

        Raises:
            OSError: nobody answers, or takes any more.
        """
        now = time.monotonic()
        self._began = self._began or now
        end = self._timeout + (now if self.answered else self._began)
        left = memoryview(data)
        while left:
            rest = end - time.monotonic()
            if rest < 0 or not select.select([], [self._pipe], [], rest)[1]:
                raise self._silent()
            try:
                left = left[self._pipe.write(left[:_PIECE]) or 0 :]
            except BrokenPipeError:
                raise OSError(errno.EPIPE, self._program.failed(GRACE) or "the stream was ended") from None
        return len(data)

    def finish(self) -> None:
        """Wait until all is sent.

        Raises:
            OSError: it is not.
        """
        self._pipe.close()
        if not self._program.ends_within(self._timeout):
            raise self._silent()
        if failed := self._program.failed(0.0):
            raise OSError(errno.EPIPE, failed)

    def close(self) -> None:
        """End the program, whatever is not sent yet; closing twice is fine."""
        self.closed = True
        self._program.end()

    def _silent(self) -> OSError:
        return TimeoutError(errno.ETIMEDOUT, SILENCE.format(self._timeout))


def _limits(timeout: float) -> list[str]:
    """Return what ends the program where rtvideo is killed while nothing comes or goes."""
    microseconds = str(round(2e6 * timeout))
    return ["-timeout", microseconds, "-listen_timeout", microseconds]
