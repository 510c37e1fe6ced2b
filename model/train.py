"""``python -m model.train``: train a network of a recipe on any folder of images.

    python -m model.train --data photos/ --out runs/mine          # dark photographs alone, no references
    python -m model.train --pairs lol/train sice --out runs/night

Writes ``OUT.safetensors`` and ``OUT.json`` (best checkpoint so far), and at the end ``OUT.card.json``. The
state in ``OUT.state`` lets the same command go on after a kill, to the same result bit for bit on a CPU.
"""

from __future__ import annotations

import argparse
import dataclasses
import hashlib
import io
import json
import logging
import math
import platform
import shlex
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from model import data, genotypes, metrics, objectives
from model.checkpoint import files, save, write_whole
from model.objectives import Sample
from model.recipes import RECIPES, Recipe
from model.ruas import RUAS, parameters
from model.scenes import night_scene, well_lit
from rtvideo.errors import ExitCode, InputError, RtvideoError, UnavailableError, UsageError
from rtvideo.models.description import Description, Genotype
from rtvideo.version import __version__

#: Of a validation: ``loss``, and where there are references PSNR and SSIM of the result and of the IEM.
Scores = dict[str, float]


@dataclass(frozen=True, kw_only=True)
class Run:
    """One training.

    Attributes:
        recipe: steps, batch and crop included.
        train, held: images to learn from, by kind (`Recipe.shares`), and of other scenes to validate on.
        fingerprint: of all files.
        out: path of the checkpoint, with or without suffix.
        seed: of initial weights, crops and their order.
        device: a torch device.
        every: steps between validations; the state is written then, too.
        command, terms: how it was started, and what its images may be used for; both for the card.
    """

    recipe: Recipe
    train: Mapping[str, Sequence[data.Item]]
    held: Sequence[data.Item]
    fingerprint: data.Fingerprint
    out: Path
    seed: int = 0
    device: str = "cpu"
    every: int = 200
    command: str = ""
    terms: str = ""

    def identity(self) -> dict[str, Any]:
        """Return what must be equal for a state to be continued, by the name a user knows it by."""
        recipe = dataclasses.asdict(self.recipe)
        sizes = {name: recipe.pop(name) for name in ("steps", "batch", "crop")}
        held = hashlib.sha256("\n".join(item.name for item in self.held).encode()).hexdigest()
        return {
            **sizes,
            "recipe": json.dumps(recipe, sort_keys=True),
            "seed": self.seed,
            "validation interval": self.every,
            "images": self.fingerprint.sha256,
            "held-out images": held,
        }


