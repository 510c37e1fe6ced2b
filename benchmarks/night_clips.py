"""Score methods on nights with the range of real ones: lamps, headlights, black, and what lies between.

    python benchmarks/night_clips.py [--panoramas FILE.hdr DIR ...] [--model night ...] [--json FILE]
    python benchmarks/night_clips.py --real CLIP DIR ...       # without a truth
    python benchmarks/night_clips.py --quick

Clips with a truth are made (`benchmarks.night.clips`): a street that the project renders and panoramas of
one's own, as an auto exposure, a sensor and an encoder at the rates of security cameras leave them. The
truth is the scene under a published tone curve (`model.tone`). Measures are those of
`benchmarks.night.measures`. --out keeps a frame of each clip by each method, as PNG.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

# The script also runs from a checkout that is not installed.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.common.arguments import add_json, even_size
from benchmarks.common.files import write_json
from benchmarks.common.machine import facts
from model.command import Parser, imports, run
from rtvideo import values

with imports(__name__, "benchmark"):
    from benchmarks.night import clips, scenes
    from benchmarks.night.clips import Clip, Coding
    from benchmarks.night.methods import methods
    from benchmarks.night.pictures import prepare, save
    from benchmarks.night.scores import ALL, Scores, mean, score, table
    from model import panoramas

_FRAMES, _QUICK = 30, 6  # of each clip
_PARTS = 3  # of each real clip


def main(words: Sequence[str] | None = None) -> int:
    """Run the command; return an exit code."""
    return run(measure, _parser(), words, extra="benchmark")


def measure(arguments: argparse.Namespace) -> None:
    """Print a table for each clip and one of all with a truth, and write them."""
    prepare(arguments.out)
    contenders = list(methods(arguments.model))
    found: dict[str, dict[str, list[Scores]]] = {}
    made: set[str] = set()
    for clip in _clips(arguments):
        rows, shown = found.setdefault(clip.name, {}), []
        for method in contenders:
            if method.over_time and not clip.moving:
                continue
            lit = method.light(clip)
            rows.setdefault(method.name, []).append(score(lit, clip))
            shown.append((method.name, lit[clip.scored[0]]))
        if clip.truth is not None:
            made.add(clip.name)
        save(arguments.out, clip, shown)
    tables = {title: {name: mean(parts) for name, parts in rows.items()} for title, rows in found.items()}
    if len(made) > 1:
        alike = [rows for title, rows in tables.items() if title in made]
        tables[ALL] = {one.name: mean([rows[one.name] for rows in alike]) for one in contenders}
    record = {}
    for title, scores in tables.items():
        print(f"{title}\n\n{table(scores)}\n")
        record[title] = {name: asdict(row) for name, row in scores.items()}
    write_json(arguments.json, {"machine": facts(), "clips": record})


def _clips(arguments: argparse.Namespace) -> Iterator[Clip]:
    quick, size = arguments.quick, arguments.size
    count = _QUICK if quick else _FRAMES
    if not arguments.real or arguments.panoramas:
        coding = Coding(codec=arguments.codec, megabits=arguments.megabits)
        filmed = [
            scenes.filmed(path, size, pans)
            for path in panoramas.files(arguments.panoramas)
            for pans in ((False,) if quick else (False, True))
        ]
        for scene in (scenes.street(size), *filmed):
            yield clips.record(scene, count, coding)
    for path in arguments.real:
        yield from clips.real(path, count, 1 if quick else _PARTS)


def _parser() -> argparse.ArgumentParser:
    parser = Parser("python benchmarks/night_clips.py", __doc__)
    add = parser.add_argument
    paths: dict[str, Any] = {"type": Path, "nargs": "+", "default": [], "metavar": "PATH"}
    add("--panoramas", **paths, help="linear panoramas (Radiance HDR), or folders of them")
    add("--real", **paths, help="dark clips, images, or folders of images, of which no truth is known")
    add(
        "--model", nargs="+", default=["night"], metavar="NAME", help="shipped models, or model files (night)"
    )
    add("--size", type=even_size, default=(640, 360), metavar="WxH", help="of made clips (640x360)")
    add("--codec", choices=sorted(clips.DECODERS), default="libx264", help="of made clips (libx264)")
    about = "rate of made clips in Mbit/s at 1080p; smaller ones get less (1.5)"
    add("--megabits", type=values.rate, default=1.5, metavar="RATE", help=about)
    add("--quick", action="store_true", help=f"{_QUICK} frames of each clip instead of {_FRAMES}")
    add("--out", type=Path, metavar="DIR", help="keep a frame of each clip by each method there")
    add_json(parser)
    return parser


if __name__ == "__main__":
    sys.exit(main())
