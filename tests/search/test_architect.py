"""The finite difference against autograd's exact second derivatives, in float64."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.autograd import grad

from search.architect import hessian_vector, moved, unrolled_gradient
from search.config import SearchConfig
from search.objectives import Example
from search.objectives.paper import light_loss
from search.supernet import Supernet

Case = tuple[Callable[[], Tensor], Callable[[], Tensor], Tensor, list[Tensor]]


def smooth() -> Case:
    """Return the losses of a small mixture of two layers, its alpha and its weights."""
    torch.manual_seed(0)
    alpha = torch.randn(2, dtype=torch.float64, requires_grad=True)
    weights = [torch.randn(4, 4, dtype=torch.float64, requires_grad=True) for _ in range(2)]
    data = torch.randn(2, 8, 4, dtype=torch.float64)

    def loss(x: Tensor) -> Callable[[], Tensor]:
        def value() -> Tensor:
            a, b = alpha.softmax(0)
            return (a * torch.tanh(x @ weights[0]) + b * torch.sin(x @ weights[1])).square().mean()

        return value

    return loss(data[0]), loss(data[1]), alpha, weights


def supernet() -> Case:
    """Return the losses of the illumination's supernet on tiny crops, its alpha and its weights."""
    torch.manual_seed(0)
    net = Supernet().double()
    y = 0.02 + 0.3 * torch.rand(2, 1, 3, 7, 6, dtype=torch.float64)
    config = SearchConfig(eta_t=1e-4)
    train, val = (lambda image=image: light_loss(net, Example(image), config)[0] for image in y)
    return train, val, net.alpha_t, net.weights_t()


def exact_product(loss: Tensor, alpha: Tensor, weights: list[Tensor], v: list[Tensor]) -> Tensor:
    first = grad(loss, weights, create_graph=True)
    return grad(sum((g * x).sum() for g, x in zip(first, v, strict=True)), alpha)[0]


@pytest.mark.parametrize("case", [smooth, supernet])
def test_hessian_vector_product_is_autograds(case: Callable[[], Case]) -> None:
    train, val, alpha, weights = case()
    v = [x.detach() for x in grad(val(), weights)]
    [ours] = hessian_vector(train, [alpha], weights, v, reach=1e-5)
    exact = exact_product(train(), alpha, weights, v)
    assert exact.norm() > 0
    assert (ours - exact).norm() <= 1e-4 * exact.norm()


def test_default_reach_gives_the_direction_in_spite_of_kinks() -> None:
    train, val, alpha, weights = supernet()
    v = [x.detach() for x in grad(val(), weights)]
    [ours] = hessian_vector(train, [alpha], weights, v)
    exact = exact_product(train(), alpha, weights, v)
    assert torch.cosine_similarity(ours.flatten(), exact.flatten(), 0) > 0.99
    assert (ours - exact).norm() <= 0.2 * exact.norm()


def test_product_with_zero_is_zero() -> None:
    train, _, alpha, weights = smooth()
    [ours] = hessian_vector(train, [alpha], weights, [torch.zeros_like(w) for w in weights])
    assert torch.equal(ours, torch.zeros_like(alpha))


@pytest.mark.parametrize("xi", [0.0, 0.3])
def test_unrolled_gradient_is_that_of_the_unrolled_loss(xi: float) -> None:
    train, val, alpha, weights = smooth()
    before = [w.detach().clone() for w in weights]
    [ours] = unrolled_gradient(train, val, [alpha], weights, xi)
    assert all(torch.equal(w, old) for w, old in zip(weights, before, strict=True))

    step = 1e-5
    numeric = torch.empty_like(alpha)
    for i in range(len(alpha)):
        values = []
        for sign in (1, -1):
            with torch.no_grad():
                alpha[i] += sign * step
            with moved(weights, grad(train(), weights), -xi):
                values.append(val().item())
            with torch.no_grad():
                alpha[i] -= sign * step
        numeric[i] = (values[0] - values[1]) / (2 * step)
    torch.testing.assert_close(ours, numeric, rtol=1e-3, atol=1e-7)


def test_the_second_order_term_counts() -> None:
    train, val, alpha, weights = supernet()
    [ours] = unrolled_gradient(train, val, [alpha], weights, 0.1)
    with moved(weights, grad(train(), weights), -0.1):
        [direct] = grad(val(), [alpha])
    assert (ours - direct).norm() > 0.1 * ours.norm()


def test_weights_come_back_after_an_error() -> None:
    weights = [torch.tensor([0.1, 0.7])]
    with pytest.raises(ZeroDivisionError), moved(weights, [torch.tensor([3.3, 1e-9])], 0.1):
        raise ZeroDivisionError
    assert torch.equal(weights[0], torch.tensor([0.1, 0.7]))
