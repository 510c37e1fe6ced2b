import dataclasses

import pytest
import torch

from model import objectives
from model.objectives import Sample
from model.recipes import NIGHT, RECIPES
from model.recipes import RUAS as PAPER
from model.ruas import RUAS
from rtvideo.errors import UsageError

LOW = torch.rand(2, 3, 32, 24, generator=torch.Generator().manual_seed(0)) * 0.2
HIGH = (LOW * 4).clamp(0, 1)


@pytest.mark.slow
@pytest.mark.parametrize("name", RECIPES)
def test_a_few_steps_lower_the_loss(name: str) -> None:
    recipe = RECIPES[name]
    torch.manual_seed(0)
    net = RUAS(recipe.description)
    optimiser = torch.optim.Adam(net.parameters(), 3e-3)
    values = []
    for _ in range(12):
        trace = net.trace(LOW, separate=recipe.separate)
        loss = objectives.objective(recipe.losses, Sample(trace, LOW, HIGH, net, LOW))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        values.append(loss.item())
    assert values[-1] < 0.95 * values[0]


@pytest.mark.parametrize("recipe", [PAPER, NIGHT], ids=["linear", "log"])
@pytest.mark.parametrize("name", objectives.REFERENCE_FREE)
def test_every_term_is_finite_with_finite_slopes(recipe, name: str) -> None:  # type: ignore[no-untyped-def]
    torch.manual_seed(0)
    net = RUAS(recipe.description)
    for low in (LOW, torch.zeros_like(LOW), torch.ones_like(LOW)):
        net.zero_grad()
        value = objectives.objective({name: 1.0}, Sample(net.trace(low), low, None, net, low))
        value.backward()
        assert torch.isfinite(value)
        assert all(torch.isfinite(p.grad).all() for p in net.parameters() if p.grad is not None)


def test_separate_keeps_the_noise_loss_out_of_the_illumination() -> None:
    torch.manual_seed(0)
    for description in (PAPER.description, NIGHT.description):
        net = RUAS(description)
        for separate in (True, False):
            net.zero_grad()
            trace = net.trace(LOW, separate=separate)
            objectives.objective({"noise_tv": 1.0}, Sample(trace, LOW)).backward()
            slopes = [p.grad for p in net.illumination.parameters() if p.grad is not None]
            assert any(bool(g.any()) for g in slopes) != separate


def test_weights_scale_terms_and_bad_names_are_refused() -> None:
    trace = RUAS(dataclasses.replace(PAPER.description, noise=None)).trace(LOW)
    one = objectives.objective({"lit_charbonnier": 1.0}, Sample(trace, LOW, HIGH))
    three = objectives.objective({"lit_charbonnier": 1.0, "image_charbonnier": 2.0}, Sample(trace, LOW, HIGH))
    torch.testing.assert_close(three, 3 * one)
    with pytest.raises(UsageError, match="'sharpness' does not exist; allowed: illumination_fidelity"):
        objectives.objective({"sharpness": 1.0}, Sample(trace, LOW, HIGH))
    with pytest.raises(UsageError, match="needs references; give pairs"):
        objectives.objective({"lit_charbonnier": 1.0}, Sample(trace, LOW))


def test_noise_has_no_colour_in_the_mean() -> None:
    net = RUAS(NIGHT.description)
    red = LOW * torch.tensor([4.0, 1.0, 1.0])[:, None, None]
    trace = net.trace(LOW)._replace(u=red)

    def value(image: torch.Tensor) -> float:
        sample = Sample(trace._replace(x=[image]), LOW)
        return objectives.objective({"noise_colour": 1.0}, sample).item()

    checks = 1.0 - 2 * (torch.arange(32)[:, None] + torch.arange(24) & 1)
    noise = 0.1 * checks * torch.tensor([1.0, -1.0, 0.0])[:, None, None]
    assert value(red + 0.1) < 1e-6  # light is none of its business
    assert value(red - noise) < 1e-6  # nor is noise, which has no mean
    assert value(0.5 * (red + red.mean(1, keepdim=True))) > 0.02  # colour is
