import pytest
import torch
from torch.nn import functional as F

from model.cell import DistillationCell
from model.genotypes import AUTHORS_IEM, AUTHORS_NRM, single
from model.operations import OPERATIONS, Convolution, Skip

PARAMETERS = {"conv1": 12, "conv3": 84, "resconv1": 12, "resconv3": 84, "dil3": 84, "resdil3": 84, "skip": 0}


@pytest.mark.parametrize("name", OPERATIONS)
@pytest.mark.parametrize("size", [(1, 1), (2, 5), (8, 7)])
def test_operation_keeps_size_and_counts(name: str, size: tuple[int, int]) -> None:
    operation = OPERATIONS[name](3)
    assert operation(torch.rand(2, 3, *size)).shape == (2, 3, *size)
    parameters = sum(p.numel() for p in operation.parameters())
    assert parameters == PARAMETERS[name]
    assert operation.multiply_adds == max(parameters - 3, 0)


@pytest.mark.parametrize("name", OPERATIONS)
def test_operation_computes_what_its_name_says(name: str) -> None:
    operation = OPERATIONS[name](3).double()
    x = torch.rand(1, 3, 6, 5, dtype=torch.float64)
    if isinstance(operation, Skip):
        assert torch.equal(operation(x), x)
        return
    assert isinstance(operation, Convolution)
    reach = 2 if "dil" in name else 1
    wide = F.pad(x, (reach,) * 4)
    taps = [(0, 0)] if name.endswith("1") else [(i, j) for i in (-1, 0, 1) for j in (-1, 0, 1)]
    expected = operation.op.bias[:, None, None].expand(1, 3, 6, 5)
    for n, (i, j) in enumerate(taps):
        top, left = reach + i * reach, reach + j * reach
        weight = operation.op.weight.flatten(2)[:, :, n]
        expected = expected + torch.einsum("oi,nihw->nohw", weight, wide[..., top : top + 6, left : left + 5])
    if name.startswith("res"):
        expected = expected + x
    torch.testing.assert_close(operation(x), expected)


def test_counts_of_the_authors_cells() -> None:
    iem, nrm = DistillationCell(3, AUTHORS_IEM), DistillationCell(6, AUTHORS_NRM)
    assert (sum(p.numel() for p in iem.parameters()), iem.multiply_adds) == (387, 369)
    assert (sum(p.numel() for p in nrm.parameters()), nrm.multiply_adds) == (648, 612)
    assert "c1_r.op.weight" in iem.state_dict()


def test_cell_of_skips_by_hand() -> None:
    cell = DistillationCell(1, single("skip"))
    with torch.no_grad():
        cell.c5.weight.copy_(torch.tensor([1.0, 10.0, 100.0, 1000.0]).view(1, 4, 1, 1))
        cell.c5.bias.zero_()
    # r doubles at each node, and every negative value is multiplied by the slope once more.
    assert cell(torch.full((1, 1, 1, 1), 1.0)).item() == 1 + 20 + 400 + 8000
    negative = -(0.05 + 10 * 0.05 * 0.1 + 100 * 0.05 * 0.01 + 1000 * 0.05 * 0.001)
    assert cell(torch.full((1, 1, 1, 1), -1.0)).item() == pytest.approx(negative)


def test_cell_takes_any_maker_of_edges() -> None:
    seen = []

    def make(edge: str) -> torch.nn.Module:
        seen.append(edge)
        return Skip()

    DistillationCell(3, make)
    assert seen == ["d1", "r1", "d2", "r2", "d3", "r3", "c4"]
