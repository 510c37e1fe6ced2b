"""Recipes: all that decides a training but the data, as literals."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from model.genotypes import AUTHORS_IEM, AUTHORS_NRM
from rtvideo.models.description import Description, Illumination, Noise


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """A network, what it minimises, and for how long.

    Attributes:
        summary: one line for lists of models.
        description: the network; a genotype file may replace its genotypes.
        losses: weight of each term, see `model.objectives`.
        separate: the noise removal's loss does not reach the illumination.
        learning_rate: of Adam; rises over the first 5 % of the steps, then falls as a cosine to 1 %.
        clip: largest norm of the gradient.
        batch, crop: crops a step, and their side in pixels.
        whole: the illumination sees each image whole, since it follows the scene; the crop is what is scored.
        shares: of what is learned from: ``given`` images as they are, ``lit`` references that must stay so,
            and ``night`` scenes made from references (`model.scenes`).
    """

    summary: str
    description: Description
    losses: Mapping[str, float]
    separate: bool = False
    learning_rate: float = 1e-3
    clip: float = 1.0
    steps: int = 2000
    batch: int = 4
    crop: int = 192
    whole: bool = False
    shares: Mapping[str, float] = field(default_factory=lambda: {"given": 1.0})


#: The paper's network and losses: equations 1 to 3 at full size, no reference.
RUAS = Recipe(
    summary="the paper to the letter: full size, reference-free",
    description=Description(
        name="ruas",
        illumination=Illumination(genotype=AUTHORS_IEM, warm_start="residual"),
        noise=Noise(genotype=AUTHORS_NRM),
    ),
    losses={
        "illumination_fidelity": 1.0,
        "illumination_rtv": 0.01,
        "noise_fidelity": 1.0,
        "noise_tv": 0.02,
    },
    separate=True,
)

#: Made for night video: coarse, in logarithms, follows exposure, careful near black; learns from pairs.
NIGHT = Recipe(
    summary="for night video: follows the scene, gentle on lights and near black; trained on pairs",
    description=Description(
        name="night",
        illumination=Illumination(
            genotype=AUTHORS_IEM,
            scales=(8, 8, 8),
            warm_start="previous",
            domain="log",
            exposure="statistics",
            channels="shared",
            mix=True,
            floor=3 / 255,
            signal_floor=2 / 255,
            chroma_floor=True,
        ),
        noise=Noise(genotype=AUTHORS_NRM, guide="gain"),
    ),
    losses={
        "lit_brightness": 0.5,
        "lit_charbonnier": 0.5,
        "lit_dissimilarity": 0.15,
        "image_charbonnier": 1.0,
        "image_dissimilarity": 0.3,
    },
    learning_rate=3e-3,
    steps=1500,
    crop=160,
    whole=True,
    shares={"given": 0.6, "lit": 0.1, "night": 0.3},
)

RECIPES = {"ruas": RUAS, "night": NIGHT}
