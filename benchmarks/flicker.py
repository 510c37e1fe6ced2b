"""How steady is the light, how quiet are the shadows: methods over time, on clips with a truth.

    python benchmarks/flicker.py
    python benchmarks/flicker.py --clips static lamp day.mp4 --peer NAME=FILE.onnx --json FILE
    python benchmarks/flicker.py --uncoded --filters hqdn3d=4 atadenoise nlmeans=3

Clips are made by `benchmarks.temporal.clips` (a path is a daylight video, to be darkened); measures are those
of `benchmarks.temporal.measures`. Peers see each frame alone.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

# The script also runs from a checkout that is not installed.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.common.arguments import add_json, add_peer
from benchmarks.common.files import write_json
from model.command import Parser, imports, run
from rtvideo import values

with imports(__name__, "benchmark"):
    from benchmarks.temporal import clips
    from benchmarks.temporal.measures import Motion
    from benchmarks.temporal.scores import contenders, score, table


def main(words: Sequence[str] | None = None) -> int:
    """Print the table; return an exit code."""
    parser = Parser("python benchmarks/flicker.py", __doc__)
    add = parser.add_argument
    names = [*clips.NAMES, *clips.MOVING, *clips.HARD]
    about = f"daylight videos, or of {', '.join(names)}"
    add("--clips", type=_clip, nargs="+", default=names, metavar="CLIP", help=about)
    add("--model", default="night", metavar="NAME")
    add("--frames", type=values.positive, default=90, metavar="N", help="of each clip (90)")
    add("--uncoded", action="store_true", help="frames as the camera made them, no H.264")
    add("--seed", type=values.count, default=0)
    add("--picture", type=Path, metavar="FILE", help="a photograph to film in place of the rendered street")
    add("--filters", nargs="+", default=(), metavar="GRAPH", help="of FFmpeg, in front of the model")
    add_peer(parser)
    add_json(parser)
    return run(measure, parser, words, extra="benchmark")


def measure(arguments: argparse.Namespace) -> None:
    """Print the table, and write it."""
    scenes = clips.Scenes(frames=arguments.frames, seed=arguments.seed, picture=arguments.picture)
    rows = []
    for name in arguments.clips:
        clip = clips.make(scenes, name, crf=None if arguments.uncoded else clips.CRF)
        motion = Motion(clip.truth)
        methods = contenders(arguments.model, arguments.peer, arguments.filters)
        for method, run_method, frame_by_frame in methods:
            rows.append(score(method, run_method, frame_by_frame, clip, motion))
    print(table(rows))
    write_json(arguments.json, {"camera": asdict(clips.CAMERA), "rows": [asdict(row) for row in rows]})


def _clip(text: str) -> str:
    names = (*clips.NAMES, *clips.MOVING, *clips.HARD)
    if text not in names and not Path(text).is_file():
        raise argparse.ArgumentTypeError(f"{text!r}: no such video; names are {', '.join(names)}")
    return text


if __name__ == "__main__":
    sys.exit(main())
