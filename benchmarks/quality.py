"""Score every shipped model, any peer and the baselines, on pairs of images and by faults that pairs hide.

    python benchmarks/quality.py --low DIR --high DIR [--peer NAME=FILE.onnx] [--json FILE]
    python benchmarks/quality.py --pairs DIR --split test
    python benchmarks/quality.py --faults [--night DIR CLIP ...] [--lit DIR CLIP ...] [--each]
    python benchmarks/quality.py --faults --model new/night.json    # other weights alone

Pairs are matched by file name, or read from DIR/pairs.csv. The protocol is that of `model.metrics`. Faults
(`benchmarks.faults.measures`) are looked for in scenes made for it, and in images and clips that are named.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

# The script also runs from a checkout that is not installed.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.common.arguments import add_json, add_peer
from benchmarks.common.files import write_json
from model.command import Parser, imports, run
from rtvideo.errors import UsageError

with imports(__name__, "benchmark"):
    import onnxruntime  # type: ignore[import-untyped]  # noqa: F401 (asked for before anything is read)
    import skimage  # noqa: F401

    from benchmarks.faults import scenes
    from benchmarks.faults.scenes import Material
    from benchmarks.faults.table import Faults, fault_table, find_faults
    from benchmarks.methods import baselines
    from benchmarks.methods.contenders import contenders, debanded
    from benchmarks.methods.scores import score, table
    from model.data import Item, Reader, matched, paired


def main(words: Sequence[str] | None = None) -> int:
    """Run the command; return an exit code."""
    return run(measure, _parser(), words, extra="benchmark")


def measure(arguments: argparse.Namespace) -> None:
    """Print the tables, and write what they hold."""
    if arguments.fit is not None:
        gain, mean = baselines.fit(paired([arguments.fit], Reader()))
        print(f"GAIN = {gain:g}\nGAMMA_MEAN = {mean:g}")
        return
    record: dict[str, Any] = {}
    if arguments.low or arguments.pairs or not arguments.faults:
        items = read(arguments)
        rows = [score(contender, items) for contender in contenders(arguments.peer, arguments.model)]
        print(f"{len(items)} pairs\n\n{table(rows)}\n")
        record = {"pairs": len(items), "rows": [asdict(row) for row in rows]}
    if arguments.faults:
        record["faults"] = {}
        for title, material in look(arguments).items():
            methods = (*contenders(arguments.peer, arguments.model), *debanded(arguments.model))
            found = {one.name: find_faults(one.method, material) for one in methods}
            print(f"faults, {title}\n\n{fault_table(found)}\n")
            record["faults"][title] = [_known(name, one) for name, one in found.items()]
    write_json(arguments.json, record)


def read(arguments: argparse.Namespace) -> list[Item]:
    """Return the pairs that the arguments name.

    Raises:
        UsageError: they name none.
        InputError: a folder is missing or not one of pairs.
    """
    reader = Reader()
    if arguments.pairs is not None:
        return paired([arguments.pairs], reader, part=arguments.split)
    if arguments.low is None or arguments.high is None:
        raise UsageError("give --low DIR and --high DIR, or --pairs DIR, or --faults")
    return matched(arguments.low, arguments.high, reader)


def look(arguments: argparse.Namespace) -> dict[str, Material]:
    """Return what to look for faults in, by a title each."""
    found = {"scenes made for it": scenes.made()}
    if arguments.each:
        found |= {path.name: scenes.named([path], []) for path in arguments.night}
        found |= {path.name: scenes.named([], [path]) for path in arguments.lit}
    elif arguments.night or arguments.lit:
        named = scenes.named(arguments.night, arguments.lit)
        found[f"{len(named.night)} dark and {len(named.lit)} lit images"] = named
    return found


def _known(name: str, found: Faults) -> dict[str, Any]:
    """Return a row for JSON, which has no word for what is not a number."""
    values = {key: None if math.isnan(value) else value for key, value in asdict(found).items()}
    return {"method": name, **values}


def _parser() -> argparse.ArgumentParser:
    parser = Parser("python benchmarks/quality.py", __doc__)
    add = parser.add_argument
    add("--low", type=Path, metavar="DIR", help="dark images")
    add("--high", type=Path, metavar="DIR", help="their references, of the same names")
    add("--pairs", type=Path, metavar="DIR", help="low/ and high/, or pairs.csv with low/ and ref/")
    add("--split", default="test", help="part of pairs.csv that counts (test)")
    add("--faults", action="store_true", help="look for faults that pairs hide")
    paths: dict[str, Any] = {"type": Path, "nargs": "+", "default": [], "metavar": "PATH"}
    add("--night", **paths, help="folders of dark images and clips, to look for faults in")
    add("--lit", **paths, help="folders, whose bright images count, and clips in good light")
    add("--each", action="store_true", help="a table for each of these instead of one of all")
    about = "score these models, by name or model file, instead of all that is shipped"
    add("--model", nargs="+", default=[], metavar="NAME", help=about)
    add_peer(parser)
    add("--fit", type=Path, metavar="DIR", help="fit the baselines on these pairs and stop")
    add_json(parser)
    return parser


if __name__ == "__main__":
    sys.exit(main())
