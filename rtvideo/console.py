"""What goes to stderr: one line for everything that is said."""

from __future__ import annotations

import sys


def printable(text: str) -> str:
    """Return text with escapes for what would steer a terminal or end the line: names of files may."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def line(text: str) -> None:
    """Print a line, in one piece: others may write to the terminal too."""
    sys.stderr.write(printable(text) + "\n")
    sys.stderr.flush()


def say(text: str) -> None:
    """Print a line that names the program."""
    line(f"rtvideo: {text}")


def internal(error: Exception, verbose: bool) -> str:
    """Return the line about an error that is rtvideo's own, and print its traceback if wanted."""
    if verbose:
        import traceback

        traceback.print_exception(error)
    hint = "" if verbose else " (a defect in rtvideo: -v shows where)"
    text = " ".join(str(error).split())
    return f"internal: {type(error).__name__}: {text}{hint}"
