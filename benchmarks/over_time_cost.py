"""What looking at the frames before costs: a frame with ``--temporal off`` and on, in turns.

    python benchmarks/over_time_cost.py --sizes 1280x720,1920x1080 --threads 2

Frames are noise about a grey, eight of them in turn; every cell stands still, which is the usual case. With
--lamp the left half of every second frame is brighter: a picture that is relit each time.
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
from rtvideo.engines.fused import FusedSession
from rtvideo.engines.session import Settings
from rtvideo.errors import RtvideoError
from rtvideo.frame import Geometry, Plane
from rtvideo.models import find

_LEVELS = (40, 128, 128)  # of luma and chroma
_NOISE = 2.0
_LAMP = 30  # codes of luma


def film(geometry: Geometry, count: int = 8, *, lamp: bool = False) -> list[list[Plane]]:
    """Return frames of noise about a grey, half of it brighter in every second one if there is a lamp."""
    rng = np.random.default_rng(0)
    frames: list[list[Plane]] = []
    for number in range(count):
        planes: list[Plane] = [
            np.clip(np.rint(level + rng.normal(0, _NOISE, shape)), 0, 255).astype(np.uint8)
            for level, shape in zip(_LEVELS, geometry.shapes(), strict=True)
        ]
        if lamp and number % 2:
            planes[0][:, : geometry.width // 2] += _LAMP
        frames.append(planes)
    return frames


def turn(session: FusedSession, geometry: Geometry, *, lamp: bool) -> Callable[[], None]:
    """Return what enhances the next frame."""
    frames = itertools.cycle(film(geometry, lamp=lamp))
    out, number = geometry.empty(), itertools.count()

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
    parser.add_argument("--lamp", action="store_true", help="half of each picture changes its light")
    arguments = parser.parse_args(argv)
    print("| size | denoise | frame by frame, ms | over time, ms | difference, ms |\n" + "| --- " * 5 + "|")
    try:
        for width, height in parse_sizes(arguments.sizes):
            geometry = Geometry(width, height, "yuv", 8, Coding(Matrix.BT709, full_range=False))
            for denoise in (0.0, 1.0):
                turns = {}
                for temporal in (0.0, 1.0):
                    settings = Settings(1.0, denoise, temporal)
                    session = FusedSession(
                        find(arguments.model), geometry, settings, threads=arguments.threads
                    )
                    turns[str(temporal)] = turn(session, geometry, lamp=arguments.lamp)
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
