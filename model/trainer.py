"""Training a network of a recipe: steps, validation, the state to go on from, and the card at the end."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
import math
import platform
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console
from torch import Tensor
from torch.optim.swa_utils import AveragedModel

from model import data, metrics, objectives
from model.checkpoint import files, fill, load, load_state, save, save_state, write_whole
from model.command import progress
from model.iem import levels
from model.night_pairs import night_pair, well_lit
from model.objectives import Sample
from model.recipes import Recipe
from model.ruas import RUAS, parameters
from rtvideo.errors import UsageError
from rtvideo.models import find
from rtvideo.models.description import Description
from rtvideo.version import __version__

#: Of a validation: ``loss``, and where there are references PSNR and SSIM of the result and of the IEM.
Scores = dict[str, float]


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """What one training is given.

    Attributes:
        recipe: steps, batch and crop included.
        train, held: images to learn from, by kind (`Recipe.shares`), and of other scenes to validate on.
        fingerprint: of all files.
        out: path of the checkpoint, with or without suffix.
        network: makes the recipe's description a network, untrained.
        begin: path of the checkpoint whose weights are learned on; None begins with random ones.
        seed: of initial weights, crops and their order.
        device: a torch device.
        threads: images that are learned from at the same time, on a CPU; the result does not depend on it.
        every: steps between validations; the state is written then, too.
        command, terms: how it was started, and what its images may be used for; both for the card.
        sources: likewise, where each image comes from, see `model.credits`.
    """

    recipe: Recipe
    train: Mapping[str, Sequence[data.Item]]
    held: Sequence[data.Item]
    fingerprint: data.Fingerprint
    out: Path
    network: Callable[[Description], RUAS] = RUAS
    begin: Path | None = None
    seed: int = 0
    device: str = "cpu"
    threads: int = 1
    every: int = 200
    command: str = ""
    terms: str = ""
    sources: Sequence[Mapping[str, str]] = ()

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
            "first weights": "random" if self.begin is None else _digest(files(self.begin)[0]),
            "images": self.fingerprint.sha256,
            "held-out images": held,
        }


class Trainer:
    """A network on its way: what one step does, and what must be kept to go on later."""

    def __init__(self, config: TrainConfig) -> None:
        torch.manual_seed(config.seed)
        self.config = config
        self.net = config.network(config.recipe.learned).to(config.device)
        self.first_training: dict[str, Any] = {}
        if config.begin is not None:
            fill(self.net, load(config.begin).state_dict(), str(config.begin))
            card = find(str(files(config.begin)[1])).card
            self.first_training = {name: card[name] for name in _TOLD if name in card}
        for name, value in config.recipe.fixed.items():
            self.net.get_parameter(name).requires_grad_(False).fill_(value)
        self._learned = [parameter for parameter in self.net.parameters() if parameter.requires_grad]
        self.optimiser = torch.optim.Adam(self._learned, lr=config.recipe.learning_rate)
        self.average = AveragedModel(self.net, avg_fn=functools.partial(_average, config.recipe.average))
        self.step = 0
        self.seconds = 0.0
        self.best: Scores | None = None
        self.history: list[Scores] = []
        self._pool = ThreadPoolExecutor(config.threads if config.device == "cpu" else 1)
        # Every folder counts alike, however many images it has.
        self._sources = {kind: _by_source(items) for kind, items in config.train.items() if items}
        self._shares = {kind: share for kind, share in config.recipe.shares.items() if kind in self._sources}

    def advance(self) -> float:
        """Take one step and return its loss.

        Raises:
            UsageError: the loss is not finite any more.
        """
        recipe = self.config.recipe
        for group in self.optimiser.param_groups:
            group["lr"] = recipe.learning_rate * schedule(self.step, recipe.steps)
        # In the order of the views, so that the sum does not depend on which is done first.
        value, sums = 0.0, [torch.zeros_like(parameter) for parameter in self._learned]
        for loss, gradients in self._pool.map(self._learn, *zip(*self._views(), strict=True)):
            value += loss
            for total, gradient in zip(sums, gradients, strict=True):
                if gradient is not None:
                    total += gradient
        if not math.isfinite(value):
            raise UsageError(f"the loss is {value} at step {self.step}; lower the recipe's learning rate")
        for parameter, total in zip(self._learned, sums, strict=True):
            parameter.grad = total
        torch.nn.utils.clip_grad_norm_(self._learned, recipe.clip)
        self.optimiser.step()
        self.average.update_parameters(self.net)
        self.step += 1
        return value

    @property
    def result(self) -> RUAS:
        """The network as it would be kept now: the average of its weights."""
        net = self.average.module
        assert isinstance(net, RUAS)
        return net

    def validate(self) -> bool:
        """Score the held-out images, remember the scores, and return whether they are the best so far."""
        scores = evaluate(self.result, self.config.recipe, self.config.held, self.config.device, self._pool)
        self.history.append({"step": self.step, **scores})
        if self.best is not None and scores["loss"] >= self.best["loss"]:
            return False
        self.best = self.history[-1]
        return True

    def save(self, path: Path) -> None:
        """Write everything that `restore` needs. Raises OutputError."""
        progress = {name: getattr(self, name) for name in _PROGRESS}
        parts = {name: getattr(self, name).state_dict() for name in _PARTS}
        save_state(path, self.config.identity(), **parts, **progress)

    def restore(self, path: Path) -> None:
        """Go back to a state.

        Raises:
            UnavailableError: the file cannot be read.
            UsageError: it belongs to another command.
        """
        state = load_state(path, self.config.identity(), "a training state")
        for name in _PARTS:
            getattr(self, name).load_state_dict(state[name])
        for name in _PROGRESS:
            setattr(self, name, state[name])

    def _views(self) -> Iterator[tuple[str, Callable[[], data.View]]]:
        """Yield kind and maker of each of the views that this step learns from, all of the same weight."""
        config, recipe = self.config, self.config.recipe
        if not recipe.whole:
            crops = data.batch(config.train["given"], recipe.batch, recipe.crop, config.seed, self.step)
            yield from (("given", functools.partial(data.crop_of, *crops, i)) for i in range(recipe.batch))
            return
        random = np.random.default_rng((config.seed, self.step))
        shares = np.array(list(self._shares.values()))
        for _ in range(recipe.batch):
            kind = str(random.choice(list(self._shares), p=shares / shares.sum()))
            sources = self._sources[kind]
            source = sources[random.integers(len(sources))]
            item = source[random.integers(len(source))]
            seen = data.place(
                item, recipe.crop, random, permuted=recipe.permuted, saturation=recipe.saturation
            )
            yield kind, functools.partial(data.view, item, seen)

    def _learn(self, kind: str, make: Callable[[], data.View]) -> tuple[float, Sequence[Tensor | None]]:
        """Return a view's part of the loss, and its gradient along each parameter."""
        recipe, device, view = self.config.recipe, self.config.device, make()
        low = torch.from_numpy(view.low).to(device)
        high = None if view.high is None else torch.from_numpy(view.high).to(device)
        stages = objectives.needs_stages(recipe.losses)
        exposed, brightness = None, low.new_zeros((), dtype=torch.float32)
        if recipe.wished and high is not None:
            exposed = self.net.illumination(low, part=view.part).u
            brightness = objectives.wish(exposed, high)
        trace = self.net.trace(
            low, brightness=brightness, stages=stages, separate=recipe.separate, part=view.part
        )
        sample = Sample(trace, levels(low[(..., *view.part)]), high, self.net, low, exposed)
        loss = objectives.objective(self._losses(kind), sample) / recipe.batch
        return loss.item(), torch.autograd.grad(loss, self._learned, allow_unused=True)

    def _losses(self, kind: str) -> Mapping[str, float]:
        """Return the terms that images of a kind are learned from by."""
        recipe = self.config.recipe
        return objectives.of_light(recipe.losses) if kind in recipe.light_only else recipe.losses


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _average(kept: float, average: Tensor, now: Tensor, steps: Tensor | int) -> Tensor:
    """Return the next average: at first of few steps, so that a short training forgets where it began."""
    return average.lerp(now, 1 - min(kept, (1 + int(steps)) / (10 + int(steps))))


