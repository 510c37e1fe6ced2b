"""What brings the scores, the graph or the pictures: two networks of one size, each learned from two sets.

    python benchmarks/graphs.py --free scenes/* --lol lol/train --steps 1000 \\
        --pairs lol/eval15 --foreign sice --lit day/ day.mp4 --json docs/quality/graphs.json

``night`` and a plain graph (`benchmarks.training.plain`) are trained alike, by the recipe of ``night`` and
for as many steps: on scenes that `model.scenes` made of free pictures, and on the pairs of LOL as they are.
The last step counts. Results are kept in ``--runs`` and not computed again.
"""

from __future__ import annotations

import argparse
import dataclasses
import functools
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

# The script also runs from a checkout that is not installed.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.common.arguments import add_json
from benchmarks.common.files import ROOT, write_json
from model.command import Parser, imports, run
from rtvideo import values

with imports(__name__, "train"):
    import torch

    from benchmarks.ablation import method
    from benchmarks.faults import scenes
    from benchmarks.faults.scenes import Material
    from benchmarks.faults.table import find_faults
    from benchmarks.methods.contenders import Contender
    from benchmarks.methods.scores import score
    from benchmarks.pages.quality import graphs
    from benchmarks.training.cache import Cache, code
    from benchmarks.training.plain import plain, recipe_of, weights
    from model import data
    from model.recipes import NIGHT, Recipe
    from model.ruas import RUAS, parameters
    from model.trainer import TrainConfig, Trainer, kinds
    from rtvideo.models.description import Description

#: What a result follows from, beside the recipe.
_CODE = (
    "benchmarks/graphs.py", "benchmarks/training/plain.py", "model/data.py", "model/iem.py",
    "model/losses.py", "model/metrics.py", "model/nrm.py", "model/objectives.py", "model/trainer.py",
)  # fmt: skip

#: The pairs of LOL alone, as they are: no nights made of them, and nothing that is well lit already.
_ALONE = {"given": 1.0}


@dataclass(frozen=True)
class Graph:
    """A network under a name: what makes it, and how many weights it has in the end."""

    make: Callable[[Description], RUAS]
    recipe: Callable[[Recipe], Recipe]
    weights: Callable[[RUAS], int]


GRAPHS = {
    "this graph": Graph(RUAS, lambda recipe: recipe, parameters),
    "plain 3x3": Graph(plain, recipe_of, weights),
}


@dataclass(frozen=True)
class Tests:
    """What trained networks are scored on: pairs by name, and photographs that need no light."""

    pairs: Mapping[str, Sequence[data.Item]]
    lit: Material


def main(words: Sequence[str] | None = None) -> int:
    """Run the command; return an exit code."""
    return run(measure, _parser(), words, extra="train")


def measure(arguments: argparse.Namespace) -> None:
    """Train what is missing, and print or write all results."""
    torch.set_num_threads(1)
    tests = Tests(
        {
            name: data.paired([folder], data.Reader(), part="test")
            for name, folder in (("pairs", arguments.pairs), ("foreign", arguments.foreign))
        },
        scenes.named([], arguments.lit),
    )
    cache = Cache(arguments.runs)
    rows = []
    sets = {"free data": (arguments.free, NIGHT.shares), "LOL alone": ([arguments.lol], _ALONE)}
    for learned, (folders, shares) in sets.items():
        reader = data.Reader()
        train, held = data.split(data.paired(folders, reader), 0.1, 0)
        for name, graph in GRAPHS.items():
            recipe = dataclasses.replace(graph.recipe(NIGHT), shares=shares, steps=arguments.steps)
            config = TrainConfig(recipe=recipe, train=kinds(recipe, train, arguments.seed), held=held[:1],
                                 fingerprint=reader.fingerprint(), out=arguments.runs / "unused",
                                 network=graph.make, seed=arguments.seed)  # fmt: skip
            inputs = {
                "graph": name,
                "recipe": asdict(recipe),
                "seed": arguments.seed,
                "data": config.fingerprint.sha256,
                "code": code(*_CODE),
            }
            result = cache.get("graph", inputs, functools.partial(scored, config, graph, tests))
            rows.append({"graph": name, "learned from": learned, **result})
    record = {"steps": arguments.steps, "seed": arguments.seed, "rows": rows}
    print(graphs(record))
    write_json(arguments.json, record)


def scored(config: TrainConfig, graph: Graph, tests: Tests) -> dict[str, Any]:
    """Return what a network scores after its last step."""
    trainer, began = Trainer(config), time.process_time()
    while trainer.step < config.recipe.steps:
        trainer.advance()
    seconds = time.process_time() - began
    enhance = method(trainer.result)
    found = {name: asdict(score(Contender(name, enhance), items)) for name, items in tests.pairs.items()}
    faults = find_faults(enhance, tests.lit)
    return {
        "weights": graph.weights(trainer.result),
        "cpu_seconds": seconds,
        **{name: {key: row[key] for key in ("psnr", "ssim", "matched_psnr")} for name, row in found.items()},
        "lit": {
            "luma_change": faults.luma_change,
            "worst_luma_change": faults.worst_luma_change,
            "added_blown": faults.added_blown,
            "texture_kept": faults.texture_kept,
        },
    }


def _parser() -> argparse.ArgumentParser:
    parser = Parser("python benchmarks/graphs.py", __doc__)
    add = parser.add_argument
    folder: dict[str, Any] = {"type": Path, "metavar": "DIR", "required": True}
    add("--free", nargs="+", **folder, help="of python -m model.scenes")
    add("--lol", **folder, help="pairs to learn from: low/ and high/")
    add("--steps", type=values.positive, default=1000, help="of each training (1000)")
    add("--seed", type=values.count, default=0)
    add("--pairs", **folder, help="pairs to score on, like those of --lol")
    add("--foreign", **folder, help="pairs to score on that are like none that were learned from")
    add("--lit", type=Path, nargs="+", default=[], metavar="PATH", help="as for benchmarks/quality.py")
    add("--runs", type=Path, default=ROOT / "runs/graphs", help="where results are kept (runs/graphs)")
    add_json(parser)
    return parser


if __name__ == "__main__":
    sys.exit(main())
