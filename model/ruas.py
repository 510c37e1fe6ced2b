"""RUAS (CVPR 2021): illumination estimation, then noise removal, as a description says."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor, nn

from model.iem import IEM, WHOLE, Part, Stage
from model.nrm import NRM
from rtvideo.models.description import Description


class Trace(NamedTuple):
    """Everything that a frame goes through.

    Attributes:
        t_hat_0: (N, 3, H, W), equation 1.
        stages: t and u after each illumination stage, at the stage's own size.
        t: (N, 1 or 3, H, W), the illumination as applied.
        u: (N, 3, H, W), the lit image u_K.
        x: the noise removal's stages, not clamped; empty where the model has none.
        image: (N, 3, H, W) in 0..1, the result.
    """

    t_hat_0: Tensor
    stages: list[Stage]
    t: Tensor
    u: Tensor
    x: list[Tensor]
    image: Tensor


class RUAS(nn.Module):
    """The network of a description, for (N, 3, H, W) RGB in 0..1 or in 8 bits, any H and W from 1 on."""

    def __init__(self, description: Description) -> None:
        super().__init__()
        self.description = description
        self.illumination = IEM(description.illumination)
        self.noise = None if description.noise is None else NRM(description.noise)

    def forward(
        self,
        y: Tensor,
        strength: float | Tensor = 1.0,
        denoise: float | Tensor = 1.0,
        brightness: float | Tensor = 0.0,
    ) -> Tensor:
        """Return the enhanced image, (N, 3, H, W) in 0..1. All but ``y`` are the user's."""
        return self._run(y, strength, denoise, brightness, stages=False).image

    def trace(
        self,
        y: Tensor,
        strength: float | Tensor = 1.0,
        denoise: float | Tensor = 1.0,
        brightness: float | Tensor = 0.0,
        *,
        stages: bool = True,
        separate: bool = False,
        part: Part = WHOLE,
    ) -> Trace:
        """Return the result and every step on the way to it, the illumination's stages if they are asked for.

        ``part`` (rows, columns) finds the light in the whole frame, and t, u, x and image in that part alone.

        ``separate`` lets no gradient flow from the noise removal into the illumination: in algorithm 1 each
        module's weights see their own training loss alone.
        """
        return self._run(y, strength, denoise, brightness, stages=stages, separate=separate, part=part)

    def _run(
        self,
        y: Tensor,
        strength: float | Tensor,
        denoise: float | Tensor,
        brightness: float | Tensor,
        *,
        stages: bool,
        separate: bool = False,
        part: Part = WHOLE,
    ) -> Trace:
        light = self.illumination(y, strength, brightness, stages=stages, part=part)
        t, u = (light.t.detach(), light.u.detach()) if separate else (light.t, light.u)
        x = self.remove_noise(u, t, denoise * light.strength)
        image = x[-1].clamp(0, 1) if x else light.u
        return Trace(light.t_hat_0, light.stages, light.t, light.u, x, image)

    def remove_noise(self, u: Tensor, t: Tensor, weight: float | Tensor = 1.0) -> list[Tensor]:
        """Return ``x_1 .. x_N`` for the lit image ``u`` and its illumination; empty without the module."""
        if self.noise is None:
            return []
        if self.noise.description.guide == "gain":
            weight = weight * (1 - t)
        x: list[Tensor] = self.noise(u, weight)
        return x

    @property
    def multiply_adds(self) -> float:
        """Multiply-adds of all convolutions a pixel; a stage at scale s counts 1 / s^2."""
        return self.illumination.multiply_adds + (0 if self.noise is None else self.noise.multiply_adds)


def parameters(module: nn.Module) -> int:
    """Return how many numbers training may change."""
    return sum(p.numel() for p in module.parameters())
