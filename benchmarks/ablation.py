"""What each part of a recipe brings: short trainings that differ in one part, scored on scenes held out.

    python benchmarks/ablation.py --pairs lol/train sice --json docs/quality/ablation.json

Every variant is trained alike from each seed. Results are kept in ``--runs`` and not computed again, so the
command can be stopped, and given again with more seeds; ``--most 1`` does one training and stops.
"""

from __future__ import annotations

import argparse
import dataclasses
import functools
import itertools
import json
import math
import pickle
import sys
import time
from collections.abc import Sequence
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
    import numpy as np
    import torch
    from torch import nn

    from benchmarks.faults import scenes
    from benchmarks.faults.table import find_faults
    from benchmarks.methods.baselines import Method
    from benchmarks.training.cache import Cache, code
    from benchmarks.training.variants import Variant, variants
    from model import data
    from model.checkpoint import write_whole
    from model.metrics import quantise
    from model.recipes import RECIPES, Recipe
    from model.ruas import parameters
    from model.trainer import TrainConfig, Trainer, evaluate, kinds
    from rtvideo.sample.camera_simulator import Image

#: What a result follows from, beside the recipe: it is computed anew when one of these files changes.
_CODE = (
    "benchmarks/faults/measures.py", "benchmarks/faults/scenes.py", "benchmarks/faults/table.py",
    "model/cell.py", "model/compiled.py", "model/convolution.cpp", "model/data.py",
    "model/dissimilarity.cpp", "model/iem.py", "model/losses.py", "model/metrics.py",
    "rtvideo/sample/camera_simulator.py", "model/nrm.py", "model/objectives.py", "model/operations.py",
    "model/ruas.py", "model/night_pairs.py", "model/recording.py", "model/trainer.py",
)  # fmt: skip

Scores = dict[str, float]


@dataclass(frozen=True)
class Bench:
    """What all variants have in common.

    Attributes:
        base: the recipe that the variants differ from.
        pairs: to learn from.
        held: pairs of other scenes, for the scores.
        fingerprint: of all files.
        cache: of results.
        steps: of a training.
        threads: images that a training learns from at the same time.
    """

    base: Recipe
    pairs: Sequence[data.Item]
    held: Sequence[data.Item]
    fingerprint: data.Fingerprint
    cache: Cache
    steps: int
    threads: int = 1

    @classmethod
    def read(
        cls,
        base: Recipe,
        folders: Sequence[Path],
        cache: Cache,
        steps: int,
        validation: int,
        threads: int = 1,
    ) -> Bench:
        """Read the pairs, and hold out a tenth of the scenes as `model.train` does.

        Raises:
            InputError: a folder is missing or not one of pairs.
        """
        reader = data.Reader()
        train, held = data.split(data.paired(folders, reader), 0.1, 0)
        chosen = np.linspace(0, len(held) - 1, min(len(held), validation)).astype(int)
        return cls(base, train, [held[i] for i in chosen], reader.fingerprint(), cache, steps, threads)

    def inputs(self, recipe: Recipe, seed: int) -> dict[str, Any]:
        """Return what a result follows from."""
        record = asdict(recipe)
        del record["summary"], record["description"]["name"]
        return {
            "recipe": record | {"steps": self.steps},
            "seed": seed,
            "data": self.fingerprint.sha256,
            "held": [item.name for item in self.held],
            "code": code(*_CODE),
        }

    def kept(self, recipe: Recipe, seed: int) -> bool:
        """Return whether the result is there."""
        return self.cache.path("score", self.inputs(recipe, seed)).exists()

    def score(self, recipe: Recipe, seed: int) -> Scores:
        """Train from a seed, and return the scores of the last step."""
        found: Scores = self.cache.get(
            "score", self.inputs(recipe, seed), lambda: self._compute(recipe, seed)
        )
        return found

    def _compute(self, recipe: Recipe, seed: int) -> Scores:
        recipe = dataclasses.replace(recipe, steps=self.steps)
        out = self.cache.folder / "unused"
        trainer = Trainer(TrainConfig(recipe=recipe, train=self.kinds, held=self.held,
                              fingerprint=self.fingerprint, out=out, seed=seed,
                                      threads=self.threads))  # fmt: skip
        began = time.process_time()
        while trainer.step < self.steps:
            trainer.advance()
        seconds = time.process_time() - began
        scores = evaluate(trainer.result, recipe, self.held)
        faults = find_faults(method(trainer.result), scenes.made())
        return {
            **{name: scores[name] for name in ("psnr", "ssim", "iem_psnr", "iem_ssim")},
            **{name: value for name, value in asdict(faults).items() if not math.isnan(value)},
            "parameters": parameters(trainer.net),
            "multiply_adds": trainer.net.multiply_adds,
            "cpu_seconds": seconds,
        }

    @functools.cached_property
    def kinds(self) -> dict[str, Sequence[data.Item]]:
        """What the recipe and all its variants learn from, the same for each seed.

        What has to be made, such as night scenes, takes long and is kept.
        """
        inputs = {"shares": sorted(self.base.shares), "data": self.fingerprint.sha256, "code": code(*_CODE)}
        file = self.cache.path("made", inputs, ".pickle")
        if not file.exists():
            found = kinds(self.base, self.pairs, seed=0)
            write_whole(file, pickle.dumps({name: found[name] for name in found if name != "given"}))
        made: dict[str, Sequence[data.Item]] = pickle.loads(file.read_bytes())
        return {"given": self.pairs, **made}


