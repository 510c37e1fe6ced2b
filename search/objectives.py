"""The reference-free losses of section 3.2.3, on the supernet; training and validation share them."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from model.iem import IEM
from model.losses import fidelity, relative_total_variation, total_variation
from model.nrm import NRM


@dataclass(frozen=True)
class Objectives:
    """Means over pixels and channels where the paper writes sums, so that they do not depend on the crop.

    Attributes:
        eta_t: weight of the relative total variation of the illumination.
        eta_n: weight of the total variation of the result.
    """

    eta_t: float
    eta_n: float

    def light(self, iem: IEM, y: Tensor) -> tuple[Tensor, Tensor]:
        """Return ``L_t = 1/2 ||t_K - t_hat_0||^2 + eta_t RTV(t_K)`` of frames ``y``, and the lit ``u_K``."""
        light = iem(y, stages=True)
        t = light.stages[-1].t  # unclamped: a clamped illumination has no slope to learn from
        return fidelity(t, light.t_hat_0) + self.eta_t * relative_total_variation(t), light.u

    def noise(self, nrm: NRM, u: Tensor) -> Tensor:
        """Return ``L_n = 1/2 ||x_N - u_K||^2 + eta_n TV(x_N)`` of lit frames ``u``."""
        x = nrm(u)[-1]
        return fidelity(x, u) + self.eta_n * total_variation(x)
