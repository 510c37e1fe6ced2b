"""``lol``: the network of ``night``, for comparison on pairs."""

from __future__ import annotations

import dataclasses

from model.recipes.night import NIGHT

LOL = dataclasses.replace(
    NIGHT,
    summary="night, but learned from LOL and SICE: for research and comparison only",
    description=dataclasses.replace(NIGHT.description, name="lol"),
)
