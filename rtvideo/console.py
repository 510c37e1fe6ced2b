"""Messages on stderr, each on one line."""

from __future__ import annotations

import sys


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