class Trainer:
    """A network on its way: what one step does, and what must be kept to go on later."""

    def __init__(self, run: Run) -> None:
        torch.manual_seed(run.seed)
        self.run = run
        self.net = RUAS(run.recipe.description).to(run.device)
        self.optimiser = torch.optim.Adam(self.net.parameters(), lr=run.recipe.learning_rate)
        self.step = 0
        self.seconds = 0.0
        self.best: Scores | None = None
        self.history: list[Scores] = []
        # Every folder counts alike, however many images it has.
        self._sources = {kind: _by_source(items) for kind, items in run.train.items()}

    def advance(self) -> float:
        """Take one step and return its loss.

        Raises:
            UsageError: the loss is not finite any more.
        """
        recipe = self.run.recipe
        for group in self.optimiser.param_groups:
            group["lr"] = recipe.learning_rate * schedule(self.step, recipe.steps)
        self.optimiser.zero_grad()
        value = sum(self._learn(*view) for view in self._views())
        if not math.isfinite(value):
            raise UsageError(f"the loss is {value} at step {self.step}; lower the recipe's learning rate")
        torch.nn.utils.clip_grad_norm_(self.net.parameters(), recipe.clip)
        self.optimiser.step()
        self.step += 1
        return value

    def validate(self) -> bool:
        """Score the held-out images, remember the scores, and return whether they are the best so far."""
        scores = evaluate(self.net, self.run.recipe, self.run.held, self.run.device)
        self.history.append({"step": self.step, **scores})
        if self.best is not None and scores["loss"] >= self.best["loss"]:
            return False
        self.best = self.history[-1]
        return True

    def state(self) -> bytes:
        """Return everything that `restore` needs."""
        buffer = io.BytesIO()
        torch.save(
            {
                "identity": self.run.identity(),
                "net": self.net.state_dict(),
                "optimiser": self.optimiser.state_dict(),
                **{name: getattr(self, name) for name in _PROGRESS},
            },
            buffer,
        )
        return buffer.getvalue()

    def restore(self, path: Path) -> None:
        """Go back to a state.

        Raises:
            UnavailableError: the file cannot be read.
            UsageError: it belongs to another command.
        """
        try:
            state = torch.load(path, map_location="cpu", weights_only=True)
            identity = state["identity"]
        except Exception:  # the unpickler raises whatever the bytes lead it to
            raise UnavailableError(f"{path}: not a training state; delete it to start anew") from None
        for name, ours in self.run.identity().items():
            if identity.get(name) != ours:
                detail = f" ({identity.get(name)} there, {ours} here)" if isinstance(ours, int) else ""
                raise UsageError(
                    f"{path}: belongs to another command, its {name} differs{detail}; "
                    "repeat that command, choose another --out, or start anew with --overwrite"
                )
        self.net.load_state_dict(state["net"])
        self.optimiser.load_state_dict(state["optimiser"])
        for name in _PROGRESS:
            setattr(self, name, state[name])

    def _views(self) -> Iterator[tuple[data.View, float]]:
        """Yield what this step learns from, with each part's weight."""
        run, recipe = self.run, self.run.recipe
        if not recipe.whole:
            low, high = data.batch(run.train["given"], recipe.batch, recipe.crop, run.seed, self.step)
            yield data.View(low, high, (slice(None), slice(None))), 1.0
            return
        random = np.random.default_rng((run.seed, self.step))
        for _ in range(recipe.batch):
            kind = str(random.choice(list(recipe.shares), p=list(recipe.shares.values())))
            sources = self._sources[kind]
            source = sources[random.integers(len(sources))]
            item = source[random.integers(len(source))]
            yield data.view(item, recipe.crop, random, permuted=recipe.permuted), 1 / recipe.batch

    def _learn(self, view: data.View, weight: float) -> float:
        """Add a view's gradient, and return its part of the loss."""
        recipe, device = self.run.recipe, self.run.device
        low = torch.from_numpy(view.low).to(device)
        high = None if view.high is None else torch.from_numpy(view.high).to(device)
        trace = self.net.trace(low, separate=recipe.separate, part=view.part)
        sample = Sample(trace, low[(..., *view.part)], high, self.net, low)
        loss = weight * objectives.objective(recipe.losses, sample)
        loss.backward()  # type: ignore[no-untyped-call]
        return loss.item()


_PROGRESS = ("step", "seconds", "best", "history")


def _by_source(items: Sequence[data.Item]) -> list[list[data.Item]]:
    sources: dict[str, list[data.Item]] = {}
    for item in items:
        sources.setdefault(item.source, []).append(item)
    return list(sources.values())


def kinds(recipe: Recipe, items: Sequence[data.Item], seed: int) -> dict[str, list[data.Item]]:
    """Return what the recipe's shares ask for: items as they are, well lit photographs, night scenes."""
    found = {"given": list(items)}
    # The items of one scene share one reference; it counts once.
    lit = [i for i in {item.scene: item for item in items}.values() if i.high is not None]
    random = np.random.default_rng(seed)
    if "lit" in recipe.shares:
        found["lit"] = []
        for item in lit:
            assert item.high is not None
            same = well_lit(item.high, random)
            found["lit"].append(dataclasses.replace(item, low=same, high=same))
    if "night" in recipe.shares:
        found["night"] = []
        for item in lit:
            assert item.high is not None
            low, high = night_scene(item.high, random)
            found["night"].append(dataclasses.replace(item, low=low, high=high, source="night"))
    return found