_PARTS = ("net", "average", "optimiser")
_PROGRESS = ("step", "seconds", "best", "history")

#: What a card says of the training that its own weights began with.
_TOLD = ("command", "seed", "recipe", "scores", "seconds")


def _by_source(items: Sequence[data.Item]) -> list[list[data.Item]]:
    sources: dict[str, list[data.Item]] = {}
    for item in items:
        sources.setdefault(item.source, []).append(item)
    return list(sources.values())


def kinds(recipe: Recipe, items: Sequence[data.Item], seed: int) -> dict[str, list[data.Item]]:
    """Return what the recipe's shares ask for: items as they are, well lit photographs, night scenes.

    What lies in a folder of a kind's name was made ahead by `model.scenes`; the rest is made now.
    """
    found = {kind: [i for i in items if Path(i.source).name == kind] for kind in recipe.shares}
    items = found["given"] = [i for i in items if Path(i.source).name not in recipe.shares]
    # The items of one scene share one reference; it counts once.
    lit = [i for i in {item.scene: item for item in items}.values() if i.high is not None]
    random = np.random.default_rng(seed)
    if found.get("lit") == []:
        for item in lit:
            assert item.high is not None
            same = well_lit(item.high, random)
            found["lit"].append(dataclasses.replace(item, low=same, high=same))
    if found.get("night") == []:
        for item in lit:
            assert item.high is not None
            low, high = night_pair(item.high, random)
            found["night"].append(dataclasses.replace(item, low=low, high=high, source="night"))
    return found


