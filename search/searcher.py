"""A search in its folder: the passes, and the state that a killed run goes on from."""

from __future__ import annotations

import dataclasses
import json
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from model.checkpoint import load_state, save_state
from rtvideo.errors import OutputError, UsageError
from rtvideo.models.description import Description
from search import schedule, strategies
from search.config import SearchConfig
from search.objectives import OBJECTIVES
from search.photos import Photos, batches, middle
from search.price import Budget, Price, within
from search.updates import Updates

#: One for each pass: its number, losses by name, genotypes, and alphas as lists of rows.
Record = dict[str, Any]

STATE = "state.pt"

#: What a search leaves besides its state; without a state they are somebody's results.
RESULTS = (
    "genotype.txt", "network.json", "history.json", "card.json", "alpha_iem.png", "alpha_nrm.png",
    "alpha.png",
)  # fmt: skip


class Searcher:
    """One search.

    Args:
        out: folder of all that is written.
        config: what to do.
        photos: what to search on.
        price: what a network costs.
        device: a torch device.

    Attributes:
        done: passes so far.
        seconds: they took.
        history: a record of each.
    """

    def __init__(
        self, out: Path, config: SearchConfig, photos: Photos, price: Price, device: str = "cpu"
    ) -> None:
        self.out, self.config, self.photos, self.price, self.device = out, config, photos, price, device
        torch.manual_seed(config.seed)
        self.net = OBJECTIVES[config.objective].supernet().to(device)
        self.updates = Updates(self.net, config, price)
        self.passes = strategies.passes(config)
        self.done = 0
        self.seconds = 0.0
        self.history: list[Record] = []

    def identity(self) -> dict[str, Any]:
        """Return what must be equal for a state to be continued, by names that a user knows."""
        return {
            **dataclasses.asdict(self.config),
            "data": self.photos.fingerprint.sha256,
            "number of images": len(self.photos.train) + len(self.photos.val),
            "cost table": json.dumps(self.price.table, sort_keys=True) if self.price.table else None,
            "device": self.device,
            "threads": torch.get_num_threads(),
        }

    def resume(self, *, overwrite: bool = False) -> None:
        """Take up the state in the folder, if there is one; ``overwrite`` starts anew instead.

        Raises:
            OutputError: the folder cannot be made.
            UsageError: the state is another command's, or there are results without a state.
            UnavailableError: the state cannot be read.
        """
        path = self.out / STATE
        try:
            self.out.mkdir(parents=True, exist_ok=True)
            if overwrite:
                path.unlink(missing_ok=True)
        except OSError as error:
            raise OutputError(f"{self.out}: cannot be written: {error.strerror}") from None
        if overwrite:
            return
        if not path.exists():
            for name in RESULTS:
                if (self.out / name).exists():
                    raise UsageError(f"{self.out / name} exists; choose another --out, or give --overwrite")
            return
        state = load_state(path, self.identity(), "the state of a search", self.device)
        self.updates.restore(state["updates"])
        self.done, self.seconds, self.history = state["done"], state["seconds"], state["history"]

    def go(self, on_step: Callable[[int], None], on_pass: Callable[[Record], None]) -> None:
        """Make the passes that are left.

        Args:
            on_step: called with the steps done so far, of `steps`.
            on_pass: called after each pass, when its state is safe.

        Raises:
            OutputError: the state cannot be written; the last one stays whole.
            UsageError: a loss is not finite any more.
        """
        before, began = self.seconds, time.monotonic()
        while self.done < self.passes:
            losses = self._pass(on_step)
            self.done += 1
            self.seconds = before + time.monotonic() - began
            self.history.append(
                {
                    "pass": self.done,
                    "losses": {**losses, **self.validate()},
                    "genotypes": {part: list(edges) for part, edges in self.net.genotypes().items()},
                    "alpha_iem": self.net.alpha_t.tolist(),
                    "alpha_nrm": self.net.alpha_n.tolist(),
                    "shares": {n: c.probabilities().tolist() for n, c in self.net.all_choices().items()},
                }
            )
            progress = {"done": self.done, "seconds": self.seconds, "history": self.history}
            save_state(self.out / STATE, self.identity(), updates=self.updates.state(), **progress)
            on_pass(self.history[-1])

    def found(self) -> Description:
        """Return the network that is found so far: the most probable one, within the budget if there is one.

        Raises:
            UsageError: no network of the space keeps the budget.
        """
        if isinstance(self.price, Budget):
            return within(self.net, self.price.prices, self.price.target)
        return self.net.derived()

    @property
    def steps(self) -> int:
        """Return the steps of the whole search."""
        return self.passes * self._steps_a_pass

    @property
    def _steps_a_pass(self) -> int:
        return len(strategies.steps(self.config, 0, range(len(self.photos.train))))

    def validate(self) -> dict[str, float]:
        """Return L_val_t and L_val_n of the mixture, means over the middle of each validation image."""
        self.net.draw(None)
        middles = [middle(item, self.config.crop) for item in self.photos.val]
        total = torch.zeros(2)
        with torch.no_grad():
            for alike in batches(middles):
                losses = self.updates.losses(alike.to(self.device))
                total += len(alike.low) * torch.stack(losses).cpu()
        val_t, val_n = (total / len(middles)).tolist()
        return {"val_t": val_t, "val_n": val_n}

    def _pass(self, on_step: Callable[[int], None]) -> dict[str, float]:
        """Make pass ``done`` and return its mean training losses."""
        config, number = self.config, self.done * self._steps_a_pass
        schedule.begin(self.net, config, self.done, self.price)
        self.updates.frozen = schedule.frozen(config, self.done)
        beta = strategies.beta(config)
        losses: dict[str, list[float]] = {}
        for kind, batch in strategies.steps(config, self.done, self.photos.order(config.seed, self.done)):
            train, val = self.photos.pair(batch, config.crop, config.seed, number)
            schedule.draw(self.net, config, number)
            train, val = train.to(self.device), val.to(self.device)
            match kind:
                case "light":
                    found = self.updates.light(train, val, beta)
                case "noise":
                    found = self.updates.noise(train, val)
                case "both":
                    found = self.updates.both(train, val)
            for name, value in found.items():
                if not math.isfinite(value):
                    raise UsageError(
                        f"{name} is {value} in pass {self.done + 1}; give a smaller --lr or --xi"
                    )
                losses.setdefault(name, []).append(value)
            number += 1
            on_step(number)
        return {name: float(np.mean(values)) for name, values in losses.items()}