def schedule(step: int, steps: int) -> float:
    """Return the learning rate's factor: a linear rise over 5 %, then a cosine from 1 to 0.01."""
    rise = max(1, steps // 20)
    if step < rise:
        return (step + 1) / rise
    part = (step - rise) / max(1, steps - rise)
    return 0.01 + 0.99 * (1 + math.cos(math.pi * part)) / 2


def evaluate(net: RUAS, recipe: Recipe, items: Sequence[data.Item], device: str = "cpu") -> Scores:
    """Return mean scores over whole images; equal images count as 100 dB."""
    rows: list[Scores] = []
    with torch.no_grad():
        for item in items:
            low = torch.from_numpy(data.planes(item.low[None])).to(device)
            high = None if item.high is None else torch.from_numpy(data.planes(item.high[None])).to(device)
            trace = net.trace(low)
            sample = Sample(trace, low, high, net, low)
            row = {"loss": objectives.objective(recipe.losses, sample).item()}
            if item.high is not None:
                for prefix, image in (("", trace.image), ("iem_", trace.u)):
                    pixels = metrics.quantise(image[0].permute(1, 2, 0).cpu().numpy())
                    row[f"{prefix}psnr"] = min(100.0, metrics.psnr(pixels, item.high))
                    row[f"{prefix}ssim"] = metrics.ssim(pixels, item.high)
            rows.append(row)
    names = {name: None for row in rows for name in row}
    return {name: float(np.mean([row[name] for row in rows if name in row])) for name in names}


def train(run: Run, console: Console, *, overwrite: bool = False) -> Scores:
    """Train to the end, from the state of an interrupted run if there is one, and return the best scores.

    Raises:
        UsageError: there is a finished checkpoint or a foreign state, and ``overwrite`` is not set.
        OutputError: a file cannot be written.
    """
    weights, _ = files(run.out)
    base = weights.with_suffix("")
    state, card = (base.with_name(base.name + suffix) for suffix in (".state", ".card.json"))
    trainer = Trainer(run)
    if overwrite:
        state.unlink(missing_ok=True)
    elif state.exists():
        trainer.restore(state)
        console.print(f"goes on at step {trainer.step} of {run.recipe.steps}")
    elif weights.exists():
        raise UsageError(f"{weights} exists; choose another --out, or replace it with --overwrite")

    before, began = trainer.seconds, time.monotonic()

    def keep() -> None:
        trainer.seconds = before + time.monotonic() - began
        write_whole(state, trainer.state())

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(elapsed_when_finished=True),
    )
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        bar = progress.add_task("training", total=run.recipe.steps, completed=trainer.step)
        recent: list[float] = []
        while trainer.step < run.recipe.steps:
            recent.append(trainer.advance())
            progress.update(bar, completed=trainer.step, description=f"loss {recent[-1]:.4f}")
            if trainer.step % run.every == 0 or trainer.step == run.recipe.steps:
                best = trainer.validate()
                if best:
                    save(trainer.net, run.out)
                keep()
                console.print(_line(trainer, float(np.mean(recent)), best))
                recent.clear()

    assert trainer.best is not None
    trainer.seconds = before + time.monotonic() - began
    write_whole(card, json.dumps(_card(trainer), indent=2).encode() + b"\n")
    state.unlink(missing_ok=True)
    return trainer.best


def _line(trainer: Trainer, loss: float, best: bool) -> str:
    scores = {name: value for name, value in trainer.history[-1].items() if name not in ("step", "loss")}
    text = f"step {trainer.step}: loss {loss:.4f}, held out {trainer.history[-1]['loss']:.4f}"
    for name, value in scores.items():
        text += f", {name} {value:.2f}" if name.endswith("psnr") else f", {name} {value:.3f}"
    left = (trainer.run.recipe.steps - trainer.step) * trainer.seconds / trainer.step
    return text + (", best" if best else "") + f", {left:.0f} s left"


def _card(trainer: Trainer) -> dict[str, Any]:
    run = trainer.run
    return {
        "name": run.recipe.description.name,
        "summary": run.recipe.summary,
        "command": run.command,
        "seed": run.seed,
        "data": {
            "terms": run.terms,
            **dataclasses.asdict(run.fingerprint),
            "train": {kind: len(items) for kind, items in run.train.items()},
            "held_out": len(run.held),
            "held_out_scenes": sorted({item.scene for item in run.held}),
        },
        "recipe": dataclasses.asdict(run.recipe),
        "parameters": parameters(trainer.net),
        "multiply_adds_per_pixel": trainer.net.multiply_adds,
        "scores": trainer.best,
        "history": trainer.history,
        "seconds": round(trainer.seconds, 1),
        "device": run.device,
        "versions": {
            "rtvideo": __version__,
            "torch": torch.__version__,
            "numpy": np.__version__,
            "python": platform.python_version(),
        },
    }


def prepare(arguments: argparse.Namespace, console: Console) -> Run:
    """Read the data and settle the recipe.

    Raises:
        UsageError: arguments that do not go together.
        InputError: data that cannot be used.
        UnavailableError: a device that is not there.
    """
    name = arguments.recipe or ("night" if arguments.pairs else "selftaught")
    recipe = RECIPES[name]
    description = dataclasses.replace(
        recipe.description, name=files(arguments.out)[0].stem if arguments.name is None else arguments.name
    )
    if arguments.genotype:
        description = with_genotypes(description, genotypes.read(arguments.genotype))
    changes = {
        field: value
        for field in ("steps", "batch", "crop", "learning_rate")
        if (value := getattr(arguments, field)) is not None
    }
    recipe = dataclasses.replace(recipe, description=description, **changes)
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
    train_items, held = data.split(items, arguments.held_out, arguments.split_seed)
    chosen = np.linspace(0, len(held) - 1, min(len(held), arguments.validation)).astype(int)
    if "night" in recipe.shares:
        console.print("making night scenes from the references")
    run = Run(
        recipe=recipe,
        train=kinds(recipe, train_items, arguments.seed),
        held=[held[i] for i in chosen],
        fingerprint=reader.fingerprint(),
        out=arguments.out,
        seed=arguments.seed,
        device=device_of(arguments.device),
        every=arguments.every,
        terms=arguments.terms,
        command=shlex.join(["python", "-m", "model.train", *arguments.words]),
    )
    console.print(
        f"recipe {name}: {len(train_items)} images to learn from, {len(run.held)} held out, {run.device}"
    )
    return run


