"""Whether a search finds what chance does not: the found network against rivals of the same price.

    python benchmarks/search_rivals.py --found runs/found --data photos/ --held other_photos/ \\
        --prices docs/search/prices.json --rows rivals.jsonl [--steps 600] [--seeds 3] [--time]

Rivals are the shipped network, the authors' cells, ten networks drawn at random within 5 % of the found one's
price, and the best of these, which is what random search would give. All are trained alike, by the recipe
night with few steps on small crops of night scenes made from the photographs. A row is written as soon as a
training ends; the same command makes those that are missing. --time compiles and times the networks instead.
"""

from __future__ import annotations

import argparse
import itertools
import json
import statistics
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

# The script also runs from a checkout that is not installed.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.common.markdown import table
from model.command import Parser, imports, run
from rtvideo import values

with imports(__name__, "train"):
    import torch
    from rich.console import Console

    from benchmarks.search.contestants import authors, random_networks
    from benchmarks.search.frames import compiled
    from benchmarks.speed.turns import take_turns
    from model import data
    from model.recipes import NIGHT
    from model.trainer import TrainConfig, kinds, train
    from rtvideo.models.description import Description
    from search.photos import at_night
    from search.price import Milliseconds
    from search.report import NETWORK

#: Networks drawn at random.
RANDOM = 10

#: Of a training: photographs are reduced to this, and the crop is what is scored.
LONGEST, CROP = 256, 64

#: What a row has of the held-out scenes, and which direction is better.
SCORES = {"loss": -1, "psnr": 1, "ssim": 1}

Row = dict[str, Any]


def main(words: Sequence[str] | None = None) -> int:
    """Train what is missing and print the table; return an exit code."""
    return run(measure, _parser(), words, extra="train")


def measure(arguments: argparse.Namespace) -> int:
    """Train or time each contestant, and print the rows."""
    torch.set_num_threads(1)
    prices = Milliseconds.read(arguments.prices)
    named = contestants(arguments.found, prices)
    rows = read(arguments.rows)
    if arguments.time:
        frames = {name: compiled(network, 1) for name, network in named.items()}
        for name, times in take_turns(frames, arguments.rounds).items():
            append(arguments.rows, rows, {"name": name, "ms": 1e3 * min(times)})
    else:
        seen, held = _images(arguments.data), _images(arguments.held)
        for seed, (name, network) in itertools.product(range(arguments.seeds), named.items()):
            if not any(row["name"] == name and row.get("seed") == seed for row in rows):
                scores = trained(network, seen, held, seed, arguments.steps)
                row = {"name": name, "seed": seed, "steps": arguments.steps, **scores}
                append(arguments.rows, rows, row)
                print(json.dumps(row), file=sys.stderr, flush=True)
    print(report(named, prices, rows))
    return 0


def contestants(found: Path, prices: Milliseconds) -> dict[str, Description]:
    """Return the networks by name, all of about the found one's price."""
    network = Description.load(found / NETWORK)
    target = prices.of(network)
    named = {"found": network, "shipped": NIGHT.description, "authors' cells": authors(prices, target)}
    drawn = itertools.islice(random_networks(prices, target), RANDOM)
    return named | {f"random {number}": rival for number, rival in enumerate(drawn, 1)}


def trained(
    network: Description, seen: Sequence[data.Item], held: Sequence[data.Item], seed: int, steps: int
) -> dict[str, float]:
    """Return the scores on the held-out scenes after a short training by the recipe night."""
    recipe = replace(NIGHT, description=network, steps=steps, crop=CROP)
    with tempfile.TemporaryDirectory() as folder:
        config = TrainConfig(
            recipe=recipe,
            train=kinds(recipe, seen, seed),
            held=held,
            fingerprint=data.Fingerprint(len(seen), ""),
            out=Path(folder) / "network",
            seed=seed,
            every=steps,
        )
        return train(config, Console(quiet=True))


def _images(folder: Path) -> list[data.Item]:
    """Return night scenes of photographs, the same for every contestant."""
    return at_night(data.unpaired([folder], data.Reader(LONGEST)), 0)


def read(path: Path) -> list[Row]:
    """Return the rows of an earlier run; none where there is no file."""
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def append(path: Path, rows: list[Row], row: Row) -> None:
    """Keep a row."""
    rows.append(row)
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(row) + "\n")


def report(named: Mapping[str, Description], prices: Milliseconds, rows: Sequence[Row]) -> str:
    """Return the table: price, measured time, and mean scores with their lowest and highest."""
    lines = []
    for name, network in named.items():
        runs = [row for row in rows if row["name"] == name and "loss" in row]
        times = [row["ms"] for row in rows if row["name"] == name and "ms" in row]
        cells = [name, f"{prices.of(network):.1f}", f"{times[-1]:.1f}" if times else "", str(len(runs))]
        lines.append([*cells, *(_spread([run[score] for run in runs]) for score in SCORES)])
    text = table(["network", "ms by table", "ms", "seeds", *SCORES], lines)
    drawn = {name: [r for r in rows if r["name"] == name and "loss" in r] for name in named}
    chance = {name: runs for name, runs in drawn.items() if name.startswith("random") and runs}
    if not chance:
        return text
    best = min(chance, key=lambda name: statistics.mean(run["loss"] for run in chance[name]))
    every = [statistics.mean(run["loss"] for run in runs) for runs in chance.values()]
    return f"{text}\n\nBest of random: {best}. Random: mean loss {_spread(every)} over {len(every)} networks."


def _spread(numbers: Sequence[float]) -> str:
    if not numbers:
        return ""
    digits = 2 if max(numbers) > 2 else 4
    mean = f"{statistics.mean(numbers):.{digits}f}"
    return f"{mean} ({min(numbers):.{digits}f} to {max(numbers):.{digits}f})" if len(numbers) > 1 else mean


def _parser() -> argparse.ArgumentParser:
    parser = Parser("python benchmarks/search_rivals.py", __doc__)
    add = parser.add_argument
    folder: dict[str, Any] = {"type": Path, "metavar": "DIR", "required": True}
    add("--found", **folder, help="run folder of a search of the night objective")
    add("--data", **folder, help="well lit photographs to learn from")
    add("--held", **folder, help="others, to score on")
    add("--prices", type=Path, metavar="FILE", required=True, help="of benchmarks/prices.py")
    add("--rows", type=Path, metavar="FILE", required=True, help="a line of JSON for each result")
    add("--steps", type=values.positive, default=600, help="of each training (600)")
    add("--seeds", type=values.positive, default=3, help="trainings of each network (3)")
    add("--rounds", type=values.positive, default=15, help="turns of each network with --time (15)")
    add("--time", action="store_true", help="compile and time the networks instead of training them")
    return parser


if __name__ == "__main__":
    sys.exit(main())
