"""The parser and the types of flags, for `rtvideo.cli` and the commands of model, search and benchmarks.

Each function takes the text of a flag and returns its value, or raises ``ArgumentTypeError`` with one line
that names the bad text and what is allowed.
"""

from __future__ import annotations

import argparse
import difflib
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, NoReturn

from rtvideo.errors import UsageError


class Parser(argparse.ArgumentParser):
    """An argument parser without abbreviations; what it refuses is a `UsageError`.

    Attributes:
        synonyms: unknown flag -> the flag that it may mean, where the spelling does not show it.
    """

    def __init__(self, **settings: Any) -> None:
        super().__init__(**{"allow_abbrev": False, **settings})
        self.synonyms: dict[str, str] = {}

    def parse_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Parse all arguments; the message about an unknown flag names the one that may be meant."""
        found, unknown = self.parse_known_args(args, namespace)
        if unknown:
            flag = unknown[0].partition("=")[0]
            known = self.synonyms.get(flag)
            meant = f"; did you mean {known}?" if known else did_you_mean(flag, self._option_string_actions)
            if os.path.exists(unknown[0]):
                meant = f"; a file of this name is written ./{unknown[0]}"
            self.error(f"unrecognized arguments: {' '.join(unknown)}{meant}")
        return found

    def knows(self, flag: str) -> bool:
        """Return whether there is such a flag, with its dashes."""
        return flag in self._option_string_actions

    def error(self, message: str) -> NoReturn:
        """Raise a `UsageError` that names the command's help."""
        raise UsageError(f"{message} (see {self.prog} --help)")


def did_you_mean(text: str, names: Iterable[str]) -> str:
    """Return the end of a message, ``; did you mean NAME?``, or nothing where no name is near."""
    by_folded = {name.lower().replace("_", "-"): name for name in names}
    near = difflib.get_close_matches(text.lower().replace("_", "-"), by_folded, n=1)
    return f"; did you mean {by_folded[near[0]]}?" if near else ""


def choice(*allowed: str) -> Callable[[str], str]:
    """Return the type of a flag that takes one of some words."""

    def chosen(text: str) -> str:
        if text in allowed:
            return text
        meant = did_you_mean(text, allowed)
        raise argparse.ArgumentTypeError(f"{text!r} is not allowed; allowed: {', '.join(allowed)}{meant}")

    return chosen


def number(text: str, allowed: str, fits: Callable[[float], bool]) -> float:
    """Return a number for which ``fits`` is true.

    Args:
        text: of the flag.
        allowed: what the message says is allowed.
        fits: called with the number, or with NaN where the text is none.
    """
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not fits(value):  # comparisons with NaN are false
        raise argparse.ArgumentTypeError(f"{text!r} is not allowed; allowed: {allowed}")
    return value


def share(text: str, also: str = "") -> float:
    """Return a number from 0 to 1, given as such or as ``50%``.

    Args:
        also: what else the message says is allowed.
    """
    allowed = f"{also}a number from 0 to 1, or 0% to 100%"
    part, percent, rest = text.partition("%")
    try:
        value = number(part, allowed, lambda value: 0 <= value <= (100 if percent else 1) and not rest)
    except argparse.ArgumentTypeError:
        raise argparse.ArgumentTypeError(f"{text!r} is not allowed; allowed: {allowed}") from None
    return value / 100 if percent else value


def wish(text: str) -> float:
    """Return a number from -1 to 1."""
    return number(text, "a number from -1 (darker) to 1 (brighter)", lambda value: -1 <= value <= 1)


def share_or_auto(text: str) -> float | None:
    """Return 0 for ``off``, 1 for ``on``, None for ``auto``, else a number from 0 to 1."""
    words = {"off": 0.0, "on": 1.0, "auto": None}
    return words[text.lower()] if text.lower() in words else share(text, "off, on, auto, ")


def quality(text: str) -> float:
    """Return a constant quality as encoders take it."""
    return number(text, "a number from 0 to 63", lambda value: 0 <= value <= 63)


