"""``night``: the default model."""

from __future__ import annotations

import math

from model.genotypes import AUTHORS_IEM, HALF_SIZE_NRM
from model.recipes.recipe import Recipe
from rtvideo.models.description import Description, Illumination, Noise

#: Made for night video: coarse, in logarithms, follows exposure, careful near black; learns from pairs, such
#: as those that `model.scenes` makes of photographs.
NIGHT = Recipe(
    summary="for night video: follows the scene, gentle on lights and near black",
    description=Description(
        name="night",
        illumination=Illumination(
            genotype=AUTHORS_IEM,
            scales=(8, 8, 8),
            warm_start="previous",
            domain="log",
            exposure="statistics",
            channels="shared",
            own="mean",
            mix=True,
            floor=3 / 255,
            signal_floor=2.25 / 255,
            chroma_floor=True,
            rolloff=True,
            fade=(0.21, 0.34),
            fade_grey=(0.07, 0.17),
        ),
        noise=Noise(genotype=HALF_SIZE_NRM, stages=1, channels=8, guide="gain", scale=2),
    ),
    losses={
        "lit_brightness": 0.5,
        "lit_charbonnier": 0.5,
        "lit_dissimilarity": 0.3,
        "image_brightness": 0.25,
        "image_charbonnier": 1.0,
        "image_dissimilarity": 0.6,
        # Noise has no colour in the mean. References are greyer than what is lit, and noise removal learned
        # to follow them: dark colours lost a fifth of their saturation.
        "noise_colour": 1.0,
    },
    learning_rate=3e-3,
    steps=5500,
    crop=160,
    whole=True,
    shares={"given": 0.6, "lit": 0.15, "night": 0.25},
    # Colour near black is kept: debanding and noise removal clean it. Learned, its knee rises to 31 codes,
    # which wins scores on noisy pairs and turns red roses black. That of the roll-off rises to 0.85: it wins
    # 0.3 dB and burns the halos of lamps nearly to white.
    fixed={"illumination.chroma_knee": math.log(8 / 255), "illumination.rolloff_knee": math.log(0.7 / 0.3)},
    saturation=(0.6, 2.0),
    permuted=True,
    wished=True,
    average=0.999,
    learned_floor=2 / 255,
)
