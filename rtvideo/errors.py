"""Errors that a user can cause, each with the exit code that ``rtvideo`` ends with.

Every message is one line: the bad value, what is allowed, what to do. Where a built-in exception says the
same thing the class inherits it too, so that library users can catch either.
"""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """How ``rtvideo`` ends (docs/files.md#exit-codes)."""

    DONE = 0
    INTERNAL = 1
    USAGE = 2
    INPUT = 3
    INCOMPLETE = 4
    SOURCE_LOST = 5
    OUTPUT = 6
    UNAVAILABLE = 7
    HANGUP = 129
    INTERRUPTED = 130
    TERMINATED = 143


class RtvideoError(Exception):
    """Base of all errors caused by the user or the environment, not by a defect in rtvideo."""

    exit_code = ExitCode.INTERNAL


class UsageError(RtvideoError, ValueError):
    """A flag or argument has a value that is not allowed, or two of them contradict each other."""

    exit_code = ExitCode.USAGE


class InputError(RtvideoError, OSError):
    """The input is missing, unreadable, or not something that can be enhanced."""

    exit_code = ExitCode.INPUT


class SourceLostError(RtvideoError, OSError):
    """A live source went away, or a device is absent."""

    exit_code = ExitCode.SOURCE_LOST


class OutputError(RtvideoError, OSError):
    """The output cannot be written."""

    exit_code = ExitCode.OUTPUT


class UnavailableError(RtvideoError, RuntimeError):
    """An engine, device or model file that was asked for by name cannot work here."""

    exit_code = ExitCode.UNAVAILABLE


#: Worst first: what a run over several inputs ends with.
SEVERITY = (
    ExitCode.INTERNAL,
    ExitCode.UNAVAILABLE,
    ExitCode.OUTPUT,
    ExitCode.SOURCE_LOST,
    ExitCode.INPUT,
    ExitCode.INCOMPLETE,
    ExitCode.USAGE,
    ExitCode.DONE,
)


def worst(codes: list[ExitCode]) -> ExitCode:
    """Return the most severe of ``codes`` (``DONE`` for an empty list); a signal outranks everything."""
    for signal in (ExitCode.TERMINATED, ExitCode.INTERRUPTED, ExitCode.HANGUP):
        if signal in codes:
            return signal
    return min(codes, key=SEVERITY.index, default=ExitCode.DONE)
