"""``python -m search.cooperative``: search the cells of both modules on a folder of dark photographs.

    python -m search.cooperative                                  # on a sample that it makes
    python -m search.cooperative --data photos/ --out runs/mine
    python -m model.train --data photos/ --genotype runs/mine/genotype.txt --out runs/net

The same command goes on where a killed run stopped, to the same result bit for bit on a CPU.
"""

from __future__ import annotations

import argparse
import logging
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args

from rich.console import Console

from model.command import Parser, imports, progress, run, torch_device, weight
from rtvideo import values

with imports(__name__, "train"):
    import torch

    from model import genotypes
    from rtvideo.errors import UsageError
    from search import cost, report
    from search.config import Relaxation, SearchConfig, Strategy, sampled_momentum
    from search.objectives import OBJECTIVES
    from search.photos import Photos
    from search.price import Budget, Free, Milliseconds, Price, Weighed
    from search.searcher import Record, Searcher

#: What --quick makes of what is not given: a smoke run of well under a minute.
QUICK = {"epochs": 2, "crop": 48, "images": 16}

#: Milliseconds of the parts of a network, measured on the machine that the file names.
PRICES = Path(__file__).resolve().parents[1] / "docs/search/prices.json"

#: Photographs of the sample.
SAMPLE = 24


def main(words: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    words = sys.argv[1:] if words is None else words
    command = shlex.join(["python", "-m", "search.cooperative", *words])
    stopped = "stopped; the same command goes on from the last pass"
    return run(lambda given: _search(given, command), _parser(), words, extra="train", stopped=stopped)


def _search(arguments: argparse.Namespace, command: str) -> None:
    console = Console(stderr=True, highlight=False, soft_wrap=True, markup=False)
    logging.basicConfig(format="%(message)s", level=logging.WARNING)
    searcher = prepare(arguments, console)
    search(searcher, command, console)
    for part, cell in genotypes.of(searcher.found()).items():
        print(f"{part}: {' '.join(cell)}")


def prepare(arguments: argparse.Namespace, console: Console) -> Searcher:
    """Read the photographs and set the search up, at the point where it was stopped if it was.

    Raises:
        RtvideoError: of the kind that says what is wrong.
    """
    given: dict[str, Any] = {name: value for name, value in vars(arguments).items() if value is not None}
    objective = OBJECTIVES[arguments.objective]
    given = {**objective.settings, **(QUICK if arguments.quick else {}), **given}
    if arguments.momentum == "sampled":
        given["momentum"] = sampled_momentum(arguments.seed)
    names = SearchConfig.__dataclass_fields__
    config = SearchConfig(**{name: given[name] for name in names if name in given})
    price = _price(arguments, config)
    device = torch_device(arguments.device)
    torch.set_num_threads(arguments.threads)
    torch.use_deterministic_algorithms(True, warn_only=True)
    out: Path = arguments.out or Path("runs") / f"search-{config.strategy}"
    folder = arguments.data or sample(out / "sample", console, "high" if objective.pairs else "low")
    photos = Photos.read(
        folder,
        config.split,
        config.seed,
        given.get("images", 0),
        longest=config.longest,
        pairs=objective.pairs,
    )
    searcher = Searcher(out, config, photos, price, device)
    searcher.resume(overwrite=arguments.overwrite)
    console.print(
        f"{config.strategy} search in {out}: {len(photos.train)} images to train on, "
        f"{len(photos.val)} to validate on, {searcher.passes} passes, {device}"
    )
    if searcher.done:
        console.print(f"goes on after pass {searcher.done} of {searcher.passes}")
    return searcher


def search(searcher: Searcher, command: str, console: Console) -> None:
    """Make the passes that are left, with progress, and keep the report up to date.

    Raises:
        RtvideoError: a file cannot be written, or the search diverges.
    """
    steps, passes = searcher.steps, searcher.passes
    with progress(console) as bars:
        bar = bars.add_task("steps", total=steps, completed=searcher.done * steps // passes)

        def on_pass(record: Record) -> None:
            report.write(searcher, command)
            left = searcher.seconds / searcher.done * (passes - searcher.done)
            losses = ", ".join(f"{name} {value:.3g}" for name, value in record["losses"].items())
            console.print(f"pass {searcher.done} of {passes}: {losses}, {left:.0f} s left")
            for part, cell in genotypes.of(searcher.found()).items():
                console.print(f"  {part}: {' '.join(cell)}")

        searcher.go(lambda done: bars.update(bar, completed=done), on_pass)
    report.write(searcher, command)  # again: a run that was killed after its last pass has none yet
    console.print(f"done in {searcher.seconds:.0f} s; written: {searcher.out / report.GENOTYPES}")


def sample(folder: Path, console: Console, part: str) -> Path:
    """Make the project's own photographs in ``folder``, unless they are there; return where some are.

    ``part`` is ``low`` for dark photographs, ``high`` for well lit ones.
    """
    from model.photos import make_photos

    place = folder / part
    if not (folder / "complete").exists():
        console.print(
            f"no --data given: searching on {SAMPLE} photographs of a simulated street, made in {place}"
        )
        make_photos(folder, SAMPLE, 0)
        (folder / "complete").touch()
    else:
        console.print(f"no --data given: searching on the photographs of a simulated street in {place}")
    return place


def _price(arguments: argparse.Namespace, config: SearchConfig) -> Price:
    # Files are read even where nothing asks for them: a name that is wrong should be heard of.
    table = cost.multiply_adds() if arguments.cost_table is None else cost.read(arguments.cost_table)
    if config.budget or arguments.prices:
        prices = Milliseconds.read(arguments.prices or PRICES)
    if not config.budget:
        return Weighed(table, config.cost) if config.cost else Free()
    if arguments.objective == "paper":
        raise UsageError("--budget needs --objective night: its table of prices is of that network")
    if config.cost:
        raise UsageError("--budget and --cost exclude each other: one is a target, the other a weight")
    return Budget(prices, config.budget)


def _parser() -> argparse.ArgumentParser:
    parser = Parser("python -m search.cooperative", __doc__)
    add = parser.add_argument_group("files").add_argument
    add("--data", type=Path, metavar="DIR", help="folder of images; default: a sample")
    add("--images", type=values.count, metavar="N", help="take only so many; 0: all, the default")
    add("--out", type=Path, metavar="DIR", help="run folder; default: runs/search-STRATEGY")
    add("--overwrite", action="store_true", help="start again in a folder that holds another search")

    add = parser.add_argument_group("search").add_argument
    add("--objective", choices=sorted(OBJECTIVES), default="paper", help="network and losses; default: paper")
    add("--strategy", choices=get_args(Strategy), help="as in figure 9")
    add("--quick", action="store_true", help="a smoke run: few passes over few small crops")
    add("--epochs", type=values.positive, metavar="N", help="passes over the training images, each module")
    add("--inner", type=values.positive, metavar="N", help="steps of each inner loop of algorithm 1")
    add("--crop", type=values.positive, metavar="PIXELS", help="side of a crop")
    add("--split", type=values.share, metavar="SHARE", help="of the images, which validates")
    add("--seed", type=values.count, default=0, metavar="N", help="of everything random")
    add("--batch", type=values.positive, metavar="N", help="images in a step")
    add("--longest", type=values.count, metavar="PIXELS", help="reduce larger images to this; 0: none")

    add = parser.add_argument_group("how choices are made, docs/search.md").add_argument
    add("--alpha-lr", type=weight, help="learning rate of architectures; 0: that of the weights")
    add("--relaxation", choices=get_args(Relaxation), help="compute all options, or one that is drawn")
    add("--warm-up", type=values.share, metavar="SHARE", help="of the passes, in which weights learn alone")
    add("--shrink", action=argparse.BooleanOptionalAction, help="drop options until one is left")
    add("--temperature", type=_temperature, help="of the last pass; from 1 on")
    add("--entropy", type=weight, help="weight of the entropy of shares")

    add = parser.add_argument_group("time").add_argument
    add("--budget", type=_milliseconds, metavar="MS", help="at most so many milliseconds at 1080p")
    add(
        "--prices",
        type=Path,
        metavar="FILE",
        help="of benchmarks/prices.py; default: docs/search/prices.json",
    )

    add = parser.add_argument_group("weights and rates").add_argument
    add("--beta", type=weight, help="of the noise removal's loss in alpha_t's gradient")
    add("--eta-t", type=weight, help="of the illumination's relative total variation")
    add("--eta-n", type=weight, help="of the result's total variation")
    add("--cost", type=weight, metavar="W", help="of the cells' expected cost; 0, the default: none")
    add("--cost-table", type=Path, metavar="FILE", help="measured costs; default: multiply-adds")
    add("--lr", type=weight, help="learning rate of architectures and weights")
    add("--momentum", type=_momentum, help="of the architectures' Adam, or: sampled")
    add("--weight-decay", type=weight, help="of the architectures")
    add("--xi", type=weight, help="length of the unrolled step; 0: first order")

    add = parser.add_argument_group("machine").add_argument
    add("--device", default="auto", help="auto, cpu, cuda or cuda:N")
    add("--threads", type=values.positive, default=1, metavar="N", help="of the CPU; 1 (default) is fastest")
    return parser


def _milliseconds(text: str) -> float:
    return values.number(text, "a number of milliseconds above 0", lambda value: value > 0)


def _temperature(text: str) -> float:
    return values.number(text, "a number above 0, at most 1", lambda value: 0 < value <= 1)


def _momentum(text: str) -> float | str:
    allowed = "sampled, or a number from 0 to 0.999"
    return text if text == "sampled" else values.number(text, allowed, lambda value: 0 <= value <= 0.999)


if __name__ == "__main__":
    sys.exit(main())
