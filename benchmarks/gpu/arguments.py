"""Flags of the benchmarks for GPUs."""

from __future__ import annotations

import argparse
import re

from rtvideo.kernels.cuda.nvrtc import CAPABILITIES


def device(text: str) -> int:
    """Return N of ``cuda:N``, 0 of ``cuda``."""
    found = re.fullmatch(r"cuda(?::(\d+))?", text)
    if found is None:
        raise argparse.ArgumentTypeError(f"{text!r}: must be cuda or cuda:N")
    return int(found[1] or 0)


def capability(text: str) -> tuple[int, int]:
    """Return a compute capability such as 9.0 that sources are known to compile for."""
    known = {f"{major}.{minor}": (major, minor) for major, minor in CAPABILITIES}
    if text not in known:
        raise argparse.ArgumentTypeError(f"{text!r} is not allowed; allowed: {', '.join(known)}")
    return known[text]
