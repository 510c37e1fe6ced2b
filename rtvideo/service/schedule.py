"""When a camera is wanted: hours of the day, in local time."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from rtvideo.errors import UsageError

_SPAN = re.compile(r"(\d{1,2}):(\d{2})\s*-\s*(\d{1,2}):(\d{2})")
_DAY = 24 * 60


@dataclass(frozen=True)
class Schedule:
    """Hours of the day.

    Attributes:
        spans: minutes since midnight, begin and end; one that ends before it begins goes over midnight.
    """

    spans: tuple[tuple[int, int], ...]

    @classmethod
    def parse(cls, texts: Sequence[str]) -> Schedule:
        """Read hours such as ``18:00-07:30``.

        Raises:
            UsageError: anything else.
        """
        return cls(tuple(_span(text) for text in texts))

    def includes(self, moment: datetime) -> bool:
        """Whether the moment, in local time, is within the hours."""
        minute = 60 * moment.hour + moment.minute
        return any(
            begin <= minute < end if begin < end else not end <= minute < begin for begin, end in self.spans
        )


def _span(text: str) -> tuple[int, int]:
    found = _SPAN.fullmatch(text.strip())
    if found:
        hour, minute, end_hour, end_minute = map(int, found.groups())
        begin, end = 60 * hour + minute, 60 * end_hour + end_minute
        if minute < 60 > end_minute and begin < _DAY >= end and begin != end:
            return begin, end
    raise UsageError(f"{text!r} is not allowed; allowed: hours such as 18:00-07:30")
