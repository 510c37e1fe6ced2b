"""``paper``: the reference-free losses of section 3.2.3 on the paper's network.

They are means over pixels and channels where the paper writes sums, so that they do not depend on the crop.
"""

from __future__ import annotations

from torch import Tensor

from model.losses import fidelity, relative_total_variation, total_variation
from search.config import SearchConfig
from search.objectives.objective import Example, Lit, Objective
from search.supernet import PAPER as DESCRIPTION
from search.supernet import Supernet


def light_loss(net: Supernet, example: Example, config: SearchConfig) -> tuple[Tensor, Lit]:
    """Return ``L_t = 1/2 ||t_K - t_hat_0||^2 + eta_t RTV(t_K)`` of dark images, and the lit ``u_K``."""
    light = net.iem(example.low, stages=True)
    t = light.stages[-1].t  # unclamped: a clamped illumination has no slope to learn from
    return fidelity(t, light.t_hat_0) + config.eta_t * relative_total_variation(t), Lit(light.u)


def noise_loss(net: Supernet, lit: Lit, config: SearchConfig) -> Tensor:
    """Return ``L_n = 1/2 ||x_N - u_K||^2 + eta_n TV(x_N)`` of lit images ``u``."""
    x = net.nrm(lit.u)[-1]
    return fidelity(x, lit.u) + config.eta_n * total_variation(x)


PAPER = Objective(description=DESCRIPTION, light=light_loss, noise=noise_loss)
