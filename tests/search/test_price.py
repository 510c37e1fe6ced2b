"""Prices in milliseconds: of a network, of a mixture, and a budget that is kept."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from rtvideo.errors import InputError, UsageError
from rtvideo.models.description import OPERATIONS
from search.objectives import NIGHT
from search.price import Budget, Free, Milliseconds, within

PRICES = Path(__file__).resolve().parents[2] / "docs/search/prices.json"

ROW = {
    "module": 1.0,
    "stage": 2.0,
    **dict.fromkeys(OPERATIONS, 0.5),
    "conv3": 3.0,
    "resconv3": 3.0,
    "skip": 0.0,
}
RAW: dict[str, Any] = {
    "base": 10.0,
    "iem": {str(scale): ROW for scale in (4, 8, 16)},
    "nrm": {str(channels): {name: channels * ms for name, ms in ROW.items()} for channels in (4, 6, 8, 12)},
}


@pytest.fixture
def prices(tmp_path: Path) -> Milliseconds:
    (tmp_path / "prices.json").write_text(json.dumps(RAW))
    return Milliseconds.read(tmp_path / "prices.json")


def test_a_network_costs_what_its_parts_do(prices: Milliseconds) -> None:
    # Three stages of the authors' cell (2 skips, 1 resconv1, 1 resdil3, 3 conv3); 8 channels, 2 conv3.
    assert prices.of(NIGHT.description) == pytest.approx(10 + 3 * (2 + 2 * 0.5 + 9) + 8 * (1 + 2 + 2 * 3))


def test_a_settled_mixture_costs_what_its_network_does(prices: Milliseconds) -> None:
    net = NIGHT.supernet()
    for choice in net.all_choices().values():
        choice.shrink(1)
    assert prices.expected(net).item() == pytest.approx(prices.of(net.derived()))


def test_a_mixture_costs_the_mean(prices: Milliseconds) -> None:
    net = NIGHT.supernet()
    before = prices.expected(net).item()
    with torch.no_grad():
        net.alpha_n[:, OPERATIONS.index("resconv3")] += 1
    assert prices.expected(net).item() > before


@pytest.mark.parametrize("share", [0.5, 1.2])
def test_a_budget_pulls_the_mixture_to_its_target_from_both_sides(share: float, prices: Milliseconds) -> None:
    net = NIGHT.supernet()
    now = prices.expected(net).item()
    budget = Budget(prices, share * now)
    optimiser = torch.optim.Adam(net.architecture_t() + net.architecture_n(), 0.03)
    for _ in range(120):
        optimiser.zero_grad()
        budget(net).backward()
        optimiser.step()
    assert prices.expected(net).item() == pytest.approx(share * now, rel=0.1)


@pytest.mark.parametrize(("leading", "channels"), [("skip", 0), ("resconv3", 3)], ids=["cheap", "dear"])
def test_options_are_dropped_so_that_what_is_left_costs_the_target(leading: str, channels: int) -> None:
    prices = Milliseconds.read(PRICES)
    torch.manual_seed(0)
    mixtures = [NIGHT.supernet() for _ in range(2)]
    mixtures[0].alpha_n.data[:, OPERATIONS.index(leading)] += 1
    mixtures[0].choice("channels").alpha.data[:, channels] += 0.5
    mixtures[1].load_state_dict(mixtures[0].state_dict())
    target = prices.expected(mixtures[0]).item()
    for price, net in zip((Free(), Budget(prices, target)), mixtures, strict=True):
        for left in (3, 2, 1):
            price.shrink(net, {n: min(left, choice.options) for n, choice in net.all_choices().items()})
    straight, held = (prices.of(net.derived()) for net in mixtures)
    assert abs(straight / target - 1) > 0.4
    assert held == pytest.approx(target, rel=0.1)


def test_what_is_found_keeps_the_budget(prices: Milliseconds) -> None:
    torch.manual_seed(0)
    net = NIGHT.supernet()
    with torch.no_grad():
        net.alpha_n[:, OPERATIONS.index("resconv3")] += 3
        net.choice("channels").alpha[0, 3] += 2
    dear = prices.of(net.derived())
    for target in (dear, 0.6 * dear, 30.0):
        assert prices.of(within(net, prices, target)) <= target
    assert within(net, prices, dear) == net.derived()
    with pytest.raises(UsageError, match=r"--budget 5: the cheapest network takes \d+\.\d ms"):
        within(net, prices, 5.0)


@pytest.mark.parametrize(
    ("raw", "named"),
    [
        ([], "not a table of prices"),
        ({}, "iem must have prices by number"),
        (RAW | {"base": -1}, "base is -1"),
        (RAW | {"nrm": {"8": ROW | {"skip": "2"}}}, "nrm: 8: skip is '2'"),
        (RAW | {"iem": {"four": ROW}}, "iem must have prices by number"),
    ],
)
def test_a_bad_table_is_named(raw: object, named: str, tmp_path: Path) -> None:
    (tmp_path / "t.json").write_text(json.dumps(raw))
    with pytest.raises(UsageError, match=named):
        Milliseconds.read(tmp_path / "t.json")


def test_a_missing_table_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.json: cannot be read"):
        Milliseconds.read(tmp_path / "none.json")


def test_a_width_without_a_price_is_named(prices: Milliseconds) -> None:
    narrow = Milliseconds(prices.base, prices.iem, {4: prices.nrm[4]})
    with pytest.raises(UsageError, match="channels 8: no price for it in the table, which has 4"):
        narrow.of(NIGHT.description)


def test_the_table_that_lies_here_is_one() -> None:
    assert Milliseconds.read(PRICES).of(NIGHT.description) > 0