def method(net: nn.Module) -> Method:
    """Return a network in torch as a method on (H, W, 3) images in 8 bits."""

    def run(image: Image) -> Image:
        with torch.no_grad():
            lit = net(torch.from_numpy(data.planes(image[None])))
        return quantise(lit[0].permute(1, 2, 0).numpy())

    return run


def rows_of(bench: Bench, chosen: Sequence[Variant], seeds: Sequence[int], most: int) -> list[dict[str, Any]]:
    """Compute what is missing, at most so many trainings, and return all rows, each with its seeds' scores.

    Seeds are the outer loop, so that a run that is stopped has treated all variants alike.
    """
    left = most
    for seed, variant in itertools.product(seeds, chosen):
        recipe = variant.recipe(seed)
        if left and not bench.kept(recipe, seed):
            print(f"{variant.part} {variant.name}, seed {seed}".strip(), file=sys.stderr, flush=True)
            bench.score(recipe, seed)
            left -= 1
    rows = []
    for variant in chosen:
        done = {s: bench.score(variant.recipe(s), s) for s in seeds if bench.kept(variant.recipe(s), s)}
        rows.append({"part": variant.part, "name": variant.name, "seeds": done})
    return rows


def main(words: Sequence[str] | None = None) -> int:
    """Run the command; return an exit code."""
    return run(measure, _parser(), words, extra="train")


def measure(arguments: argparse.Namespace) -> None:
    """Compute what is missing, and print or write all results."""
    torch.set_num_threads(1)
    cache = Cache(arguments.runs, say=lambda text: None)
    base = RECIPES[arguments.recipe]
    bench = Bench.read(base, arguments.pairs, cache, arguments.steps, arguments.validation, arguments.threads)
    rows = rows_of(bench, list(variants(base)), arguments.seeds, arguments.most)
    record = {
        "recipe": arguments.recipe,
        "steps": arguments.steps,
        "seeds": arguments.seeds,
        "learned_from": len(bench.pairs),
        "held_out": len(bench.held),
        "rows": rows,
    }
    if arguments.json is None:
        print(json.dumps(record, indent=1))
    write_json(arguments.json, record)


def _parser() -> argparse.ArgumentParser:
    parser = Parser("python benchmarks/ablation.py", __doc__)
    add = parser.add_argument
    add("--pairs", type=Path, nargs="+", required=True, metavar="DIR", help="as for model.train")
    add("--recipe", choices=sorted(RECIPES), default="night")
    add("--steps", type=values.positive, default=120, help="of each training (120)")
    add("--seeds", type=values.count, nargs="+", default=[0, 1, 2])
    add("--validation", type=values.positive, default=16, metavar="N", help="held-out images to score (16)")
    add("--most", type=values.count, default=10**9, metavar="N", help="stop after so many trainings")
    add("--runs", type=Path, default=ROOT / "runs/ablation", help="where results are kept (runs/ablation)")
    add("--threads", type=values.positive, default=1)
    add_json(parser)
    return parser


if __name__ == "__main__":
    sys.exit(main())
