"""The update steps of algorithm 1: of (alpha_t, omega_t), of (alpha_n, omega_n), and of all at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd import grad
from torch.optim import Adam, AdamW, Optimizer

from search.architect import unrolled_gradient
from search.config import SearchConfig
from search.objectives import OBJECTIVES, Example, Lit
from search.price import Price
from search.supernet import Supernet


class Updates:
    """A supernet with its losses and optimisers.

    Each step takes examples to train and to validate on, moves the architecture with the weights held, then
    the weights with the architecture held, and returns the training losses by name.

    Args:
        net: changed in place.
        config: objective, weights of the losses, rates.
        price: what a network costs.

    Attributes:
        frozen: the architecture stays as it is; the weights alone learn.
    """

    def __init__(self, net: Supernet, config: SearchConfig, price: Price) -> None:
        self.net, self.config, self.price = net, config, price
        self.objective = OBJECTIVES[config.objective]
        self.frozen = False
        self._alpha_t, self._alpha_n = net.architecture_t(), net.architecture_n()
        self._omega_t, self._omega_n = net.weights_t(), net.weights_n()

        def architecture(alphas: list[nn.Parameter]) -> Optimizer:
            betas = (config.momentum, 0.999)
            return AdamW(alphas, config.alpha_lr or config.lr, betas, weight_decay=config.weight_decay)

        self.optimisers: dict[str, Optimizer] = {
            "alpha_t": architecture(self._alpha_t),
            "alpha_n": architecture(self._alpha_n),
            "omega_t": Adam(self._omega_t, config.lr),
            "omega_n": Adam(self._omega_n, config.lr),
        }

    def light(self, train: Example, val: Example, beta: float) -> dict[str, float]:
        """Steps 5 and 6. ``beta`` weighs the noise removal's loss in the gradient of alpha_t."""
        if not self.frozen:
            gradients = unrolled_gradient(
                lambda: self.loss_t(train),
                lambda: self.loss_t(val),
                self._alpha_t,
                self._omega_t,
                self.config.xi,
            )
            if beta:
                noise = self.cooperation(val)
                gradients = [g + beta * n for g, n in zip(gradients, noise, strict=True)]
            self._choose("alpha_t", gradients)
        loss = self.loss_t(train)
        self._descend("omega_t", grad(loss, self._omega_t))
        return {"train_t": loss.item()}

    def noise(self, train: Example, val: Example) -> dict[str, float]:
        """Steps 10 and 11: the illumination is held."""
        with torch.no_grad():
            lit_train, lit_val = self.lit(train), self.lit(val)
        if not self.frozen:
            gradients = unrolled_gradient(
                lambda: self.loss_n(lit_train),
                lambda: self.loss_n(lit_val),
                self._alpha_n,
                self._omega_n,
                self.config.xi,
            )
            self._choose("alpha_n", gradients)
        loss = self.loss_n(lit_train)
        self._descend("omega_n", grad(loss, self._omega_n))
        return {"train_n": loss.item()}

    def both(self, train: Example, val: Example) -> dict[str, float]:
        """One bilevel step of the whole with one loss, ``L_t + beta L_n`` (the joint search of figure 9)."""
        weights = [*self._omega_t, *self._omega_n]
        if not self.frozen:
            gradients = unrolled_gradient(
                lambda: self._sum(*self.losses(train)),
                lambda: self._sum(*self.losses(val)),
                [*self._alpha_t, *self._alpha_n],
                weights,
                self.config.xi,
            )
            self._choose("alpha_t", gradients[: len(self._alpha_t)])
            self._choose("alpha_n", gradients[len(self._alpha_t) :])
        loss_t, loss_n = self.losses(train)
        of_weights = grad(self._sum(loss_t, loss_n), weights)
        self._descend("omega_t", of_weights[: len(self._omega_t)])
        self._descend("omega_n", of_weights[len(self._omega_t) :])
        return {"train_t": loss_t.item(), "train_n": loss_n.item()}

    def loss_t(self, example: Example) -> Tensor:
        """Return L_t."""
        return self.objective.light(self.net, example, self.config)[0]

    def loss_n(self, lit: Lit) -> Tensor:
        """Return L_n of lit images."""
        return self.objective.noise(self.net, lit, self.config)

    def lit(self, example: Example) -> Lit:
        """Return what the illumination makes of an example."""
        return self.objective.light(self.net, example, self.config)[1]

    def losses(self, example: Example) -> tuple[Tensor, Tensor]:
        """Return L_t and, of what the illumination makes of the example, L_n."""
        loss_t, lit = self.objective.light(self.net, example, self.config)
        return loss_t, self.loss_n(lit)

    def cooperation(self, val: Example) -> Sequence[Tensor]:
        """Return ``grad_{alpha_t} L_val_n(alpha_n(alpha_t); omega_n)``, through NRM into u_K."""
        return grad(self.losses(val)[1], self._alpha_t)

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

    def _choose(self, name: str, gradients: Sequence[Tensor]) -> None:
        """Move an architecture by its loss, by what it costs, and by how undecided it is."""
        alphas: list[nn.Parameter] = self.optimisers[name].param_groups[0]["params"]
        total = self.price(self.net)
        if self.config.entropy:
            undecided = [choice.entropy() for choice in self.net.all_choices().values()]
            total = total + self.config.entropy * torch.stack(undecided).sum()
        if total.requires_grad:
            beside = grad(total, alphas, allow_unused=True)
            gradients = [g if b is None else g + b for g, b in zip(gradients, beside, strict=True)]
        self._descend(name, gradients)

    def _descend(self, name: str, gradients: Sequence[Tensor]) -> None:
        optimiser = self.optimisers[name]
        for parameter, gradient in zip(optimiser.param_groups[0]["params"], gradients, strict=True):
            parameter.grad = gradient
        optimiser.step()
