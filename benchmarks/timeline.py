"""When each stage of a run was busy, as a trace for chrome://tracing or ui.perfetto.dev.

    python benchmarks/timeline.py CLIP --out trace.json [--engine cuda --device cuda] [--frames 60]

A track for decoding, the engine and encoding, which are threads of the program; on a GPU three more by its
own clock: copies up, the work, copies down. Where tracks are busy at the same time, they overlap.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

# The script also runs from a checkout that is not installed.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.common.arguments import target
from benchmarks.common.files import write_json
from benchmarks.speed.spans import of_file
from model.command import Parser, run
from rtvideo import values


def main(words: Sequence[str] | None = None) -> int:
    """Run, write the trace, print how busy each track was; return an exit code."""
    parser = Parser("python benchmarks/timeline.py", __doc__)
    parser.add_argument("clip", type=Path)
    parser.add_argument("--out", type=target, required=True, metavar="FILE.json")
    parser.add_argument("--engine", default="auto")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--frames", type=values.positive, default=60)
    return run(trace, parser, words, extra="cuda")


def trace(arguments: argparse.Namespace) -> None:
    """Make the trace."""
    timeline, engine = of_file(arguments.clip, arguments.engine, arguments.device, arguments.frames)
    write_json(arguments.out, timeline.trace())
    shares = ", ".join(f"{track} {share:.0%}" for track, share in timeline.busy().items())
    print(f"{engine}: busy: {shares}; open {arguments.out} at ui.perfetto.dev")


if __name__ == "__main__":
    sys.exit(main())
