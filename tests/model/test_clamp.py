import torch

from model.clamp import clamp


def slope(x: float, target: float) -> float:
    """Slope of the squared distance to a target."""
    value = torch.tensor(x, requires_grad=True)
    (clamp(value, 0, 1) - target).square().backward()
    assert value.grad is not None
    return value.grad.item()


def test_values_are_those_of_torch() -> None:
    x = torch.linspace(-2, 2, 9)
    assert torch.equal(clamp(x, -0.5, 1), x.clamp(-0.5, 1))


def test_a_value_outside_comes_back_and_goes_no_further() -> None:
    assert slope(0.5, 0.0) == 1.0
    assert slope(1.5, 0.5) == 1.0  # too bright: a step against the slope darkens
    assert slope(-0.5, 0.5) == -1.0
    assert slope(1.5, 2.0) == 0.0  # already as bright as it can be
    assert slope(-0.5, -1.0) == 0.0
