"""How many threads this process may keep busy."""

from __future__ import annotations

import os
from pathlib import Path

_limit: int | None = None


def limit_cpus(number: int | None) -> None:
    """Let `usable_cpus` return no more from now on; None takes the limit away.

    For a process that shares the machine with others like it, and knows its part.
    """
    global _limit
    _limit = number


def encoder_threads() -> int:
    """Return how many threads an encoder is to take: 0 leaves it to the encoder, where nothing is limited."""
    return _limit or 0


def usable_cpus(cgroup: Path = Path("/sys/fs/cgroup")) -> int:
    """Return how many CPUs this process may use: its affinity, cut to its cgroup's quota (v2, then v1)."""
    affinity = getattr(os, "sched_getaffinity", None)  # Linux alone has it
    cpus = len(affinity(0)) if affinity else os.cpu_count() or 1
    if _limit is not None:
        return max(1, min(cpus, _limit))
    try:
        quota, period = (cgroup / "cpu.max").read_text().split()
    except (OSError, ValueError):
        try:
            quota = (cgroup / "cpu/cpu.cfs_quota_us").read_text().strip()
            period = (cgroup / "cpu/cpu.cfs_period_us").read_text().strip()
        except OSError:
            return cpus
    if not quota.isdigit() or not period.isdigit() or int(period) == 0:  # "max" and -1 mean no quota
        return cpus
    return max(1, min(cpus, -(-int(quota) // int(period))))
