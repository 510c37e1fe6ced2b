"""What looking at the frames before costs: a frame with ``--temporal off`` and on, in turns.

    python benchmarks/over_time_cost.py --sizes 1280x720,1920x1080 --threads 2

Frames are noise about a grey, eight of them in turn; every cell stands still, which is the usual case.
"""

from __future__ import annotations

import argparse
import itertools
import statistics
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

# The script also runs from a checkout that is not installed.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))


from benchmarks.fps import parse_sizes, take_turns
from rtvideo.colour import Coding, Matrix
from rtvideo.engines.base import Geometry, Plane, Settings
from rtvideo.engines.fused import FusedSession
from rtvideo.errors import RtvideoError
from rtvideo.models import find

_LEVELS = (40, 128, 128)  # of luma and chroma
_NOISE = 2.0


def film(geometry: Geometry, count: int = 8) -> list[list[Plane]]:
    """Return frames of noise about a grey."""
    rng = np.random.default_rng(0)
    return [
        [
            np.clip(np.rint(level + rng.normal(0, _NOISE, shape)), 0, 255).astype(np.uint8)
            for level, shape in zip(_LEVELS, geometry.shapes(), strict=True)
        ]
        for _ in range(count)
    ]


def turn(model: str, geometry: Geometry, settings: Settings, threads: int) -> Callable[[], None]:
    """Return what enhances the next frame."""
    session = FusedSession(find(model), geometry, settings, threads=threads)
    frames, out, number = itertools.cycle(film(geometry)), geometry.empty(), itertools.count()

    def frame() -> None:
        session.submit(next(frames), out, next(number) / 30)
        session.receive()

    return frame


def main(argv: Sequence[str] | None = None) -> int:
    """Print a table; return an exit code."""
    assert __doc__ is not None
    parser = argparse.ArgumentParser(prog="benchmarks/over_time_cost.py", description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", default="1920x1080", metavar="WxH,WxH")
    parser.add_argument("--model", default="night")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=15)
    arguments = parser.parse_args(argv)
    print("| size | denoise | frame by frame, ms | over time, ms | difference, ms |\n" + "| --- " * 5 + "|")
    try:
        for width, height in parse_sizes(arguments.sizes):
            geometry = Geometry(width, height, "yuv", 8, Coding(Matrix.BT709, full_range=False))
            for denoise in (0.0, 1.0):
                turns = {
                    str(temporal): turn(
                        arguments.model, geometry, Settings(1.0, denoise, temporal), arguments.threads
                    )
                    for temporal in (0.0, 1.0)
                }
                times = take_turns(turns, arguments.rounds)
                alone, over_time = (1000 * statistics.median(seconds) for seconds in times.values())
                row = f"{alone:.2f} | {over_time:.2f} | {over_time - alone:.2f}"
                print(f"| {width}x{height} | {denoise:g} | {row} |")
    except RtvideoError as error:
        print(f"over_time_cost.py: error: {error}", file=sys.stderr)
        return int(error.exit_code)
    return 0


if __name__ == "__main__":
    sys.exit(main())
