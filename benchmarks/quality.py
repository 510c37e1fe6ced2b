"""Score every shipped model, any peer and the baselines, on pairs of images and by faults that pairs hide.

    python benchmarks/quality.py --low DIR --high DIR [--peer NAME=FILE.onnx] [--json FILE]
    python benchmarks/quality.py --pairs DIR --split test
    python benchmarks/quality.py --faults [--night DIR CLIP ...] [--lit DIR CLIP ...]

Pairs are matched by file name, or read from DIR/pairs.csv. The protocol is that of `model.metrics`. Faults
(`benchmarks.faults`) are looked for in scenes made for it, and in the images and clips that are named.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

# The script also runs from a checkout that is not installed.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks import baselines, fault_scenes
from benchmarks.fault_scenes import Material
from benchmarks.fault_table import Faults, fault_table, find_faults
from benchmarks.methods import Contender, contenders
from model.data import Item, Reader, matched, paired
from model.metrics import blown, mean_matched_psnr, psnr, ssim
from rtvideo.errors import RtvideoError, UsageError


@dataclass(frozen=True)
class Row:
    """Mean scores of one method over all pairs; parameters and multiply-adds (G, at 600x400) where known."""

    method: str
    psnr: float
    ssim: float
    matched_psnr: float
    blown: float
    parameters: int | None
    giga_multiply_adds: float | None


def score(contender: Contender, items: Sequence[Item]) -> Row:
    """Return the mean scores of a contender."""
    table = []
    for item in items:
        assert item.high is not None
        image = contender.method(item.low)
        table.append(
            (
                psnr(image, item.high),
                ssim(image, item.high),
                mean_matched_psnr(image, item.high),
                blown(image),
            )
        )
    a, b, c, d = (float(mean) for mean in np.mean(table, axis=0))
    return Row(contender.name, a, b, c, d, contender.parameters, contender.giga_multiply_adds)


def table(rows: Sequence[Row]) -> str:
    """Return the rows as a Markdown table."""
    lines = [
        "| method | PSNR | SSIM | mean-matched PSNR | blown | parameters | GMAC at 600x400 |",
        "| --- " * 7 + "|",
    ]
    for r in rows:
        parameters = "" if r.parameters is None else f"{r.parameters:,}"
        cost = "" if r.giga_multiply_adds is None else f"{r.giga_multiply_adds:.4f}"
        lines.append(
            f"| {r.method} | {r.psnr:.2f} | {r.ssim:.3f} | {r.matched_psnr:.2f} | {r.blown:.2%} "
            f"| {parameters} | {cost} |"
        )
    return "\n".join(lines)


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
    found = {"scenes made for it": fault_scenes.made()}
    if arguments.night or arguments.lit:
        named = fault_scenes.named(arguments.night, arguments.lit)
        found[f"{len(named.night)} dark and {len(named.lit)} lit images"] = named
    return found


def run(arguments: argparse.Namespace) -> dict[str, Any]:
    """Print the tables, and return what they hold, ready for JSON."""
    record: dict[str, Any] = {}
    if arguments.low or arguments.pairs or not arguments.faults:
        items = read(arguments)
        rows = [score(contender, items) for contender in contenders(arguments.peer)]
        print(f"{len(items)} pairs\n\n{table(rows)}\n")
        record = {"pairs": len(items), "rows": [asdict(row) for row in rows]}
    if arguments.faults:
        record["faults"] = {}
        for title, material in look(arguments).items():
            found = {one.name: find_faults(one.method, material) for one in contenders(arguments.peer)}
            print(f"faults, {title}\n\n{fault_table(found)}\n")
            record["faults"][title] = [_known(name, one) for name, one in found.items()]
    return record


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; return an exit code."""
    arguments = _parser().parse_args(argv)
    try:
        if arguments.fit is not None:
            gain, mean = baselines.fit(paired([arguments.fit], Reader()))
            print(f"GAIN = {gain:g}\nGAMMA_MEAN = {mean:g}")
            return 0
        record = run(arguments)
    except RtvideoError as error:
        print(f"quality.py: error: {error}", file=sys.stderr)
        return int(error.exit_code)
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(record, indent=2) + "\n")
    return 0


def _known(name: str, found: Faults) -> dict[str, Any]:
    """Return a row for JSON, which has no word for what is not a number."""
    values = {key: None if math.isnan(value) else value for key, value in asdict(found).items()}
    return {"method": name, **values}


def _parser() -> argparse.ArgumentParser:
    assert __doc__
    parser = argparse.ArgumentParser(prog="benchmarks/quality.py", description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("--low", type=Path, metavar="DIR", help="dark images")
    add("--high", type=Path, metavar="DIR", help="their references, of the same names")
    add("--pairs", type=Path, metavar="DIR", help="low/ and high/, or pairs.csv with low/ and ref/")
    add("--split", default="test", help="part of pairs.csv that counts (test)")
    add("--faults", action="store_true", help="look for faults that pairs hide")
    paths: dict[str, Any] = {"type": Path, "nargs": "+", "default": [], "metavar": "PATH"}
    add("--night", **paths, help="folders of dark images and clips, to look for faults in")
    add("--lit", **paths, help="folders, whose bright images count, and clips in good light")
    add("--peer", action="append", default=[], metavar="NAME=FILE.onnx")
    add("--fit", type=Path, metavar="DIR", help="fit the baselines on these pairs and stop")
    add("--json", type=Path, metavar="FILE")
    return parser


if __name__ == "__main__":
    sys.exit(main())
