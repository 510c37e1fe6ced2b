"""SRT through the program ffmpeg, since the FFmpeg in PyAV's wheels lacks it.

The program only joins the address to a pipe. `Receiver` and `Sender` are file objects for `av.open`.
"""

from __future__ import annotations

import contextlib
import errno
import functools
import os
import select
import shutil
import subprocess
import threading
import time
import weakref
from collections.abc import Iterator
from io import BufferedReader, FileIO, TextIOWrapper

import av

from rtvideo.errors import UnavailableError
from rtvideo.media.location import redact, scheme_of
from rtvideo.media.network.pipes import SILENCE, PipeReader
from rtvideo.system import POSIX

#: Schemes that may need the program.
_SCHEMES = ("srt",)

#: Seconds that the program may take to list its protocols.
_PATIENCE = 10.0

#: Bytes pass as they come. A program that demuxed them would start seconds late, and deliver pictures in
#: bursts, because it interleaves them with the sound.
_AS_IT_IS, _COPY = ("-f", "data", "-raw_packet_size", "1316"), ("-map", "0", "-c", "copy", "-f", "data")

#: Bytes that a pipe takes whole or not at all: whole SRT packets, each of whole transport stream packets.
_PIECE = 3 * 7 * 188

#: Seconds that the program gets to close its connection.
_GRACE = 0.5

#: What in an address is a secret.
_SECRETS = ("passphrase",)

#: Shorter values in an address are no secrets: an SRT passphrase has ten characters or more.
_SHORTEST_SECRET = 4


def program_for(address: str) -> str | None:
    """Return the path of the program ffmpeg if an address needs it, None if PyAV's FFmpeg is enough.

    Raises:
        UnavailableError: neither speaks it.
    """
    scheme = scheme_of(address)
    if scheme not in _SCHEMES or _knows(scheme):
        return None
    if not POSIX:
        raise UnavailableError(
            f"{redact(address)}: {scheme!r} goes through the program ffmpeg, on Unix alone"
        )
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
        av.open(f"{scheme}://").close()  # no host: an FFmpeg that knows the protocol refuses that at once
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


class _LastLine:
    """Reads a pipe to its end in a thread, and keeps the last line that is not empty, in ``last``."""

    def __init__(self, pipe: FileIO) -> None:
        self.last = ""
        self._pipe = pipe
        self._thread = threading.Thread(target=self._read, name="rtvideo_srt", daemon=True)
        self._thread.start()

    def _read(self) -> None:
        with TextIOWrapper(BufferedReader(self._pipe), errors="replace") as lines:
            for line in lines:
                self.last = line.strip() or self.last

    def finish(self) -> str:
        """Wait for the end of the pipe, and return the last line."""
        self._thread.join(_GRACE)
        return self.last


class FFmpegProcess:
    """A running ffmpeg with unbuffered pipes.

    Attributes:
        stdout: what it writes.
        end: a function that ends the program and waits for that; calling it twice is fine. It is also called
            when this object is collected, at the latest when Python ends.
    """

    def __init__(
        self,
        path: str,
        arguments: list[str],
        address: str,
        *,
        stdin: int,
        inherited: tuple[int, ...] = (),
    ) -> None:
        """Start it.

        Args:
            arguments: of the command line.
            address: secrets in it are left out of messages.
            stdin: as `subprocess.Popen` takes it.
            inherited: descriptors that it keeps.
        """
        self._address = address
        self._process = subprocess.Popen(
            [path, "-nostdin", "-loglevel", "error", *arguments],
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            # Ctrl-C must reach rtvideo alone, which still has data to send then.
            start_new_session=True,
            pass_fds=inherited,
        )
        self._errors = _LastLine(_raw(self._process.stderr))
        self.stdout = _raw(self._process.stdout)
        self.end = weakref.finalize(self, _end, self._process)

    @property
    def stdin(self) -> FileIO:
        """What it reads, if that is a pipe."""
        return _raw(self._process.stdin)

    @property
    def running(self) -> bool:
        """Whether `end` has not been called; the program may have ended by itself."""
        return self.end.alive

    def ends_within(self, seconds: float) -> bool:
        """Wait so long, and return whether the program has ended by itself."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(seconds)
        return self._process.returncode is not None

    def failed(self, patience: float) -> str:
        """Wait for its end for ``patience`` seconds, else end it. Return why it failed, "" if it did not."""
        self.ends_within(patience)
        self.end()
        if self._process.returncode == 0:
            return ""
        said = _redacted(self._errors.finish(), self._address)
        return said or f"ffmpeg ended with code {self._process.returncode}"


def _raw(pipe: object) -> FileIO:
    assert isinstance(pipe, FileIO)
    return pipe


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(_GRACE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if process.stdin is not None:
        process.stdin.close()


def _redacted(line: str, address: str) -> str:
    """Return a line of the program without the secrets of the address."""
    for text in (address, _parted(address)[0]):
        line = line.removeprefix(f"{text}: ").replace(text, redact(address))
    values = [part.partition("=")[2] for part in address.partition("?")[2].split("&")]
    for secret in (value for value in values if len(value) >= _SHORTEST_SECRET):
        line = line.replace(secret, "***")
    return line


class Receiver:
    """Reads from an address, as a file object for `av.open`."""

    def __init__(self, program: str, address: str, timeout: float, *stops: threading.Event) -> None:
        """Start the program.

        Args:
            program: see `program_for`.
            timeout: seconds until an address that is silent is given up.
            stops: any of them ends waiting.
        """
        arguments = [*_limits(timeout), *_AS_IT_IS, "-i", address, *_COPY, "pipe:1"]
        self._program = FFmpegProcess(program, arguments, address, stdin=subprocess.DEVNULL)
        self._pipe = PipeReader(self._program.stdout, *stops, timeout=timeout)
        self._stops = stops

    def read(self, size: int) -> bytes:
        """Return up to ``size`` bytes as soon as there are any; none at the end, or once stopped.

        Raises:
            av.FFmpegError: the address was silent for too long, or the program failed. Raised once; after
                that the stream has ended.
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
            failed = self._program.failed(0.0 if stopped else _GRACE)
            self.close()
            if failed and not stopped:
                raise av.FFmpegError(errno.EIO, failed)
        return data

    def close(self) -> None:
        """End the program; closing twice is fine."""
        self._program.end()
        self._program.stdout.close()


