"""Short trainings of the paper's network and its variants, all alike, and what they score."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file
from safetensors.torch import save as serialise
from torch import Tensor, nn

from benchmarks.training.cache import Cache, code
from model import data, metrics, objectives
from model.checkpoint import load, write_whole
from model.ruas import RUAS, Trace, parameters
from model.trainer import schedule
from rtvideo.cli.doctor import processor
from rtvideo.models.description import Description
from search.supernet import Supernet

#: Steps of a training, and its rate, crops a step and their side; the same for every contender.
STEPS, RATE, BATCH, CROP = 400, 3e-3, 4, 64

#: What table 2 and figure 8 time.
WIDTH, HEIGHT = 600, 400

#: The network, its losses and its data: a training is repeated when one of these files changes.
NETWORK = (
    "benchmarks/training/laboratory.py",
    "model/cell.py",
    "model/data.py",
    "model/iem.py",
    "model/losses.py",
    "model/nrm.py",
    "model/objectives.py",
    "model/operations.py",
    "model/ruas.py",
    "rtvideo/models/description.py",
    "search/mixed.py",
    "search/supernet.py",
)


@dataclass(frozen=True, kw_only=True)
class Contender:
    """A network and how it is trained.

    Attributes:
        description: what is computed.
        supernet: mixtures of all operations in place of the genotypes (figure 8).
        eta_t, eta_n: weights of RTV(t) and TV(x).
        seed: of weights and crops.
        steps: of Adam.
    """

    description: Description
    eta_t: float
    eta_n: float
    supernet: bool = False
    seed: int = 0
    steps: int = STEPS

    def network(self) -> nn.Module:
        """Return it untrained."""
        torch.manual_seed(self.seed)
        return Supernet(self.description) if self.supernet else RUAS(self.description)


@dataclass(frozen=True)
class Data:
    """Pairs to learn from, whose references are not used, and to score on.

    Attributes:
        train: of the training folder.
        held: of other scenes of it, for choices.
        fingerprint: of all files of the folder.
        test: the pairs that only the report scores; read when asked for.
    """

    train: Sequence[data.Item]
    held: Sequence[data.Item]
    fingerprint: str
    folder: Path

    @classmethod
    def read(cls, folder: Path) -> Data:
        """Read ``folder``/lol_v1/train.

        Raises:
            InputError: it is missing or not a folder of pairs.
        """
        reader = data.Reader()
        train, held = data.split(data.paired([folder / "lol_v1/train"], reader), 0.1, 0)
        return cls(train, held, reader.fingerprint().sha256, folder)

    def test(self) -> tuple[Sequence[data.Item], str]:
        """Return lol_v1/eval15 and its fingerprint."""
        reader = data.Reader()
        items = data.paired([self.folder / "lol_v1/eval15"], reader)
        return items, reader.fingerprint().sha256


class Laboratory:
    """Trains, scores and times, each thing once."""

    def __init__(self, cache: Cache, given: Data) -> None:
        self.cache, self.data = cache, given
        self._test: tuple[Sequence[data.Item], str] | None = None

    def net(self, contender: Contender) -> nn.Module:
        """Return the contender trained, in evaluation mode."""
        inputs = self._inputs(contender)
        file = self.cache.path("training", inputs, ".safetensors")

        def compute() -> dict[str, float]:
            net, facts = train(contender, self.data.train)
            write_whole(file, serialise({n: t.detach().contiguous() for n, t in net.state_dict().items()}))
            return facts

        if not file.exists():
            self.cache.path("training", inputs).unlink(missing_ok=True)
        self.cache.get("training", inputs, compute)
        net = contender.network()
        net.load_state_dict(load_file(file))
        return net.eval()

    def score(self, contender: Contender, *, held: bool = False) -> dict[str, float]:
        """Return mean scores on the test pairs, or on the held-out scenes of the training folder."""
        items, fingerprint = self.items(held)
        inputs = {
            "training": self._inputs(contender),
            "pairs": [item.name for item in items],
            "data": fingerprint,
            "code": code("model/metrics.py"),
        }
        result: dict[str, float] = self.cache.get("score", inputs, lambda: score(self.net(contender), items))
        return result

    def score_file(self, path: Path) -> dict[str, float]:
        """Return mean scores of a checkpoint on the test pairs."""
        items, fingerprint = self.items(held=False)
        weights = path.with_suffix(".safetensors").read_bytes()
        inputs = {
            "weights": hashlib.sha256(weights).hexdigest(),
            "description": path.with_suffix(".json").read_text(),
            "data": fingerprint,
            "code": code(*NETWORK[1:], "model/metrics.py"),
        }
        result: dict[str, float] = self.cache.get("score", inputs, lambda: score(load(path), items))
        return result

    def seconds(self, contender: Contender) -> float:
        """Return the time of one 600x400 frame on one thread of this machine."""
        untrained = dataclasses.replace(contender, seed=0, eta_t=0.0, eta_n=0.0)
        inputs = {
            **self._inputs(untrained),
            "machine": processor(),
            "torch": torch.__version__,
        }
        result: float = self.cache.get("time", inputs, lambda: frame_time(untrained.network()))
        return result

    def items(self, held: bool) -> tuple[Sequence[data.Item], str]:
        """Return the test pairs, or the held-out scenes, and the fingerprint of the folder they are in."""
        if held:
            return self.data.held, self.data.fingerprint
        if self._test is None:
            self._test = self.data.test()
        return self._test

    def _inputs(self, contender: Contender) -> dict[str, Any]:
        record = json.loads(contender.description.to_json())
        del record["name"]
        return {
            **dataclasses.asdict(contender),
            "description": record,
            "rate, batch, crop": [RATE, BATCH, CROP],
            "data": self.data.fingerprint,
            "code": code(*NETWORK),
        }


def train(contender: Contender, items: Sequence[data.Item]) -> tuple[nn.Module, dict[str, float]]:
    """Train by the paper's losses (section 3.2.3), each module by its own; return it and what it took."""
    net = contender.network()
    weights = {"illumination_fidelity": 1.0, "illumination_rtv": contender.eta_t}
    if contender.description.noise is not None:
        weights |= {"noise_fidelity": 1.0, "noise_tv": contender.eta_n}
    optimiser = torch.optim.Adam(net.parameters(), RATE)
    began, loss = time.process_time(), 0.0
    for step in range(contender.steps):
        for group in optimiser.param_groups:
            group["lr"] = RATE * schedule(step, contender.steps)
        low, _ = data.batch(items, BATCH, CROP, contender.seed, step)
        y = torch.from_numpy(low)
        objective = objectives.objective(weights, objectives.Sample(trace(net, y), y))
        optimiser.zero_grad()
        objective.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimiser.step()
        loss = objective.item()
    return net, {"loss": loss, "cpu_seconds": time.process_time() - began}


