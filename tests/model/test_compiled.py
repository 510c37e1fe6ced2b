"""What is computed in C++ in training is what torch computes, gradients included."""

from __future__ import annotations

from collections.abc import Callable
from unittest.mock import patch

import pytest

pytest.importorskip("torch")

import torch
from torch import Tensor, nn

from model import compiled, losses
from model.cell import DistillationCell
from model.iem import IEM
from model.operations import OPERATIONS
from model.recipes import RECIPES
from rtvideo.models.description import Genotype

pytestmark = pytest.mark.compile
SIZES = ((1, 3, 17, 23), (2, 6, 40, 70), (1, 6, 1, 1), (1, 3, 5, 130), (1, 8, 20, 35), (1, 16, 9, 17))


@pytest.fixture(autouse=True)
def compiler() -> None:
    if compiled.functions() is None:
        pytest.skip("compiler: none for kernels")


def random(*shape: int) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(0))


def compare(compute: Callable[[Tensor], Tensor], x: Tensor, parameters: list[nn.Parameter]) -> None:
    """Assert that results and all gradients agree with torch's."""
    found = []
    for in_torch in (False, True):
        given = x.clone().requires_grad_()
        with patch.object(compiled, "applies", (lambda _: False) if in_torch else compiled.applies):
            out = compute(given)
        weights = torch.cos(torch.arange(out.numel())).view_as(out)
        gradients = torch.autograd.grad((out * weights).sum(), [given, *parameters])
        assert out.grad_fn is not None and out.grad_fn.name().startswith("_") is not in_torch
        found.append((out, *gradients))
    for ours, theirs in zip(*found, strict=True):
        scale = max(1.0, float(theirs.detach().abs().max()))
        torch.testing.assert_close(ours / scale, theirs / scale, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("shape", SIZES)
@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_cell_of_one_operation(operation: str, shape: tuple[int, ...]) -> None:
    torch.manual_seed(1)
    edges = Genotype(*[operation] * 7)
    cell = DistillationCell(shape[1], edges)
    compare(cell, random(*shape) - 0.5, list(cell.parameters()))


@pytest.mark.parametrize(("channels", "outs"), [(3, 6), (6, 3), (6, 6), (12, 8), (8, 12), (16, 5)])
@pytest.mark.parametrize("size", [(1, 1), (9, 14), (33, 65)])
def test_a_convolution(size: tuple[int, int], channels: int, outs: int) -> None:
    torch.manual_seed(2)
    convolution = compiled.Conv2d(channels, outs)
    compare(convolution, random(2, channels, *size) - 0.5, list(convolution.parameters()))
    five = nn.Conv2d(channels, outs, 5)
    assert five.bias is not None
    weight, bias = five.weight, five.bias
    compare(lambda x: compiled.convolution(x, weight, bias), random(2, channels, *size) - 0.5, [weight, bias])


@pytest.mark.parametrize("shape", [(1, 3, 7, 7), (2, 3, 20, 31), (1, 1, 9, 64)])
def test_dissimilarity(shape: tuple[int, ...]) -> None:
    target = random(*shape).flip(-1)
    compare(lambda x: losses.dissimilarity(x, target), random(*shape), [])


def test_it_is_used_where_gradients_are_asked_for() -> None:
    convolution = compiled.Conv2d(3, 6)
    assert convolution(random(1, 3, 8, 8)).grad_fn.name() == "_ConvolutionBackward"
    assert not compiled.applies(random(1, 3, 8, 8).double())
    with torch.no_grad():
        assert not compiled.applies(random(1, 3, 8, 8))


@pytest.mark.parametrize("part", [(slice(0, 9), slice(11, 25)), (slice(13, 31), slice(2, 45))])
def test_light_of_codes_and_of_a_part(part: tuple[slice, slice]) -> None:
    net = IEM(RECIPES["night"].description.illumination)
    codes = (random(1, 3, 31, 45) * 255).byte()
    with torch.no_grad():
        whole, of_part = net(codes.float() / 255), net(codes, part=part)
    torch.testing.assert_close(of_part.u, whole.u[..., part[0], part[1]], rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(of_part.t, whole.t[..., part[0], part[1]], rtol=1e-4, atol=1e-5)