class Sender:
    """Sends a transport stream to an address, as a file object for `av.open`.

    Attributes:
        closed: see `rtvideo.media.durable.DurableFile`.
    """

    def __init__(self, program: str, address: str, timeout: float) -> None:
        """Start the program.

        Args:
            program: see `program_for`.
            timeout: seconds until an address that does not answer, or takes no more data, is given up.
        """
        self.closed = False
        shown, secrets = _parted(address)
        with _preset(secrets) as (words, inherited):
            arguments = ["-progress", "pipe:1", *_AS_IT_IS, "-i", "pipe:0", *_COPY, *_limits(timeout)]
            self._program = FFmpegProcess(
                program, [*arguments, *words, shown], address, stdin=subprocess.PIPE, inherited=inherited
            )
        # It reports progress once its output is open.
        self._progress = _LastLine(self._program.stdout)
        self._pipe = self._program.stdin
        os.set_blocking(self._pipe.fileno(), False)
        self._timeout = timeout
        self._began: float | None = None

    @property
    def answered(self) -> bool:
        """Whether the other end has accepted the connection."""
        return bool(self._progress.last)

    def write(self, data: bytes) -> int:
        """Write all of it.

        Raises:
            OSError: nobody answers, or the other end takes no more data.
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
                raise OSError(errno.EPIPE, self._program.failed(_GRACE) or "the stream was ended") from None
        return len(data)

    def finish(self) -> None:
        """Wait until everything is sent.

        Raises:
            OSError: it cannot be sent.
        """
        self._pipe.close()
        if not self._program.ends_within(self._timeout):
            raise self._silent()
        if failed := self._program.failed(0.0):
            raise OSError(errno.EPIPE, failed)

    def close(self) -> None:
        """End the program at once, with data unsent if need be; closing twice is fine."""
        self.closed = True
        self._program.end()

    def _silent(self) -> OSError:
        return TimeoutError(errno.ETIMEDOUT, SILENCE.format(self._timeout))


def _parted(address: str) -> tuple[str, dict[str, str]]:
    """Return an address without its secrets, and the secrets as options of FFmpeg."""
    base, asks, query = address.partition("?")
    parts = [part.partition("=") for part in query.split("&")]
    secrets = {name: value.replace("+", " ") for name, _, value in parts if name in _SECRETS and value}
    left = "&".join("".join(part) for part in parts if part[0] not in secrets)
    return f"{base}{asks if left else ''}{left}", secrets


@contextlib.contextmanager
def _preset(options: dict[str, str]) -> Iterator[tuple[list[str], tuple[int, ...]]]:
    """Give arguments for options of an output that do not stand in the command line, which everybody can see.

    Yields:
        the arguments, and the descriptor that they name.
    """
    if not options:
        yield [], ()
        return
    reader, writer = os.pipe()
    try:
        os.write(writer, "".join(f"{name}={value}\n" for name, value in options.items()).encode())
        os.close(writer)
        yield ["-fpre", f"/dev/fd/{reader}"], (reader,)
    finally:
        os.close(reader)


def _limits(timeout: float) -> list[str]:
    """Return time-outs that end the program if rtvideo is killed while no data flows."""
    microseconds = str(round(2e6 * timeout))
    return ["-timeout", microseconds, "-listen_timeout", microseconds]
