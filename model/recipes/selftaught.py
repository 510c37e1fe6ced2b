"""``selftaught``: the best that was found without references."""

from __future__ import annotations

from model.genotypes import AUTHORS_IEM, AUTHORS_NRM
from model.recipes.recipe import Recipe
from rtvideo.models.description import Description, Illumination, Noise

#: Taught by what a lit picture looks like as a whole, and by the noise of its own pixels.
SELFTAUGHT = Recipe(
    summary="reference-free: learns from dark photographs alone; exposure, tone, neighbouring pixels",
    description=Description(
        name="selftaught",
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
            fade=(0.21, 0.34),
            fade_grey=(0.07, 0.17),
        ),
        noise=Noise(genotype=AUTHORS_NRM, guide="gain"),
    ),
    losses={
        "exposure_level": 3.0,
        "tone": 0.1,
        "illumination_rtv": 0.01,
        "noise_neighbours": 30.0,
        "noise_gained_tv": 0.75,
    },
    separate=True,
    learning_rate=3e-3,
    steps=900,
    crop=160,
    whole=True,
    unfaded=True,
)
