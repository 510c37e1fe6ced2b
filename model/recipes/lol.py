"""``lol``: the network of ``night``, for comparison on pairs."""

from __future__ import annotations

import dataclasses

from model.recipes.night import NIGHT

_KEPT = {
    name: weight for name, weight in NIGHT.losses.items() if name not in ("lit_brightness", "noise_colour")
}

LOL = dataclasses.replace(
    NIGHT,
    summary="night, but learned from LOL and SICE: for research and comparison only",
    description=dataclasses.replace(NIGHT.description, name="lol"),
    # Results are compared with references that are greyer than what is lit, by squares.
    losses={"lit_exposure": 4.0, **_KEPT},
    shares={"given": 0.7, "lit": 0.1, "night": 0.2},
)
