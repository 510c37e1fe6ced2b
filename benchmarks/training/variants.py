"""What an ablation changes: each variant is a recipe less one of its parts, or with another in its place."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.common.files import ROOT
from model import genotypes
from model.genotypes import with_genotypes
from model.recipes import Recipe
from rtvideo.models.description import OPERATIONS, Genotype

#: Found by the project's own cooperative search: without a price on time, and with one.
_SEARCHES = ROOT / "docs/search"
_SEARCHED = {"searched": "cooperative-20", "searched at a price on time": "cost-0.00015"}

#: What the paper trains by (section 3.2.3), with the weights of its own recipe.
_PRINTED = {"illumination_fidelity": 1.0, "illumination_rtv": 0.01, "noise_fidelity": 1.0, "noise_tv": 0.02}

#: Parts of an objective that are left out together, by what their terms' names hold.
_TERMS = {
    "brightness": "_brightness",
    "exposure's own score": "_exposure",
    "structure (SSIM)": "_dissimilarity",
    "the lit image's own score": "lit_",
}

_SHARES = {"lit": "lit photographs", "night": "made night scenes"}


@dataclass(frozen=True)
class Variant:
    """A recipe under a name; ``part`` is what of the recipe it is about. The seed draws what is random."""

    part: str
    name: str
    recipe: Callable[[int], Recipe]


def variants(base: Recipe) -> Iterator[Variant]:
    """Yield the recipe itself, and what differs from it in one part and is a network still."""
    yield Variant("", "as it is", lambda seed: base)
    yield from _losses(base)
    yield from _shares(base)
    yield from _illumination(base)
    yield from _genotypes(base)
    if base.description.noise is not None and base.description.noise.guide == "gain":
        unguided = dataclasses.replace(base.description.noise, guide="none")
        yield _described(base, "noise removal", "not guided by the gain", noise=unguided)


def _losses(base: Recipe) -> Iterator[Variant]:
    for words, mark in _TERMS.items():
        kept = {name: weight for name, weight in base.losses.items() if mark not in name}
        if kept and len(kept) < len(base.losses):
            yield _variant("losses", f"without {words}", dataclasses.replace(base, losses=kept))
    printed = {n: w for n, w in _PRINTED.items() if base.description.noise or not n.startswith("noise_")}
    if base.losses != printed:
        yield _variant("losses", "the paper's", dataclasses.replace(base, losses=printed, separate=True))


def _shares(base: Recipe) -> Iterator[Variant]:
    for kind, words in _SHARES.items():
        rest = {name: share for name, share in base.shares.items() if name != kind}
        if kind in base.shares and rest:
            total = sum(rest.values())
            kept = {name: share / total for name, share in rest.items()}
            yield _variant("data", f"without {words}", dataclasses.replace(base, shares=kept))
    if base.permuted:
        yield _variant("data", "channels in their own order", dataclasses.replace(base, permuted=False))


def _illumination(base: Recipe) -> Iterator[Variant]:
    now = base.description.illumination
    changes: list[tuple[str, str, dict[str, Any]]] = [
        ("scales", "4, 4, 4", {"scales": (4, 4, 4)}),
        ("scales", "16, 16, 16", {"scales": (16, 16, 16)}),
        ("scales", "16, 8, 4: coarse to fine", {"scales": (16, 8, 4)}),
        ("exposure", "its mean alone", {"exposure": "mean"}),
        ("exposure", "not told", {"exposure": "none"}),
        ("channels", "a light for each", {"channels": "each", "own": "maximum", "rolloff": False}),
        ("application", "bilinear upsampling", {"upsampling": "bilinear"}),
        ("application", "guided upsampling", {"upsampling": "guided", "own": "maximum"}),
        ("application", "the pixel's own maximum", {"own": "maximum"}),
        ("application", "the pixel's own mean", {"own": "mean", "upsampling": "bilinear"}),
        ("application", "without the pixel's own light", {"mix": False}),
        ("application", "without signal floor", {"signal_floor": 0.0}),
        ("application", "without chroma floor", {"chroma_floor": False}),
        ("application", "without fade-out", {"fade": (), "fade_grey": ()}),
        ("application", "with a highlight roll-off", {"rolloff": True}),
        ("application", "without highlight roll-off", {"rolloff": False}),
    ]
    for part, name, fields in changes:
        if now.domain == "log" and any(getattr(now, field) != value for field, value in fields.items()):
            yield _described(base, part, name, illumination=dataclasses.replace(now, **fields))


def _genotypes(base: Recipe) -> Iterator[Variant]:
    def given(found: Mapping[str, Genotype]) -> Recipe:
        return dataclasses.replace(base, description=with_genotypes(base.description, found))

    authors = {"iem": genotypes.AUTHORS_IEM, "nrm": genotypes.AUTHORS_NRM}
    searched = {name: genotypes.read(_SEARCHES / run / "genotype.txt") for name, run in _SEARCHED.items()}
    for name, found in {"the authors'": authors, **searched}.items():
        if given(found) != base:
            yield _variant("genotype", name, given(found))
    yield Variant("genotype", "drawn at random", lambda seed: given(drawn(seed)))


def drawn(seed: int) -> dict[str, Genotype]:
    """Return genotypes whose operations are drawn at random."""
    rng = np.random.default_rng(seed)
    return {
        part: Genotype(*map(str, rng.choice(OPERATIONS, len(Genotype._fields)))) for part in ("iem", "nrm")
    }


def _described(base: Recipe, part: str, name: str, **parts: Any) -> Variant:
    description = dataclasses.replace(base.description, **parts)
    return _variant(part, name, dataclasses.replace(base, description=description))


def _variant(part: str, name: str, recipe: Recipe) -> Variant:
    return Variant(part, name, lambda seed: recipe)
