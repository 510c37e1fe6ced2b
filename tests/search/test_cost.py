import json
from pathlib import Path

import pytest
import torch

from model.operations import OPERATIONS
from rtvideo.errors import InputError, UsageError
from search import cost
from search.config import SearchConfig
from search.objectives import Example
from search.price import Weighed
from search.supernet import Supernet
from search.updates import Updates

NAMES = list(OPERATIONS)


def only(name: str) -> torch.Tensor:
    out = torch.zeros(7, 7)
    out[:, NAMES.index(name)] = 1
    return out


def test_expected_cost_is_the_share_of_the_dearest_cell() -> None:
    costs = cost.multiply_adds()["iem"]
    assert costs["conv3"] == 81 and costs["resconv1"] == 9 and costs["skip"] == 0
    assert cost.expected(only("conv3"), costs) == 1
    assert cost.expected(only("skip"), costs) == 0
    assert cost.expected((only("conv1") + only("dil3")) / 2, costs).item() == pytest.approx((9 + 81) / 2 / 81)


def test_descending_the_cost_prefers_cheap_operations() -> None:
    alpha = torch.zeros(7, 7, requires_grad=True)
    [gradient] = torch.autograd.grad(cost.expected(alpha.softmax(1), cost.multiply_adds()["nrm"]), [alpha])
    for name in NAMES:  # descent raises the share where the gradient is negative
        column = gradient[:, NAMES.index(name)]
        assert (column < 0).all() if name in ("skip", "conv1", "resconv1") else (column > 0).all(), name


@pytest.mark.slow
def test_a_search_that_pays_chooses_cheaper_cells() -> None:
    table = cost.multiply_adds()
    found = {}
    for weight in (0.0, 1.0):
        torch.manual_seed(0)
        net = Supernet()
        steps = Updates(net, SearchConfig(lr=0.02), Weighed(table, weight))
        y = Example(0.02 + 0.3 * torch.rand(1, 3, 12, 12))
        for _ in range(5):
            steps.light(y, y, 0.01)
            steps.noise(y, y)
        found[weight] = [
            cost.expected(alpha.softmax(1), table[part]).item()
            for part, alpha in (("iem", net.alpha_t), ("nrm", net.alpha_n))
        ]
    assert all(paid < free - 0.02 for paid, free in zip(found[1.0], found[0.0], strict=True))


def test_a_table_is_read(tmp_path: Path) -> None:
    table = {part: {name: 0.5 for name in NAMES} for part in ("iem", "nrm")}
    (tmp_path / "t.json").write_text(json.dumps(table))
    assert cost.read(tmp_path / "t.json") == table


ROW = {name: 1 for name in NAMES}


@pytest.mark.parametrize(
    ("raw", "named"),
    [
        ([], "not a cost table"),
        ({"iem": ROW}, "not a cost table"),
        ({"iem": ROW, "nrm": ROW | {"skip": -1}}, "nrm: skip is -1"),
        ({"iem": ROW | {"conv1": "2 ms"}, "nrm": ROW}, "iem: conv1 is '2 ms'"),
        ({"iem": ROW | {"conv1": True}, "nrm": ROW}, "iem: conv1 is True"),
        ({"iem": {name: 0 for name in NAMES}, "nrm": ROW}, "iem: every cost is 0"),
        ({"iem": ROW, "nrm": {"conv1": 1}}, "nrm: conv3 is None"),
    ],
)
def test_a_bad_table_is_named(raw: object, named: str, tmp_path: Path) -> None:
    (tmp_path / "t.json").write_text(json.dumps(raw))
    with pytest.raises(UsageError, match=named):
        cost.read(tmp_path / "t.json")


def test_a_missing_or_broken_table_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.json: cannot be read"):
        cost.read(tmp_path / "none.json")
    (tmp_path / "t.json").write_text("{")
    with pytest.raises(UsageError, match="not a cost table"):
        cost.read(tmp_path / "t.json")
    (tmp_path / "t.json").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UsageError, match="not a cost table"):
        cost.read(tmp_path / "t.json")
