"""``night``: the default model's network and losses, on night scenes made from well lit photographs."""

from __future__ import annotations

from torch import Tensor

from model import objectives
from model.objectives import Sample
from model.recipes import NIGHT as RECIPE
from model.ruas import Trace
from search.config import SearchConfig
from search.objectives.objective import Example, Lit, Objective
from search.scales import OFF
from search.space import Space
from search.supernet import Supernet

#: The terms of the recipe that score the lit image are the illumination's, the others the noise removal's.
_LIGHT = {name: weight for name, weight in RECIPE.losses.items() if name.startswith("lit_")}
_NOISE = {name: weight for name, weight in RECIPE.losses.items() if name not in _LIGHT}


def light_loss(net: Supernet, example: Example, config: SearchConfig) -> tuple[Tensor, Lit]:
    """Return the recipe's loss of the lit image, and the lit image with the gain to guide noise removal."""
    light = net.iem(example.low)
    trace = Trace(light.t_hat_0, [], light.t, light.u, [], light.u)
    loss = objectives.objective(_LIGHT, Sample(trace, example.low, example.high))
    return loss, Lit(light.u, light.strength * (1 - light.t), example.high)


def noise_loss(net: Supernet, lit: Lit, config: SearchConfig) -> Tensor:
    """Return the recipe's loss of the result."""
    x = net.denoised(net.nrm(lit.u, lit.weight))
    trace = Trace(lit.u, [], lit.u, lit.u, [x], x)
    return objectives.objective(_NOISE, Sample(trace, lit.u, lit.high))


NIGHT = Objective(
    description=RECIPE.description,
    # What a residual adds is a one in the middle of the kernel: with and without it an operation is the same
    # function at the same price, and no search can tell which. Each is here once.
    space=Space(
        operations=("resconv1", "resconv3", "resdil3", "skip"),
        scales=(4, 8, 16, OFF),
        channels=(4, 6, 8, 12),
        stages=(1, 2),
    ),
    light=light_loss,
    noise=noise_loss,
    pairs=True,
    fixed=RECIPE.fixed,
    # The terms are weighed against each other already. Weights learn at the recipe's rate. Shares are drawn,
    # pulled and pruned until one option is left (docs/search.md has what each of these brings).
    settings={
        "strategy": "joint",
        "beta": 1.0,
        "xi": 0.0,
        "lr": 3e-3,
        "alpha_lr": 0.01,
        "weight_decay": 0.0,
        "batch": 4,
        "crop": 64,
        "longest": 256,
        "epochs": 60,
        "relaxation": "gumbel",
        "warm_up": 0.15,
        "shrink": True,
    },
)
