"""FFmpeg's filters, by the program."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence

import numpy as np

from rtvideo.errors import UnavailableError
from rtvideo.sample.camera_simulator import Image


def through(frames: Sequence[Image], graph: str, fps: float) -> list[Image]:
    """Return what ``ffmpeg -vf GRAPH`` makes of frames of one size, (H, W, 3) RGB in 8 bits.

    Raises:
        UnavailableError: the program is not there, or fails.
    """
    height, width, _ = frames[0].shape
    raw = ["-f", "rawvideo", "-pix_fmt", "rgb24"]
    command = ["ffmpeg", "-v", "error", *raw, "-s", f"{width}x{height}", "-r", f"{fps}", "-i", "-"]
    try:
        done = subprocess.run(
            [*command, "-vf", graph, *raw, "-"],
            input=np.stack(frames).tobytes(), capture_output=True, check=False,
        )  # fmt: skip
    except OSError as error:
        raise UnavailableError(f"ffmpeg: {error}") from error
    if done.returncode:
        raise UnavailableError(f"ffmpeg -vf {graph}: {done.stderr.decode(errors='replace').strip()}")
    return list(np.frombuffer(done.stdout, np.uint8).reshape(-1, height, width, 3))
