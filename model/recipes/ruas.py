"""``ruas``: the paper to the letter."""

from __future__ import annotations

from model.genotypes import AUTHORS_IEM, AUTHORS_NRM
from model.recipes.recipe import Recipe
from rtvideo.models.description import Description, Illumination, Noise

#: The paper's network and losses: equations 1 to 3 at full size, no reference.
RUAS = Recipe(
    summary="the paper to the letter, for comparison: reference-free, and too bright",
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
    learning_rate=3e-3,
    steps=1000,
    crop=96,
)
