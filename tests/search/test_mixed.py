"""The composed convolutions against the sum that they stand for, operation by operation."""

from unittest.mock import patch

import pytest
import torch
from torch import Tensor, nn

from model import compiled
from model.cell import ATTRIBUTES, DistillationCell
from model.operations import OPERATIONS, Convolution
from search.mixed import MixedCell

NAMES = list(OPERATIONS)
KINDS = [name for name in NAMES if name != "skip"]


class Sum(nn.Module):
    """The mixed operation as section 3.2.1 puts it."""

    def __init__(self, channels: int, shares: Tensor) -> None:
        super().__init__()
        self.shares = shares
        self.candidates = nn.ModuleDict({name: make(channels) for name, make in OPERATIONS.items()})

    def forward(self, x: Tensor) -> Tensor:
        return sum(share * o(x) for share, o in zip(self.shares, self.candidates.values(), strict=True))


def parts(cell: MixedCell, bank: Tensor, edge: int) -> dict[str, Tensor]:
    """Return an edge's kernels by operation, out of ``cell.kernels`` or its gradient."""
    taps = [1 if name.endswith("1") else 9 for name in KINDS]
    split = bank[edge].split(taps, 1)
    shape = (cell.channels, cell.channels)
    return {
        name: k.reshape(*shape, *((3, 3) if k.shape[1] == 9 else (1, 1)))
        for name, k in zip(KINDS, split, strict=True)
    }


def plain(cell: MixedCell, shares: Tensor) -> DistillationCell:
    """Return the same cell of seven operations an edge."""
    edges = list(ATTRIBUTES)
    out = DistillationCell(cell.channels, lambda edge: Sum(cell.channels, shares[edges.index(edge)])).double()
    out.c5.load_state_dict(cell.c5.state_dict())
    for number, edge in enumerate(out.edges().values()):
        for name, kernel in parts(cell, cell.kernels.detach(), number).items():
            operation = edge.candidates[name]
            assert isinstance(operation, Convolution)
            operation.op.weight.data.copy_(kernel)
            operation.op.bias.data.copy_(cell.biases.detach()[number, :, KINDS.index(name)])
    return out


@pytest.mark.parametrize("channels", [3, 6])
@pytest.mark.parametrize("size", [(9, 12), (1, 1), (2, 5)])
def test_cell_is_the_weighted_sum_of_the_candidates(channels: int, size: tuple[int, int]) -> None:
    torch.manual_seed(0)
    alpha = torch.randn(7, 7, dtype=torch.float64, requires_grad=True)
    cell = MixedCell(channels, lambda: alpha.softmax(1)).double()
    reference = plain(cell, alpha.softmax(1))
    x = torch.randn(2, channels, *size, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(2, channels, *size, dtype=torch.float64)  # so that no gradient cancels by symmetry

    torch.testing.assert_close(cell(x), reference(x))
    ours = torch.autograd.grad(
        (cell(x) * weight).sum(), [x, alpha, cell.kernels, cell.biases, cell.c5.weight]
    )
    candidates = [e.candidates for e in reference.edges().values()]
    theirs = torch.autograd.grad(
        (reference(x) * weight).sum(),
        [x, alpha, reference.c5.weight]
        + [c[name].op.weight for c in candidates for name in KINDS]
        + [c[name].op.bias for c in candidates for name in KINDS],
    )
    torch.testing.assert_close((*ours[:2], ours[4]), theirs[:3])
    kernels = [k for edge in range(7) for k in parts(cell, ours[2], edge).values()]
    torch.testing.assert_close(tuple(kernels), theirs[3 : 3 + 42])
    torch.testing.assert_close(tuple(ours[3].transpose(1, 2).flatten(0, 1)), theirs[3 + 42 :])
    assert ours[1].abs().max() > 0


@pytest.mark.compile
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("channels", [3, 6, 16])
def test_what_is_compiled_is_what_torch_computes(channels: int, masked: bool) -> None:
    if compiled.functions() is None:
        pytest.skip("compiler: none for kernels")
    torch.manual_seed(0)
    alpha = torch.randn(7, 7, requires_grad=True)
    kept = (torch.arange(channels) < channels - 1).float().requires_grad_()
    cell = MixedCell(channels, lambda: alpha.softmax(1), (lambda: kept) if masked else None)
    x = (torch.rand(2, channels, 17, 23) - 0.5).requires_grad_()
    found = []
    for in_torch in (False, True):
        with patch.object(compiled, "applies", (lambda _: False) if in_torch else compiled.applies):
            out = cell(x)
        weight = torch.cos(torch.arange(out.numel())).view_as(out)
        inputs = [x, alpha, *cell.parameters(), *([kept] if masked else [])]
        found.append((out, *torch.autograd.grad((out * weight).sum(), inputs)))
    for ours, theirs in zip(*found, strict=True):
        scale = max(1.0, float(theirs.detach().abs().max()))
        torch.testing.assert_close(ours / scale, theirs / scale, rtol=1e-4, atol=1e-5)


def test_initial_weights_are_spread_as_in_the_single_operations() -> None:
    torch.manual_seed(0)
    cell = MixedCell(6, lambda: torch.full((7, 7), 1 / 7))
    for name, kernel in parts(cell, cell.kernels.detach(), 3).items():
        bound = OPERATIONS[name](6).op.weight[0].numel() ** -0.5
        assert 0.8 * bound < kernel.abs().max() <= bound