def schedule(step: int, steps: int) -> float:
    """Return the learning rate's factor: a linear rise over 5 %, then a cosine from 1 to 0.01."""
    rise = max(1, steps // 20)
    if step < rise:
        return (step + 1) / rise
    part = (step - rise) / max(1, steps - rise)
    return 0.01 + 0.99 * (1 + math.cos(math.pi * part)) / 2


def evaluate(
    net: RUAS,
    recipe: Recipe,
    items: Sequence[data.Item],
    device: str = "cpu",
    pool: ThreadPoolExecutor | None = None,
) -> Scores:
    """Return mean scores over whole images, on the threads of a pool; equal images count as 100 dB."""
    of_one = functools.partial(_scores, net, recipe, device)
    rows = list(map(of_one, items) if pool is None else pool.map(of_one, items))
    names = {name: None for row in rows for name in row}
    return {name: float(np.mean([row[name] for row in rows if name in row])) for name in names}


@torch.no_grad()
def _scores(net: RUAS, recipe: Recipe, device: str, item: data.Item) -> Scores:
    low = torch.from_numpy(data.planes(item.low[None])).to(device)
    high = None if item.high is None else torch.from_numpy(data.planes(item.high[None])).to(device)
    trace = net.trace(low)
    scores = {"loss": objectives.objective(recipe.losses, Sample(trace, low, high, net, low)).item()}
    if item.high is not None:
        for prefix, image in (("", trace.image), ("iem_", trace.u)):
            pixels = metrics.quantise(image[0].permute(1, 2, 0).cpu().numpy())
            scores[f"{prefix}psnr"] = min(100.0, metrics.psnr(pixels, item.high))
            scores[f"{prefix}ssim"] = metrics.ssim(pixels, item.high)
    return scores


def train(config: TrainConfig, console: Console, *, overwrite: bool = False) -> Scores:
    """Train to the end, from the state of an interrupted run if there is one, and return the best scores.

    Raises:
        UsageError: there is a finished checkpoint or a foreign state, and ``overwrite`` is not set.
        OutputError: a file cannot be written.
    """
    weights, _ = files(config.out)
    base = weights.with_suffix("")
    state, card = (base.with_name(base.name + suffix) for suffix in (".state", ".card.json"))
    trainer = Trainer(config)
    if overwrite:
        state.unlink(missing_ok=True)
    elif state.exists():
        trainer.restore(state)
        console.print(f"goes on at step {trainer.step} of {config.recipe.steps}")
    elif weights.exists():
        raise UsageError(f"{weights} exists; choose another --out, or replace it with --overwrite")

    began = time.monotonic() - trainer.seconds
    with progress(console) as bars:
        bar = bars.add_task("training", total=config.recipe.steps, completed=trainer.step)
        recent: list[float] = []
        while trainer.step < config.recipe.steps:
            recent.append(trainer.advance())
            bars.update(bar, completed=trainer.step, description=f"loss {recent[-1]:.4f}")
            if trainer.step % config.every == 0 or trainer.step == config.recipe.steps:
                best = trainer.validate()
                if best:
                    save(trainer.result, config.out, config.recipe.description)
                trainer.seconds = time.monotonic() - began
                trainer.save(state)
                console.print(_line(trainer, float(np.mean(recent)), best))
                recent.clear()

    assert trainer.best is not None
    write_whole(card, json.dumps(_card(trainer), indent=2).encode() + b"\n")
    state.unlink(missing_ok=True)
    return trainer.best


def _line(trainer: Trainer, loss: float, best: bool) -> str:
    scores = {name: value for name, value in trainer.history[-1].items() if name not in ("step", "loss")}
    text = f"step {trainer.step}: loss {loss:.4f}, held out {trainer.history[-1]['loss']:.4f}"
    for name, value in scores.items():
        text += f", {name} {value:.2f}" if name.endswith("psnr") else f", {name} {value:.3f}"
    left = (trainer.config.recipe.steps - trainer.step) * trainer.seconds / trainer.step
    return text + (", best" if best else "") + f", {left:.0f} s left"


def _card(trainer: Trainer) -> dict[str, Any]:
    config = trainer.config
    return {
        "name": config.recipe.description.name,
        "summary": config.recipe.summary,
        "command": config.command,
        "first_weights": config.identity()["first weights"],
        "first_training": trainer.first_training,
        "seed": config.seed,
        "data": {
            "terms": config.terms,
            **dataclasses.asdict(config.fingerprint),
            "train": {kind: len(items) for kind, items in config.train.items()},
            "held_out": len(config.held),
            "held_out_scenes": sorted({item.scene for item in config.held}),
            "sources": list(config.sources),
        },
        "recipe": dataclasses.asdict(config.recipe),
        "parameters": parameters(trainer.net),
        "multiply_adds_per_pixel": trainer.net.multiply_adds,
        "scores": trainer.best,
        "history": trainer.history,
        "seconds": round(trainer.seconds, 1),
        "device": config.device,
        "versions": {
            "rtvideo": __version__,
            "torch": torch.__version__,
            "numpy": np.__version__,
            "python": platform.python_version(),
        },
    }
