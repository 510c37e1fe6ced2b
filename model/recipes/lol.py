"""``lol``: the network of ``night``, for comparison on pairs."""

from __future__ import annotations

import dataclasses

from model.recipes.night import NIGHT

LOL = dataclasses.replace(
    NIGHT,
    summary="night, but learned from LOL and SICE: for research and comparison only",
    description=dataclasses.replace(NIGHT.description, name="lol"),
    # Pairs compare the image behind noise removal with a reference that is greyer than what is lit: the lit
    # image counts half, and nothing keeps its colour.
    losses={
        "lit_exposure": 3.0,
        "lit_charbonnier": 0.25,
        "lit_dissimilarity": 0.15,
        "image_charbonnier": 1.0,
        "image_dissimilarity": 0.6,
    },
    steps=12000,
    shares={"given": 0.7, "lit": 0.12, "night": 0.18},
    light_only=(),
    # Both sets have a colour of their own, in references as in the test sets of the same cameras.
    permuted=False,
    saturation=(1.0, 1.0),
)
