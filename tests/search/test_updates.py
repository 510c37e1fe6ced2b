"""The steps of algorithm 1: who learns from which loss, and who is held."""

import pytest
import torch
from torch import Tensor
from torch.autograd import grad

from search.config import SearchConfig
from search.cost import multiply_adds
from search.objectives import Example
from search.price import Weighed
from search.supernet import Supernet
from search.updates import Updates

PARTS = ("alpha_t", "alpha_n", "omega_t", "omega_n")


def updates(cost: float = 0.0, **changes: float) -> tuple[Updates, Example, Example]:
    """Return steps on a fresh supernet in float64, a training and a validation image."""
    torch.manual_seed(0)
    net = Supernet().double()
    train, val = 0.02 + 0.3 * torch.rand(2, 1, 3, 8, 9, dtype=torch.float64)
    price = Weighed(multiply_adds(), cost)
    return Updates(net, SearchConfig(**changes), price), Example(train), Example(val)


def parameters(steps: Updates) -> dict[str, list[Tensor]]:
    net = steps.net
    return dict(zip(PARTS, ([net.alpha_t], [net.alpha_n], net.weights_t(), net.weights_n()), strict=True))


def gradients(steps: Updates, part: str) -> list[Tensor | None]:
    return [p.grad for p in parameters(steps)[part]]


@pytest.mark.parametrize(
    ("step", "moves"),
    [("light", {"alpha_t", "omega_t"}), ("noise", {"alpha_n", "omega_n"}), ("both", set(PARTS))],
)
def test_a_step_moves_its_own_module_alone(step: str, moves: set[str]) -> None:
    steps, train, val = updates()
    before = {part: [p.detach().clone() for p in ps] for part, ps in parameters(steps).items()}
    getattr(steps, step)(train, val, *([1.0] if step == "light" else []))
    after = parameters(steps)
    for part in PARTS:
        same = [torch.equal(a, b) for a, b in zip(after[part], before[part], strict=True)]
        assert not any(same) if part in moves else all(same), part


def test_cooperation_is_the_slope_of_the_noise_loss_along_alpha_t() -> None:
    steps, _, val = updates()
    [ours] = steps.cooperation(val)
    assert ours.norm() > 0
    alpha = steps.net.alpha_t
    direction = torch.randn_like(alpha)
    with torch.no_grad():
        values = []
        for sign in (1, -1):
            alpha += sign * 1e-6 * direction
            values.append(steps.losses(val)[1].item())
            alpha -= sign * 1e-6 * direction
    slope = (values[0] - values[1]) / 2e-6
    assert (ours * direction).sum().item() == pytest.approx(slope, rel=1e-4)


def test_beta_weighs_what_reaches_alpha_t() -> None:
    found = {}
    for beta in (0.0, 0.5, 1.0):
        steps, train, val = updates(lr=0.0)
        [cooperation] = steps.cooperation(val)
        steps.light(train, val, beta)
        [found[beta]] = gradients(steps, "alpha_t")
    steps, train, val = updates(lr=0.0)
    joint = steps.loss_t(val)
    assert grad(joint, [steps.net.alpha_n], allow_unused=True) == (None,)
    torch.testing.assert_close(found[0.5] - found[0.0], 0.5 * cooperation)
    torch.testing.assert_close(found[1.0] - found[0.0], cooperation)


def test_beta_zero_does_not_ask_the_noise_removal(monkeypatch: pytest.MonkeyPatch) -> None:
    steps, train, val = updates()
    monkeypatch.setattr(steps, "loss_n", None)
    steps.light(train, val, 0.0)


def test_weights_learn_from_their_own_training_loss() -> None:
    steps, train, val = updates(lr=0.0, cost=3.0)
    steps.light(train, val, 5.0)
    expected = grad(steps.loss_t(train), steps.net.weights_t())
    torch.testing.assert_close(gradients(steps, "omega_t"), list(expected))
    assert gradients(steps, "omega_n") == [None] * len(steps.net.weights_n())

    steps.noise(train, val)
    with torch.no_grad():
        lit = steps.lit(train)
    expected = grad(steps.loss_n(lit), steps.net.weights_n())
    torch.testing.assert_close(gradients(steps, "omega_n"), list(expected))


def test_joint_weights_learn_from_the_sum() -> None:
    steps, train, val = updates(lr=0.0, beta=0.3)
    steps.both(train, val)
    loss_t, loss_n = steps.losses(train)
    expected = grad(loss_t + 0.3 * loss_n, steps.net.weights_t())
    torch.testing.assert_close(gradients(steps, "omega_t"), list(expected))


@pytest.mark.slow
def test_losses_fall() -> None:
    steps, train, _ = updates(lr=3e-3)
    first = [loss.item() for loss in steps.losses(train)]
    for _ in range(15):
        steps.light(train, train, 0.01)
    middle = [loss.item() for loss in steps.losses(train)]
    for _ in range(15):
        steps.noise(train, train)
    last = steps.losses(train)[1].item()
    assert middle[0] < 0.5 * first[0]
    assert last < middle[1]
