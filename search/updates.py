"""The update steps of algorithm 1: of (alpha_t, omega_t), of (alpha_n, omega_n), and of all at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd import grad
from torch.optim import Adam, AdamW, Optimizer

from model.iem import IEM
from model.losses import fidelity, relative_total_variation, total_variation
from model.nrm import NRM
from search import cost
from search.architect import unrolled_gradient
from search.config import SearchConfig
from search.supernet import Supernet, shares


class Updates:
    """A supernet with its losses and optimisers.

    Each step takes a training and a validation image, (1, 3, H, W) in 0..1, moves the architecture with the
    weights held, then the weights with the architecture held, and returns the training losses by name.

    Args:
        net: changed in place.
        config: weights of the losses, rates.
        table: cost of the operations; used where ``config.cost`` is not zero.
    """

    def __init__(self, net: Supernet, config: SearchConfig, table: cost.Table) -> None:
        self.net, self.config, self.table = net, config, table
        self._omega_t, self._omega_n = net.weights_t(), net.weights_n()

        def architecture(alpha: nn.Parameter) -> Optimizer:
            betas = (config.momentum, 0.999)
            return AdamW([alpha], config.lr, betas, weight_decay=config.weight_decay)

        self.optimisers: dict[str, Optimizer] = {
            "alpha_t": architecture(net.alpha_t),
            "alpha_n": architecture(net.alpha_n),
            "omega_t": Adam(self._omega_t, config.lr),
            "omega_n": Adam(self._omega_n, config.lr),
        }

    def light(self, train: Tensor, val: Tensor, beta: float) -> dict[str, float]:
        """Steps 5 and 6. ``beta`` weighs the noise removal's loss in the gradient of alpha_t."""
        alpha = self.net.alpha_t
        [gradient] = unrolled_gradient(
            lambda: self.loss_t(train), lambda: self.loss_t(val), [alpha], self._omega_t, self.config.xi
        )
        if beta:
            gradient = gradient + beta * self.cooperation(val)
        self._descend("alpha_t", [gradient + self._price("iem", alpha)])
        loss = self.loss_t(train)
        self._descend("omega_t", grad(loss, self._omega_t))
        return {"train_t": loss.item()}

    def noise(self, train: Tensor, val: Tensor) -> dict[str, float]:
        """Steps 10 and 11: the illumination is held."""
        with torch.no_grad():
            u_train, u_val = self.net.iem(train).u, self.net.iem(val).u
        alpha = self.net.alpha_n
        [gradient] = unrolled_gradient(
            lambda: self.loss_n(u_train), lambda: self.loss_n(u_val), [alpha], self._omega_n, self.config.xi
        )
        self._descend("alpha_n", [gradient + self._price("nrm", alpha)])
        loss = self.loss_n(u_train)
        self._descend("omega_n", grad(loss, self._omega_n))
        return {"train_n": loss.item()}

    def both(self, train: Tensor, val: Tensor) -> dict[str, float]:
        """One bilevel step of the whole with one loss, ``L_t + beta L_n`` (the joint search of figure 9)."""
        alphas, weights = [self.net.alpha_t, self.net.alpha_n], [*self._omega_t, *self._omega_n]
        of_t, of_n = unrolled_gradient(
            lambda: self._sum(*self.losses(train)),
            lambda: self._sum(*self.losses(val)),
            alphas,
            weights,
            self.config.xi,
        )
        self._descend("alpha_t", [of_t + self._price("iem", alphas[0])])
        self._descend("alpha_n", [of_n + self._price("nrm", alphas[1])])
        loss_t, loss_n = self.losses(train)
        gradients = grad(self._sum(loss_t, loss_n), weights)
        self._descend("omega_t", gradients[: len(self._omega_t)])
        self._descend("omega_n", gradients[len(self._omega_t) :])
        return {"train_t": loss_t.item(), "train_n": loss_n.item()}

    def loss_t(self, y: Tensor) -> Tensor:
        """Return L_t of frames ``y``."""
        return light_loss(self.net.iem, y, self.config.eta_t)[0]

    def loss_n(self, u: Tensor) -> Tensor:
        """Return L_n of lit frames ``u``."""
        return noise_loss(self.net.nrm, u, self.config.eta_n)

    def losses(self, y: Tensor) -> tuple[Tensor, Tensor]:
        """Return L_t and, of what the illumination makes of ``y``, L_n."""
        loss_t, u = light_loss(self.net.iem, y, self.config.eta_t)
        return loss_t, self.loss_n(u)

    def cooperation(self, val: Tensor) -> Tensor:
        """Return ``grad_{alpha_t} L_val_n(alpha_n(alpha_t); omega_n)``, through NRM into u_K."""
        [gradient] = grad(self.loss_n(self.net.iem(val).u), [self.net.alpha_t])
        return gradient

    def state(self) -> dict[str, Any]:
        """Return all that a resumed search needs."""
        return {
            "net": self.net.state_dict(),
            "optimisers": {name: optimiser.state_dict() for name, optimiser in self.optimisers.items()},
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Take up what `state` returned."""
        self.net.load_state_dict(state["net"])
        for name, optimiser in self.optimisers.items():
            optimiser.load_state_dict(state["optimisers"][name])

    def _sum(self, loss_t: Tensor, loss_n: Tensor) -> Tensor:
        return loss_t + self.config.beta * loss_n

    def _price(self, part: str, alpha: Tensor) -> Tensor:
        if self.config.cost == 0:
            return torch.zeros_like(alpha)
        [gradient] = grad(cost.expected(shares(alpha), self.table[part]), [alpha])
        return self.config.cost * gradient

    def _descend(self, name: str, gradients: Sequence[Tensor]) -> None:
        optimiser = self.optimisers[name]
        for parameter, gradient in zip(optimiser.param_groups[0]["params"], gradients, strict=True):
            parameter.grad = gradient
        optimiser.step()


# The reference-free losses of section 3.2.3, which training and validation share: means over pixels and
# channels where the paper writes sums, so that they do not depend on the crop.


def light_loss(iem: IEM, y: Tensor, eta_t: float) -> tuple[Tensor, Tensor]:
    """Return ``L_t = 1/2 ||t_K - t_hat_0||^2 + eta_t RTV(t_K)`` of frames ``y``, and the lit ``u_K``."""
    light = iem(y, stages=True)
    t = light.stages[-1].t  # unclamped: a clamped illumination has no slope to learn from
    return fidelity(t, light.t_hat_0) + eta_t * relative_total_variation(t), light.u


def noise_loss(nrm: NRM, u: Tensor, eta_n: float) -> Tensor:
    """Return ``L_n = 1/2 ||x_N - u_K||^2 + eta_n TV(x_N)`` of lit frames ``u``."""
    x = nrm(u)[-1]
    return fidelity(x, u) + eta_n * total_variation(x)
