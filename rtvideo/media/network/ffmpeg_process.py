"""The program ffmpeg while it runs, and what it says when it fails."""

from __future__ import annotations

import contextlib
import subprocess
import threading
import weakref
from io import BufferedReader, FileIO, TextIOWrapper

from rtvideo.media.network.address import redact

#: Seconds that the program gets to say goodbye to the other end.
GRACE = 0.5

#: Values in an address that are shorter are no secrets: SRT takes no passphrase below ten characters.
_SHORTEST_SECRET = 4


class Listener:
    """Keeps a pipe empty.

    Attributes:
        last: the last line that came and was not empty.
    """

    def __init__(self, pipe: FileIO) -> None:
        """Listen in a thread until the pipe ends."""
        self.last = ""
        self._pipe = pipe
        self._thread = threading.Thread(target=self._listen, name="rtvideo_bridge", daemon=True)
        self._thread.start()

    def _listen(self) -> None:
        with TextIOWrapper(BufferedReader(self._pipe), errors="replace") as lines:
            for line in lines:
                self.last = line.strip() or self.last

    def finish(self) -> str:
        """Return the last line of all; the other end is gone, or soon will be."""
        self._thread.join(GRACE)
        return self.last


class Program:
    """A running ffmpeg, its pipes without buffers.

    Attributes:
        stdout: what it writes.
        end: ends it and waits for that; calling it twice is fine. Called where this object goes, at the
            latest when Python ends.
    """

    def __init__(self, path: str, words: list[str], address: str, *, stdin: int) -> None:
        """Start it.

        Args:
            words: of the command line.
            address: in ``words``; what may be secret in it is never told.
            stdin: as `subprocess.Popen` takes it.
        """
        self._address = address
        self._process = subprocess.Popen(
            [path, "-nostdin", "-loglevel", "error", *words],
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            # Ctrl-C is for rtvideo, which has something to send even then.
            start_new_session=True,
        )
        self._errors = Listener(_raw(self._process.stderr))
        self.stdout = _raw(self._process.stdout)
        self.end = weakref.finalize(self, _end, self._process)

    @property
    def stdin(self) -> FileIO:
        """What it reads, where that is a pipe."""
        return _raw(self._process.stdin)

    @property
    def running(self) -> bool:
        """Whether nobody has ended it; it may have ended by itself."""
        return self.end.alive

    def ends_within(self, seconds: float) -> bool:
        """Wait for it to end by itself."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(seconds)
        return self._process.returncode is not None

    def failed(self, patience: float) -> str:
        """End it, if it does not do so by itself, and return why it failed; nothing if it did not."""
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
        process.wait(GRACE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if process.stdin is not None:
        process.stdin.close()


def _redacted(line: str, address: str) -> str:
    """Return a line of the program with nothing in it that may be secret in the address."""
    line = line.removeprefix(f"{address}: ").replace(address, redact(address))
    values = [part.partition("=")[2] for part in address.partition("?")[2].split("&")]
    for secret in (value for value in values if len(value) >= _SHORTEST_SECRET):
        line = line.replace(secret, "***")
    return line
