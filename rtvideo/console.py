"""Messages on stderr, each on one line."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from typing import Any, TextIO


class _LossyStream:
    """A text stream that loses what cannot be written: its reader is gone, or the disk of the log is full."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        with contextlib.suppress(OSError, ValueError):
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            self._stream.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@contextlib.contextmanager
def messages_may_be_lost() -> Iterator[None]:
    """Let no failure of stderr end the work, and replace standard streams that are closed."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:  # the next file that is opened would get its number, and FFmpeg's messages
            os.open(os.devnull, os.O_RDWR)
    sys.stdout = sys.stdout or os.fdopen(1, "w", closefd=False)
    stderr = sys.stderr or os.fdopen(2, "w", closefd=False)
    sys.stderr = _LossyStream(stderr)
    try:
        yield
    finally:
        sys.stderr = stderr
        try:
            stderr.flush()
        except (OSError, ValueError):  # else Python fails when it flushes once more at its end
            with contextlib.suppress(OSError, ValueError), open(os.devnull, "w") as null:
                os.dup2(null.fileno(), stderr.fileno())


def printable(text: str) -> str:
    """Return text with control characters escaped; file names may contain them."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def line(text: str) -> None:
    """Print a line in one write, because other processes may write to the terminal too."""
    sys.stderr.write(printable(text) + "\n")
    sys.stderr.flush()


def say(text: str) -> None:
    """Print a line that names the program."""
    line(f"rtvideo: {text}")


def internal(error: Exception, verbose: bool) -> str:
    """Return the line for an internal error, and print its traceback if asked."""
    if verbose:
        import traceback

        traceback.print_exception(error)
    hint = "" if verbose else " (a defect in rtvideo: -v shows where)"
    text = " ".join(str(error).split())
    return f"internal: {type(error).__name__}: {text}{hint}"
