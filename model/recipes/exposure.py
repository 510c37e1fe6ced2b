"""``exposure``: what `night` learns after its own recipe, how light a frame should be."""

from __future__ import annotations

import dataclasses
import math

from model.recipes.night import NIGHT

#: Begins with weights of `night`, which come out too dark: of absolute differences the median over a frame
#: decides. Squares from the first step on do worse: exposure then fits the scenes that it learns from.
EXPOSURE = dataclasses.replace(
    NIGHT,
    losses={
        **{name: weight for name, weight in NIGHT.losses.items() if name != "lit_brightness"},
        "lit_exposure": 4.0,
        "noise_colour": 0.3,
    },
    learning_rate=1.5e-3,
    steps=2000,
    shares={"given": 0.45, "panoramas": 0.2, "lit": 0.1, "night": 0.25},
    light_only=("panoramas",),
    # The lighter a frame becomes, the sooner its lamps' halos would burn.
    fixed={**NIGHT.fixed, "illumination.rolloff_knee": math.log(0.68 / 0.32)},
    continues=True,
)