def weight(text: str) -> float:
    """Return a finite number, 0 or more."""
    return number(text, "a number, 0 or more", lambda value: 0 <= value < float("inf"))


def count(text: str) -> int:
    """Return a whole number, 0 or more."""
    return int(number(text, "a whole number, 0 or more", lambda value: 0 <= value < 1e9 and value % 1 == 0))


def positive(text: str) -> int:
    """Return a whole number, 1 or more."""
    return int(number(text, "a whole number, 1 or more", lambda value: 1 <= value < 1e18 and value % 1 == 0))


def time(text: str) -> float:
    """Return seconds, given as such or as ``[HH:]MM:SS[.ms]``."""
    *high, seconds = text.split(":")
    allowed = "seconds or HH:MM:SS.ms, such as 90 or 1:30.5"
    if len(high) > 2 or not all(part.isascii() and part.isdigit() for part in high):
        raise argparse.ArgumentTypeError(f"{text!r} is not a time; allowed: {allowed}")
    limit = 60.0 if high else float("inf")
    try:
        total = number(seconds, allowed, lambda value: 0 <= value < limit)
    except argparse.ArgumentTypeError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a time; allowed: {allowed}") from None
    for position, part in enumerate(reversed(high), start=1):
        total += int(part) * 60**position
    return total


def length(text: str) -> float:
    """Return a time above 0, in seconds."""
    value = time(text)
    if value == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not allowed; allowed: a time above 0")
    return value


def span(text: str) -> float:
    """Return a time above 0, in seconds, given as `length` takes it or as ``30s``, ``10m``, ``2h``."""
    factor = {"s": 1, "m": 60, "h": 3600}.get(text[-1:].lower())
    try:
        return length(text) if factor is None else factor * length(text[:-1])
    except argparse.ArgumentTypeError:
        allowed = "a time above 0: seconds, 30s, 10m, 2h or HH:MM:SS"
        raise argparse.ArgumentTypeError(f"{text!r} is not allowed; allowed: {allowed}") from None


@dataclass(frozen=True)
class Keep:
    """How long recordings are kept; what is None does not limit them.

    Attributes:
        text: as it was given.
        seconds: since a recording was complete.
        bytes: of all recordings.
    """

    text: str
    seconds: float | None = None
    bytes: float | None = None


_DAYS = {"d": 86400, "w": 7 * 86400}
_BYTES = {"kb": 1e3, "mb": 1e6, "gb": 1e9, "tb": 1e12}


def keep(text: str) -> Keep:
    """Return how long recordings are kept, given as ``7d``, ``200GB`` or both: ``7d,200GB``."""
    seconds = size = None
    for part in text.split(","):
        one = part.strip().lower()
        try:
            if (unit := one[-2:]) in _BYTES:
                size = _BYTES[unit] * number(one[:-2], "", lambda value: 0 < value < 1e6)
            elif (unit := one[-1:]) in _DAYS:
                seconds = _DAYS[unit] * number(one[:-1], "", lambda value: 0 < value < 1e6)
            elif unit in ("h", "m", "s"):
                seconds = span(one)
            else:
                raise argparse.ArgumentTypeError
        except argparse.ArgumentTypeError:
            allowed = "a time such as 7d or 12h, a size such as 200GB, or both: 7d,200GB"
            raise argparse.ArgumentTypeError(f"{text!r} is not allowed; allowed: {allowed}") from None
    return Keep(text, seconds, size)


def rate(text: str) -> float:
    """Return frames a second: a number above 0 and up to 1000."""
    return number(text, "frames a second, above 0 and up to 1000", lambda value: 0 < value <= 1000)


def size(text: str) -> tuple[int, int]:
    """Return width and height in pixels, given as ``1280x720``."""
    width, mark, height = text.lower().partition("x")
    if not (mark and width.isdecimal() and height.isdecimal() and 0 < int(width) < 65536 > int(height) > 0):
        raise argparse.ArgumentTypeError(f"{text!r} is not a size; allowed: WIDTHxHEIGHT, such as 1280x720")
    return int(width), int(height)
