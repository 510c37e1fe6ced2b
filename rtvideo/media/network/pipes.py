"""Pipes as file objects for FFmpeg: a reader that can be stopped, and a writer."""

from __future__ import annotations

import errno
import math
import select
import sys
import threading
import time
from io import FileIO

from rtvideo.system import POSIX

#: Seconds between two checks whether to stop.
_LOOK = 0.1

#: The message for a peer that was silent for too long.
SILENCE = "no answer within {:g} s"


def open_pipe(address: str) -> FileIO:
    """Open ``-`` (stdout) or a named pipe for writing, which waits for its reader.

    Raises:
        OSError: it cannot be opened.
    """
    return FileIO(sys.stdout.fileno(), "w", closefd=False) if address == "-" else FileIO(address, "w")


class PipeReader:
    """A pipe as a file object for `av.open`. It cannot seek, and can be stopped while nothing comes."""

    def __init__(self, pipe: FileIO, *stops: threading.Event, timeout: float = math.inf) -> None:
        """Read from an open, unbuffered pipe until any of ``stops`` is set.

        Args:
            timeout: seconds for which nothing may come.
        """
        self._pipe, self._stops, self._timeout = pipe, stops, timeout

    def read(self, size: int) -> bytes:
        """Return up to ``size`` bytes as soon as there are any; none at the end, or once stopped.

        Raises:
            TimeoutError: nothing came for too long.
        """
        end = time.monotonic() + self._timeout
        while not any(stop.is_set() for stop in self._stops):
            # Windows cannot look into a pipe: there it is read until something comes.
            if not POSIX or select.select([self._pipe], [], [], _LOOK)[0]:
                return self._pipe.read(size) or b""
            if time.monotonic() > end:
                raise TimeoutError(errno.ETIMEDOUT, SILENCE.format(self._timeout))
        return b""


class PipeWriter:
    """A pipe or stdout as a file object for `av.open`. Writing raises BrokenPipeError once nobody reads."""

    def __init__(self, pipe: FileIO) -> None:
        """Write to an open, unbuffered pipe."""
        self._pipe = pipe

    def write(self, data: bytes) -> int:
        """Write all of it, waiting for the reader."""
        left = memoryview(data)
        while left:
            left = left[self._pipe.write(left) or 0 :]
        return len(data)

    def close(self) -> None:
        """Close the pipe; closing twice is fine."""
        self._pipe.close()
