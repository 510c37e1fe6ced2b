"""The methods that `benchmarks.quality` compares: baselines, the shipped models, and peers in ONNX files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.methods import baselines
from benchmarks.methods.baselines import Method
from benchmarks.methods.onnx import nchw, open_network
from model.metrics import quantise
from rtvideo import Enhancer, models
from rtvideo.models.shapes import multiply_adds, shapes

_LOL_PIXELS = 600 * 400  # the size at which the paper's table 2 counts


@dataclass(frozen=True)
class Contender:
    """A method with its name and its cost: parameters, and multiply-adds (G, at 600x400)."""

    name: str
    method: Method
    parameters: int | None = None
    giga_multiply_adds: float | None = None


def contenders(peers: Sequence[tuple[str, Path]] = (), chosen: Sequence[str] = ()) -> Iterator[Contender]:
    """Yield the baselines, the shipped models without and with noise removal, and the peers (name, file).

    Args:
        peers: ONNX files by name.
        chosen: models by name or path, which rtvideo then runs from their weights, instead of all these.

    Raises:
        UsageError: there is no such model.
        UnavailableError: a file is not a network.
    """
    yield Contender("input", lambda image: image, 0, 0.0)
    for name in chosen:
        for denoise in (False, True) if models.find(name).has_denoise else (False,):
            yield Contender(f"{name}, IEM+NRM" if denoise else f"{name}, IEM", enhancer(name, denoise))
    if chosen:
        return
    yield Contender(f"fixed gain {baselines.GAIN:g}", baselines.fixed_gain(baselines.GAIN), 1)
    yield Contender("released-like gain", baselines.fixed_gain(baselines.RELEASED_GAIN), 3)
    yield Contender(
        f"gamma to mean {baselines.GAMMA_MEAN:g}", baselines.adaptive_gamma(baselines.GAMMA_MEAN), 1
    )
    yield Contender("CLAHE", baselines.clahe)
    for name in models.names():
        model = models.find(name)
        if model.description is None:
            continue
        sizes = shapes(model.description)
        for denoise in (False, True) if model.has_denoise else (False,):
            kept = [n for n in sizes if denoise or n.startswith("illumination.")]
            illumination, noise = multiply_adds(model.description)
            yield Contender(
                f"{name}, IEM+NRM" if denoise else f"{name}, IEM",
                network(model.network(denoise=denoise)),
                int(sum(np.prod(sizes[n], dtype=int) for n in kept)),
                (illumination + denoise * noise) * _LOL_PIXELS / 1e9,
            )
    for name, path in peers:
        yield Contender(name, network(path))


def debanded(chosen: Sequence[str] = ()) -> Iterator[Contender]:
    """Yield ``night``, or the models chosen, as the command line runs them on video, but frame by frame.

    Raises:
        UsageError: there is no such model.
    """
    for name in chosen or ("night",):
        for denoise in (False, True) if models.find(name).has_denoise else (False,):
            parts = "IEM+NRM" if denoise else "IEM"
            yield Contender(f"{name}, {parts}, debanded", enhancer(name, denoise, deband=True))


def enhancer(model: str, denoise: bool, *, deband: bool = False) -> Method:
    """Return rtvideo itself, frame by frame, as a method."""
    enhance = Enhancer(model, denoise=float(denoise), deband=float(deband), engine="fused")
    return lambda image: enhance(np.ascontiguousarray(image))


def network(path: Path) -> Method:
    """Return an ONNX file (RGB 0..1, NCHW, in and out) as a method.

    Raises:
        UnavailableError: the file is missing or not such a network.
    """
    session = open_network(path)
    name = session.get_inputs()[0].name
    return lambda image: quantise(session.run(None, {name: nchw(image)})[0][0].transpose(1, 2, 0))
