"""``free``: the best that was found without references."""

from __future__ import annotations

import dataclasses

from model.genotypes import AUTHORS_NRM
from model.recipes.night import NIGHT
from model.recipes.recipe import Recipe
from rtvideo.models.description import Description, Noise

#: The network of `night`, taught by what a lit picture looks like and by its own noise.
FREE = Recipe(
    summary="reference-free: learns from dark photographs alone; exposure, tone, neighbouring pixels",
    description=Description(
        name="free",
        illumination=dataclasses.replace(NIGHT.description.illumination),
        noise=Noise(genotype=AUTHORS_NRM, guide="gain"),
    ),
    losses={
        "exposure_level": 2.0,
        "tone": 0.1,
        "illumination_rtv": 0.01,
        "noise_neighbours": 30.0,
        "noise_gained_tv": 0.75,
    },
    separate=True,
    learning_rate=3e-3,
    steps=800,
    crop=160,
    whole=True,
)