def trace(net: nn.Module, y: Tensor) -> Trace:
    """Return the way of ``y``, (N, 3, H, W), through a network or a supernet; noise removal learns alone."""
    if isinstance(net, RUAS):
        return net.trace(y, separate=True)
    assert isinstance(net, Supernet)
    light = net.iem(y, stages=True)
    x = net.nrm(light.u.detach())
    return Trace(light.t_hat_0, light.stages, light.t, light.u, x, x[-1].clamp(0, 1))


def score(net: nn.Module, items: Sequence[data.Item]) -> dict[str, float]:
    """Return means over the items of the lit (``iem_``) and the final image's scores, and of t."""
    rows: list[dict[str, float]] = []
    for item in items:
        assert item.high is not None
        with torch.no_grad():
            seen = trace(net, torch.from_numpy(data.planes(item.low[None])))
        row = {"t": seen.t.mean().item(), "t_spread": seen.t.std().item()}
        for prefix, image in (("", seen.image), ("iem_", seen.u)):
            if prefix and not seen.x:
                row |= {f"iem_{name}": row[name] for name in ("psnr", "ssim", "matched")}
                continue
            pixels = metrics.quantise(image[0].permute(1, 2, 0).numpy())
            row[f"{prefix}psnr"] = metrics.psnr(pixels, item.high)
            row[f"{prefix}ssim"] = metrics.ssim(pixels, item.high)
            row[f"{prefix}matched"] = metrics.mean_matched_psnr(pixels, item.high)
        rows.append(row)
    return {name: float(np.mean([row[name] for row in rows])) for name in rows[0]}


def frame_time(net: nn.Module, runs: int = 5) -> float:
    """Return the median seconds of a 600x400 frame."""
    y = torch.rand(1, 3, HEIGHT, WIDTH, generator=torch.Generator().manual_seed(0))
    times = []
    with torch.no_grad():
        for _ in range(runs + 1):
            began = time.perf_counter()
            net(y)
            times.append(time.perf_counter() - began)
    return statistics.median(times[1:])


def size(contender: Contender) -> tuple[int, float | None]:
    """Return parameters, and multiply-adds a pixel where they are defined."""
    net = contender.network()
    return parameters(net), net.multiply_adds if isinstance(net, RUAS) else None
