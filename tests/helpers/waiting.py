"""Waiting for what another thread or process does."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from pathlib import Path


def wait_until(true: Callable[[], object], seconds: float = 30.0) -> None:
    """Return once it is; fail where it takes longer."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.001)


def grown(folder: Path, pattern: str, size: int = 2000) -> list[Path]:
    """Return the files that match and are larger than ``size`` bytes; one may be renamed at this moment."""
    found = []
    for path in folder.glob(pattern):
        with contextlib.suppress(FileNotFoundError):
            if path.stat().st_size > size:
                found.append(path)
    return found
