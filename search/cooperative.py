"""``python -m search.cooperative``: search the cells of both modules on a folder of dark photographs.

    python -m search.cooperative                                  # on a sample that it makes
    python -m search.cooperative --data photos/ --out runs/mine
    python -m model.train --data photos/ --genotype runs/mine/genotype.txt --out runs/net

The same command goes on where a killed run stopped, to the same result bit for bit on a CPU.
"""

from __future__ import annotations

import argparse
import logging
import math
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn, get_args

import torch
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from model.train import device_of
from rtvideo.errors import ExitCode, RtvideoError, UsageError
from search import cost, report
from search.photos import Photos
from search.run import Record, Run
from search.settings import Settings, Strategy, sampled_momentum

#: What --quick makes of what is not given: a smoke run of well under a minute.
QUICK = {"epochs": 2, "crop": 48, "images": 16}

#: Photographs of the sample.
SAMPLE = 24


def main(words: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    words = sys.argv[1:] if words is None else words
    console = Console(stderr=True, highlight=False, soft_wrap=True, markup=False)
    logging.basicConfig(format="%(message)s", level=logging.WARNING)
    try:
        run = prepare(_parser().parse_args(words), console)
        search(run, shlex.join(["python", "-m", "search.cooperative", *words]), console)
    except RtvideoError as error:
        print(f"error: {error}", file=sys.stderr)
        return int(error.exit_code)
    except KeyboardInterrupt:
        print("stopped; the same command goes on from the last pass", file=sys.stderr)
        return int(ExitCode.INTERRUPTED)
    print(report.literal(run.net.genotypes()))
    return int(ExitCode.DONE)


def prepare(arguments: argparse.Namespace, console: Console) -> Run:
    """Read the photographs and set the run up, at the point where it was stopped if it was.

    Raises:
        RtvideoError: of the kind that says what is wrong.
    """
    given: dict[str, Any] = {name: value for name, value in vars(arguments).items() if value is not None}
    if arguments.quick:
        given = QUICK | given
    if arguments.momentum == "sampled":
        given["momentum"] = sampled_momentum(arguments.seed)
    settings = Settings(**{name: given[name] for name in Settings.__dataclass_fields__ if name in given})
    table = cost.multiply_adds() if arguments.cost_table is None else cost.read(arguments.cost_table)
    device = device_of(arguments.device)
    torch.set_num_threads(arguments.threads)
    torch.use_deterministic_algorithms(True, warn_only=True)
    out: Path = arguments.out or Path("runs") / f"search-{settings.strategy}"
    folder = arguments.data or sample(out / "sample", console)
    photos = Photos.read(folder, settings.split, settings.seed, given.get("images", 0))
    run = Run(out, settings, photos, table, device)
    run.resume(overwrite=arguments.overwrite)
    console.print(
        f"{settings.strategy} search in {out}: {len(photos.train)} images to train on, "
        f"{len(photos.val)} to validate on, {run.passes} passes, {device}"
    )
    if run.done:
        console.print(f"goes on after pass {run.done} of {run.passes}")
    return run


def search(run: Run, command: str, console: Console) -> None:
    """Make the passes that are left, with progress, and keep the report up to date.

    Raises:
        RtvideoError: a file cannot be written, or the search diverges.
    """
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(elapsed_when_finished=True),
    )
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        bar = progress.add_task("steps", total=run.steps, completed=run.done * run.steps // run.passes)

        def on_pass(record: Record) -> None:
            report.write(run, command)
            left = run.seconds / run.done * (run.passes - run.done)
            losses = ", ".join(f"{name} {value:.3g}" for name, value in record["losses"].items())
            console.print(f"pass {run.done} of {run.passes}: {losses}, {left:.0f} s left")
            console.print(report.literal(run.net.genotypes()))

        run.go(lambda done: progress.update(bar, completed=done), on_pass)
    report.write(run, command)  # again: a run that was killed after its last pass has none yet
    console.print(f"{run.out}: done in {run.seconds:.0f} s")


def sample(folder: Path, console: Console) -> Path:
    """Make the project's own dark photographs in ``folder``, unless they are there; return where they lie."""
    from model.scene.sample import make_photos

    low = folder / "low"
    if not (folder / "complete").exists():
        console.print(
            f"no --data given: searching on {SAMPLE} photographs of a simulated street, made in {low}"
        )
        make_photos(folder, SAMPLE, 0)
        (folder / "complete").touch()
    else:
        console.print(f"no --data given: searching on the photographs of a simulated street in {low}")
    return low


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message} (see python -m search.cooperative --help)")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="python -m search.cooperative",
        description="Search the cells of the illumination and noise removal modules on dark photographs.",
        allow_abbrev=False,
    )
    files = parser.add_argument_group("files")
    files.add_argument(
        "--data", type=Path, metavar="DIR", help="folder of PNG and JPEG images; default: a sample"
    )
    files.add_argument(
        "--images", type=_count, metavar="N", help="take only so many of them; 0: all, the default"
    )
    files.add_argument("--out", type=Path, metavar="DIR", help="run folder; default: runs/search-STRATEGY")
    files.add_argument(
        "--overwrite", action="store_true", help="start anew in a folder that holds another search"
    )

    do = parser.add_argument_group("search")
    do.add_argument("--strategy", choices=get_args(Strategy), help="as in figure 9")
    do.add_argument("--quick", action="store_true", help="a smoke run: few passes over few small crops")
    do.add_argument(
        "--epochs", type=_positive, metavar="N", help="passes over the training images, for each module"
    )
    do.add_argument("--inner", type=_positive, metavar="N", help="steps of each inner loop of algorithm 1")
    do.add_argument("--crop", type=_positive, metavar="PIXELS", help="side of a crop")
    do.add_argument("--split", type=_share, metavar="SHARE", help="of the images, which validates")
    do.add_argument("--seed", type=_count, default=0, metavar="N", help="of everything random")

    weigh = parser.add_argument_group("weights and rates")
    weigh.add_argument("--beta", type=_weight, help="of the noise removal's loss in alpha_t's gradient")
    weigh.add_argument("--eta-t", type=_weight, help="of the illumination's relative total variation")
    weigh.add_argument("--eta-n", type=_weight, help="of the result's total variation")
    weigh.add_argument(
        "--cost", type=_weight, metavar="W", help="of the cells' expected cost; 0, the default: none"
    )
    weigh.add_argument(
        "--cost-table", type=Path, metavar="FILE", help="measured costs; default: multiply-adds"
    )
    weigh.add_argument("--lr", type=_weight, help="learning rate of architectures and weights")
    weigh.add_argument("--momentum", type=_momentum, help="of the architectures' Adam, or: sampled")
    weigh.add_argument("--weight-decay", type=_weight, help="of the architectures")
    weigh.add_argument("--xi", type=_weight, help="length of the unrolled step; 0: first order")

    machine = parser.add_argument_group("machine")
    machine.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N")
    machine.add_argument(
        "--threads", type=_positive, default=1, metavar="N", help="of the CPU; 1, the default, is fastest"
    )
    return parser


def _number(text: str, allowed: str, low: float, high: float) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not low <= value <= high:
        raise argparse.ArgumentTypeError(f"{text!r} is not allowed; allowed: {allowed}")
    return value


def _count(text: str) -> int:
    value = _number(text, "a whole number, 0 or more", 0, 2**31)
    if value != int(value):
        raise argparse.ArgumentTypeError(f"{text!r} is not allowed; allowed: a whole number")
    return int(value)


def _positive(text: str) -> int:
    value = _count(text)
    if value == 0:
        raise argparse.ArgumentTypeError("0 is not allowed; allowed: a whole number, 1 or more")
    return value


def _weight(text: str) -> float:
    return _number(text, "a number, 0 or more", 0, sys.float_info.max)


def _share(text: str) -> float:
    return _number(text, "a number from 0 to 1", 0, 1)


def _momentum(text: str) -> float | str:
    return text if text == "sampled" else _number(text, "sampled, or a number from 0 to 0.999", 0, 0.999)


if __name__ == "__main__":
    sys.exit(main())
