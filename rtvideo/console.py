"""What goes to stderr: one line for everything that is said."""

from __future__ import annotations

import sys

from rtvideo.errors import ExitCode


def printable(text: str) -> str:
    """Return text with escapes for what would steer a terminal or end the line: names of files may."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def line(text: str) -> None:
    """Print a line."""
    print(printable(text), file=sys.stderr, flush=True)


def say(text: str) -> None:
    """Print a line that names the program."""
    line(f"rtvideo: {text}")


def internal(error: Exception, verbose: bool) -> ExitCode:
    """Say that an error is rtvideo's own, with the traceback if wanted, and return its exit code."""
    if verbose:
        import traceback

        traceback.print_exception(error)
    hint = "" if verbose else " (a defect in rtvideo: -v shows where)"
    text = " ".join(str(error).split())
    say(f"error: internal: {type(error).__name__}: {text}{hint}")
    return ExitCode.INTERNAL
