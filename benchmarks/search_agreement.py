"""How sure a search is of its choice, by what makes it decide: shares, and edges on which two seeds agree.

    python benchmarks/search_agreement.py --data photos/ --runs runs/agreement [--only NAME,...] [--json FILE]

Each remedy is a search of the night objective with one seed after another. A stopped run goes on with the
same command. Two operations that differ by a residual are one function, so agreement is counted both ways.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

# The script also runs from a checkout that is not installed.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.common.arguments import add_json
from benchmarks.common.files import write_json
from benchmarks.common.markdown import table
from benchmarks.search.agreement import agreeing, function
from model.command import Parser, imports, run
from rtvideo import values

with imports(__name__, "train"):
    import torch

    from rtvideo.models.description import OPERATIONS
    from search.config import SearchConfig
    from search.objectives import NIGHT
    from search.photos import Photos
    from search.price import Free
    from search.searcher import Searcher

_NONE: dict[str, Any] = {"relaxation": "softmax", "warm_up": 0.0, "shrink": False, "alpha_lr": 3e-4}

_DRAWN = {"relaxation": "gumbel", "warm_up": 0.15, "shrink": True, "alpha_lr": 0.03}

#: What a search is given, by what is new about it.
REMEDIES: dict[str, dict[str, Any]] = {
    "the paper's settings": _NONE,
    "a hundred times the rate of alpha": _NONE | {"alpha_lr": 0.03},
    "the same, weights alone at first": _NONE | {"alpha_lr": 0.03, "warm_up": 0.15},
    "the same, a price on entropy": _NONE | {"alpha_lr": 0.03, "warm_up": 0.15, "entropy": 0.05},
    "the same, options dropped": _NONE | {"alpha_lr": 0.03, "warm_up": 0.15, "shrink": True},
    "drawn, weights alone at first": _NONE | {"alpha_lr": 0.03, "warm_up": 0.15, "relaxation": "gumbel"},
    "drawn, options dropped": _DRAWN,
    "the same, each function once": _DRAWN,
}

#: Remedies that choose among the operations of the objective; the others have all seven.
FUNCTIONS = ("the same, each function once",)


def main(words: Sequence[str] | None = None) -> int:
    """Search and compare; return an exit code."""
    return run(measure, _parser(), words, extra="train")


def measure(arguments: argparse.Namespace) -> int:
    """Make the searches that are not done, and print a row for each remedy."""
    torch.set_num_threads(1)
    rows, figures = [], {}
    for name in arguments.only:
        found = [_search(arguments, name, seed) for seed in range(arguments.seeds)]
        figures[name] = summary(found)
        rows.append([name, *cells(figures[name])])
        print(f"{name}: {', '.join(rows[-1][1:])}", file=sys.stderr, flush=True)
        if arguments.json:
            write_json(arguments.json, figures)
    heads = ["", "largest share", "entropy", "same operation", "same function", "validation loss"]
    print(table(heads, rows))
    return 0


def _search(arguments: argparse.Namespace, name: str, seed: int) -> Searcher:
    config = SearchConfig(
        objective="night", **{**NIGHT.settings, **REMEDIES[name], "epochs": arguments.epochs}, seed=seed
    )
    photos = Photos.read(arguments.data, config.split, seed, longest=config.longest, pairs=True)
    searcher = Searcher(arguments.runs / f"{list(REMEDIES).index(name)}-{seed}", config, photos, Free())
    if name not in FUNCTIONS:
        for part in ("t", "n"):
            searcher.net.choice(part).keep([True] * len(OPERATIONS))
    searcher.resume()
    searcher.go(lambda done: None, lambda record: None)
    return searcher


def summary(searches: Sequence[Searcher]) -> dict[str, float]:
    """Return means over the searches and their cells, and over pairs of searches."""
    shares = [
        s.net.choice(part).probabilities().detach().clamp_min(1e-9) for s in searches for part in ("t", "n")
    ]
    pairs = list(combinations([_edges(s) for s in searches], 2))
    losses = [s.history[-1]["losses"] for s in searches]
    return {
        "largest": sum(s.amax(1).mean().item() for s in shares) / len(shares),
        "entropy": sum(-(s * s.log()).sum(1).mean().item() for s in shares) / len(shares) / math.log(7),
        "edges": len(_edges(searches[0])),
        "same": sum(agreeing(a, b) for a, b in pairs) / max(1, len(pairs)),
        "alike": sum(agreeing(*(list(map(function, s)) for s in pair)) for pair in pairs)
        / max(1, len(pairs)),
        "loss": sum(row["val_t"] + row["val_n"] for row in losses) / len(losses),
    }


def _edges(search: Searcher) -> list[str]:
    return [operation for cell in search.net.genotypes().values() for operation in cell]


def cells(figures: Mapping[str, float]) -> list[str]:
    """Return a row of the table."""
    edges = f"{figures['edges']:.0f}"
    return [
        f"{figures['largest']:.2f}",
        f"{figures['entropy']:.2f}",
        f"{figures['same']:.1f} of {edges}",
        f"{figures['alike']:.1f} of {edges}",
        f"{figures['loss']:.4f}",
    ]


def _parser() -> argparse.ArgumentParser:
    parser = Parser("python benchmarks/search_agreement.py", __doc__)
    add = parser.add_argument
    add("--data", type=Path, metavar="DIR", required=True, help="well lit photographs")
    add("--runs", type=Path, metavar="DIR", required=True, help="folder of the searches")
    add("--only", type=_numbers, default=list(REMEDIES), metavar="N,...", help="some of the remedies, from 0")
    add("--seeds", type=values.positive, default=2, help="searches of each (2)")
    add("--epochs", type=values.positive, default=40, help="passes of each search (40)")
    add_json(parser)
    return parser


def _numbers(text: str) -> list[str]:
    names = list(REMEDIES)
    numbers = text.split(",")
    for number in numbers:
        if not number.isdigit() or int(number) >= len(names):
            raise argparse.ArgumentTypeError(f"{number!r} is not allowed; allowed: 0 to {len(names) - 1}")
    return [names[int(number)] for number in numbers]


if __name__ == "__main__":
    sys.exit(main())