def with_genotypes(description: Description, found: Mapping[str, Genotype]) -> Description:
    """Return the description with the genotypes of a genotype file."""
    illumination, noise = description.illumination, description.noise
    if "iem" in found:
        illumination = dataclasses.replace(illumination, genotype=found["iem"])
    if "nrm" in found and noise is not None:
        noise = dataclasses.replace(noise, genotype=found["nrm"])
    return dataclasses.replace(description, illumination=illumination, noise=noise)


def device_of(name: str) -> str:
    """Return the torch device for ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.

    Raises:
        UsageError: not such a name.
        UnavailableError: there is no such device.
    """
    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    kind, _, index = name.partition(":")
    if name != "cpu" and (kind != "cuda" or (index and not index.isdigit())):
        raise UsageError(f"device {name!r}; allowed: auto, cpu, cuda, cuda:N")
    if kind == "cuda" and int(index or 0) >= torch.cuda.device_count():
        raise UnavailableError(
            f"device {name} is not there: torch sees {torch.cuda.device_count()} CUDA devices"
        )
    return name


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{value}: must be at least 1")
    return value


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m model.train", description="Train a network.")
    add = parser.add_argument
    folders: dict[str, Any] = {"type": Path, "nargs": "+", "default": [], "metavar": "DIR"}
    add("--data", **folders, help="folders of dark PNG and JPEG images")
    add("--pairs", **folders, help="folders with low/ and high/, or low/, ref/ and pairs.csv")
    add("--out", type=Path, required=True, metavar="FILE", help="the checkpoint; its suffix may be left out")
    add("--overwrite", action="store_true", help="replace a checkpoint or a foreign training state")
    add("--recipe", choices=sorted(RECIPES), help="default: night with --pairs, selftaught without")
    add("--genotype", type=Path, metavar="FILE", help="genotypes instead of the recipe's")
    add("--name", help="the model's name; default: that of FILE")
    add("--terms", default="", metavar="TEXT", help="what the images may be used for: kept in the card")
    add("--steps", type=_positive, help="default: the recipe's, as for the next three")
    add("--batch", type=_positive, help="crops a step")
    add("--crop", type=_positive, help="side of a crop in pixels")
    add("--learning-rate", type=float)
    add("--seed", type=int, default=0, help="of weights and crops")
    add("--split-seed", type=int, default=0, help="of which scenes are held out")
    add("--held-out", type=float, default=0.1, metavar="SHARE", help="of the scenes, for validation")
    add("--validation", type=_positive, default=24, metavar="N", help="at most so many held-out images")
    add("--every", type=_positive, default=200, metavar="N", help="steps between validations")
    add("--longest", type=int, default=0, metavar="PIXELS", help="reduce larger images to this")
    add("--device", default="auto", help="auto, cpu, cuda or cuda:N")
    add("--threads", type=int, default=0, help="of the CPU; 0: what torch takes")
    return parser


def main(words: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    words = sys.argv[1:] if words is None else words
    arguments = _parser().parse_args(words)
    arguments.words = list(words)
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    logging.basicConfig(format="%(message)s", level=logging.WARNING)
    if arguments.threads > 0:
        torch.set_num_threads(arguments.threads)
    try:
        run = prepare(arguments, console)
        best = train(run, console, overwrite=arguments.overwrite)
    except RtvideoError as error:
        print(f"error: {error}", file=sys.stderr)
        return int(error.exit_code)
    except KeyboardInterrupt:
        print("stopped; the same command goes on from the last validation", file=sys.stderr)
        return int(ExitCode.INTERRUPTED)
    console.print(f"{files(run.out)[0]}: best at step {best['step']:.0f}, held-out loss {best['loss']:.4f}")
    return int(ExitCode.DONE)


if __name__ == "__main__":
    sys.exit(main())
