"""``python -m model.train``: train a network of a recipe on any folder of images.

    python -m model.train --data photos/ --out runs/mine          # dark photographs alone, no references
    python -m model.train --pairs lol/train sice --out runs/night

Writes ``OUT.safetensors`` and ``OUT.json`` (best checkpoint so far), and at the end ``OUT.card.json``. The
state in ``OUT.state`` lets the same command go on after a kill, to the same result bit for bit on a CPU.
"""

from __future__ import annotations

import argparse
import dataclasses
import logging
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from model import genotypes
from model.command import Parser, imports, run, torch_device, weight
from model.recipes import RECIPES
from rtvideo import values
from rtvideo.cpus import usable_cpus
from rtvideo.errors import InputError, UsageError
from rtvideo.models.description import Description

with imports(__name__, "train"):
    import numpy as np
    import torch

    from model import credits, data, objectives
    from model.checkpoint import files
    from model.trainer import TrainConfig, kinds, train


def main(words: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    words = sys.argv[1:] if words is None else words
    command = shlex.join(["python", "-m", "model.train", *words])
    stopped = "stopped; the same command goes on from the last validation"
    return run(lambda given: _train(given, command), _parser(), words, extra="train", stopped=stopped)


def _train(arguments: argparse.Namespace, command: str) -> None:
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    logging.basicConfig(format="%(message)s", level=logging.WARNING)
    torch.set_num_threads(1)  # images are learned from side by side, each on one thread
    config = prepare(arguments, command, console)
    best = train(config, console, overwrite=arguments.overwrite)
    console.print(
        f"{files(config.out)[0]}: best at step {best['step']:.0f}, held-out loss {best['loss']:.4f}"
    )


def prepare(arguments: argparse.Namespace, command: str, console: Console) -> TrainConfig:
    """Read the data and settle the recipe.

    Raises:
        UsageError: arguments that do not go together.
        InputError: data that cannot be used.
        UnavailableError: a device that is not there.
    """
    name = arguments.recipe or ("night" if arguments.pairs else "selftaught")
    recipe = RECIPES[name]
    if arguments.network and arguments.genotype:
        raise UsageError("--network holds genotypes, too; give it or --genotype, not both")
    description = dataclasses.replace(
        Description.load(arguments.network) if arguments.network else recipe.description,
        name=files(arguments.out)[0].stem if arguments.name is None else arguments.name,
    )
    if arguments.genotype:
        description = genotypes.with_genotypes(description, genotypes.read(arguments.genotype))
    changes = {
        field: value
        for field in ("steps", "batch", "crop", "learning_rate")
        if (value := getattr(arguments, field)) is not None
    }
    recipe = dataclasses.replace(recipe, description=description, **changes)
    if recipe.continues and arguments.begin is None:
        raise UsageError(f"recipe {name} learns on from a checkpoint; give --begin FILE")
    if not arguments.data and not arguments.pairs:
        raise UsageError("nothing to learn from; give --data DIR, --pairs DIR or both")
    supervised = objectives.needs_reference(recipe.losses)
    if supervised and not arguments.pairs:
        raise UsageError(f"recipe {name} learns from pairs; give --pairs DIR, or choose --recipe selftaught")

    reader = data.Reader(arguments.longest)
    items = data.paired(arguments.pairs, reader)
    if supervised and arguments.data:
        console.print(f"recipe {name} learns from pairs alone: --data is left out")
    elif arguments.data:
        items += data.unpaired(arguments.data, reader)
    if not items:
        raise InputError("no readable image to learn from; see the warnings above")
    sources = credits.read(arguments.sources, {item.scene for item in items}) if arguments.sources else []
    train_items, held = data.split(items, arguments.held_out, arguments.split_seed)
    chosen = np.linspace(0, len(held) - 1, min(len(held), arguments.validation)).astype(int)
    if "night" in recipe.shares:
        console.print("making night scenes from the references")
    config = TrainConfig(
        recipe=recipe,
        train=kinds(recipe, train_items, arguments.seed),
        held=[held[i] for i in chosen],
        fingerprint=reader.fingerprint(),
        out=arguments.out,
        begin=arguments.begin,
        seed=arguments.seed,
        device=torch_device(arguments.device),
        threads=arguments.threads or usable_cpus(),
        every=arguments.every,
        terms=arguments.terms,
        sources=sources,
        command=command,
    )
    found = f"{len(train_items)} images to learn from, {len(config.held)} held out"
    console.print(f"recipe {name}: {found}, {config.device}")
    return config


def _parser() -> argparse.ArgumentParser:
    parser = Parser("python -m model.train", __doc__)
    add = parser.add_argument
    folders: dict[str, Any] = {"type": Path, "nargs": "+", "default": [], "metavar": "DIR"}
    add("--data", **folders, help="folders of dark images")
    add("--pairs", **folders, help="folders with low/ and high/, or low/, ref/ and pairs.csv")
    add("--out", type=Path, required=True, metavar="FILE", help="the checkpoint; its suffix may be left out")
    add("--overwrite", action="store_true", help="replace a checkpoint or a foreign training state")
    add("--begin", type=Path, metavar="FILE", help="learn on from this checkpoint, with a fresh schedule")
    add("--recipe", choices=sorted(RECIPES), help="default: night with --pairs, selftaught without")
    add("--genotype", type=Path, metavar="FILE", help="genotypes instead of the recipe's")
    add(
        "--network", type=Path, metavar="FILE", help="a search's network.json instead of the recipe's network"
    )
    add("--name", help="the model's name; default: that of FILE")
    add("--terms", default="", metavar="TEXT", help="what the images may be used for: kept in the card")
    about = "CSV with the columns file, source, licence and author of all images: kept in the card"
    add("--sources", type=Path, metavar="FILE", help=about)
    add("--steps", type=values.positive, help="default: the recipe's, as for the next three")
    add("--batch", type=values.positive, help="crops a step")
    add("--crop", type=values.positive, help="side of a crop in pixels")
    add("--learning-rate", type=weight)
    add("--seed", type=values.count, default=0, help="of weights and crops")
    add("--split-seed", type=values.count, default=0, help="of which scenes are held out")
    add("--held-out", type=values.share, default=0.1, metavar="SHARE", help="of the scenes, for validation")
    add("--validation", type=values.positive, default=24, metavar="N", help="at most so many held-out images")
    add("--every", type=values.positive, default=200, metavar="N", help="steps between validations")
    add("--longest", type=values.count, default=0, metavar="PIXELS", help="reduce larger images to this")
    add("--device", default="auto", help="auto, cpu, cuda or cuda:N")
    add("--threads", type=values.count, default=0, help="of the CPU; 0: as many as there are")
    return parser


if __name__ == "__main__":
    sys.exit(main())
