"""``lol``: the network of ``night``, for comparison on pairs."""

from __future__ import annotations

import dataclasses

from model.recipes.night import NIGHT

LOL = dataclasses.replace(
    NIGHT,
    summary="night, but learned from LOL and SICE: for research and comparison only",
    description=dataclasses.replace(NIGHT.description, name="lol"),
    # Their references are greyer than what is lit, and results are compared with those.
    losses={name: weight for name, weight in NIGHT.losses.items() if name != "noise_colour"},
    shares={"given": 0.7, "lit": 0.1, "night": 0.2},
    exposure_only=(),
)
