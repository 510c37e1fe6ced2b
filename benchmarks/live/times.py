"""Percentiles of times, as a record and as words."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence


def percentiles(seconds: Sequence[float]) -> dict[str, float]:
    """Return median, p95 and p99 in milliseconds; empty where there are fewer than two times."""
    if len(seconds) < 2:
        return {}
    cut = statistics.quantiles(seconds, n=100, method="inclusive")
    return {name: round(1e3 * cut[rank - 1], 1) for name, rank in (("median", 50), ("p95", 95), ("p99", 99))}


def in_words(found: Mapping[str, float]) -> str:
    """Return ``median 3.1 ms, p95 4.0 ms, p99 5.2 ms``."""
    return ", ".join(f"{name} {value:.1f} ms" for name, value in found.items()) or "none"
