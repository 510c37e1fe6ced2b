"""What a search can be told, with the paper's values (section 4.1) where it prints one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

Strategy = Literal["cooperative", "separate", "joint"]

#: softmax: all options are computed, weighed by their shares; gumbel: one of them, drawn by its share.
Relaxation = Literal["softmax", "gumbel"]


@dataclass(frozen=True, kw_only=True)
class SearchConfig:
    """Hyper-parameters; whatever changes the outcome is here, and so in the card.

    Printed in the paper:

    Attributes:
        epochs: passes over the training images. ``separate`` makes as many for each module.
        lr: learning rate of Adam, for alpha and omega. The batch is one crop.
        momentum: first beta of Adam for alpha; the second is 0.999. The paper samples the momentum from
            (0.5, 0.999), the betas of Adam for alpha in DARTS; `sampled_momentum` takes it at its word.
        weight_decay: of alpha, decoupled: else 1e-3 alpha would outweigh the gradient of a mean over pixels.

    Ours, since the paper prints none:

    Attributes:
        strategy: as in figure 9.
        beta: weight of L_val_n in step 5, and in the sum of ``joint``. The gradient that L_val_n sends to
            alpha_t is some fifty times that of L_val_t, since u_K = y / t amplifies; at 0.02 both count.
        eta_t: weight of RTV(t); at 1e-4 a constant illumination has the least loss.
        eta_n: weight of TV(x), about half the noise's deviation in u_K.
        xi: length of the unrolled step, 0 for the first-order gradient. With means for losses the printed 1
            overshoots: it raises the loss, which 0.1 lowers.
        inner: steps of each inner loop of algorithm 1.
        crop: side of the square crops in pixels.
        split: share of the images that validates.
        cost: weight of a cell's expected cost (`search.cost`) in the gradient of its alpha. 0.0001 took a
            third off the multiply-adds, 0.001 left the illumination skips alone (docs/reproduction.md).
        seed: of everything random.

    Beyond the paper, and off unless an objective or the command says otherwise (docs/search.md):

    Attributes:
        objective: of `search.objectives`.
        alpha_lr: learning rate of alpha; 0: ``lr``. Adam moves an alpha by this at most in a step, so that
            1,260 steps of 3e-4 cannot take a share of 1/7 above 0.17.
        relaxation: how a choice gets a slope.
        warm_up: share of the passes in which weights learn alone.
        shrink: drop the least of each edge's options, one after another, until one is left at the end.
        temperature: of the softmax or of the draw, in the last pass; it starts at 1.
        entropy: weight of the shares' entropy, which pulls them to 0 or 1.
        budget: milliseconds at 1080p that a network may take; 0: any.
        batch: images in a step.
        longest: larger images are reduced to this; 0: not at all.
    """

    strategy: Strategy = "cooperative"
    epochs: int = 20
    lr: float = 3e-4
    momentum: float = 0.5
    weight_decay: float = 1e-3
    beta: float = 0.02
    eta_t: float = 1e-5
    eta_n: float = 0.05
    xi: float = 0.1
    inner: int = 8
    crop: int = 64
    split: float = 0.5
    cost: float = 0.0
    seed: int = 0
    objective: str = "paper"
    alpha_lr: float = 0.0
    relaxation: Relaxation = "softmax"
    warm_up: float = 0.0
    shrink: bool = False
    temperature: float = 1.0
    entropy: float = 0.0
    budget: float = 0.0
    batch: int = 1
    longest: int = 0


def sampled_momentum(seed: int) -> float:
    """Return a momentum from (0.5, 0.999), one for each seed."""
    return float(np.random.default_rng(seed).uniform(0.5, 0.999))
