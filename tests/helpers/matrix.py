"""Matrices of inputs and outputs: all combinations with ``RTVIDEO_MATRIX=all``, else a sample of them."""

from __future__ import annotations

import os
import random
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

from rtvideo.files.job import enhance_video
from rtvideo.options import Options, Report
from tests.helpers.doubles import FakeSession, opening

T = TypeVar("T")


def sample(combinations: Sequence[T], count: int, seed: int) -> list[T]:
    """Return the combinations to try."""
    if os.environ.get("RTVIDEO_MATRIX") == "all":
        return list(combinations)
    return random.Random(seed).sample(combinations, count)


def ffmpeg(*arguments: object) -> bool:
    """Run the program ffmpeg and return whether it succeeded."""
    done = subprocess.run(
        ["ffmpeg", "-v", "error", "-y", *map(str, arguments)], capture_output=True, timeout=60
    )
    return done.returncode == 0


def enhanced(source: Path, target: Path, **options: Any) -> Report:
    """Make ``target`` with an engine that changes nothing."""
    engine: Any = opening(FakeSession())
    return enhance_video(source, target, Options(**options), open_engine=engine)
