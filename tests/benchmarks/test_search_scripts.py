"""What the scripts about the search compute of times, searches and rows."""

import itertools
import json
from pathlib import Path

import pytest

from benchmarks import prices, search_agreement, search_rivals
from benchmarks.search.contestants import EQUAL, authors, random_networks
from model.genotypes import AUTHORS_IEM, AUTHORS_NRM
from search.objectives import NIGHT
from search.price import Milliseconds

TABLE = Path(__file__).resolve().parents[2] / "docs/search/prices.json"


def test_prices_are_what_a_part_adds() -> None:
    times = {name: 10.0 for name in prices.candidates()}
    times |= {"nrm 8 skip": 15.0, "nrm 8 more": 17.0, "nrm 8 conv3": 29.0, "iem 8 skip": 11.0}
    found = prices.prices(times | {"iem 8 dil3": 11.0 + 21 * 0.5})
    assert found["nrm"]["8"]["stage"] == 2 and found["nrm"]["8"]["module"] == 3
    assert found["nrm"]["8"]["conv3"] == found["nrm"]["8"]["resconv3"] == 2
    assert found["nrm"]["8"]["skip"] == 0 and found["nrm"]["8"]["conv1"] == 0  # never less than nothing
    assert found["iem"]["8"]["stage"] == 1 and found["iem"]["8"]["dil3"] == pytest.approx(0.5)


def test_the_candidates_of_the_table_are_those_of_the_space() -> None:
    assert set(json.loads(TABLE.read_text())["times"]) == set(prices.candidates())


def test_random_networks_have_the_price_and_follow_from_the_seed() -> None:
    table = Milliseconds.read(TABLE)
    target = table.of(NIGHT.description)
    drawn = list(itertools.islice(random_networks(table, target), 6))
    assert all(abs(table.of(network) / target - 1) <= EQUAL for network in drawn)
    assert len(set(drawn)) == 6
    assert drawn == list(itertools.islice(random_networks(table, target), 6))


def test_the_authors_cells_have_the_width_nearest_to_the_price() -> None:
    table = Milliseconds.read(TABLE)
    found = authors(table, 1e6)
    assert found.noise is not None and found.noise.channels == max(NIGHT.space.channels)
    assert (found.illumination.genotype, found.noise.genotype) == (AUTHORS_IEM, AUTHORS_NRM)


def test_a_residual_is_no_function_of_its_own() -> None:
    first, second = ["conv3", "skip", "resdil3"], ["resconv3", "skip", "conv1"]
    assert search_agreement.agreeing(first, second) == 1
    functions = [list(map(search_agreement.function, cell)) for cell in (first, second)]
    assert search_agreement.agreeing(*functions) == 2


def test_rows_are_kept_and_the_best_of_random_is_named(tmp_path: Path) -> None:
    table = Milliseconds.read(TABLE)
    named = {"found": NIGHT.description, "random 1": NIGHT.description, "random 2": NIGHT.description}
    rows: list[search_rivals.Row] = []
    for name, loss in [("found", 0.4), ("random 1", 0.6), ("random 1", 0.8), ("random 2", 0.5)]:
        row = {"name": name, "seed": len(rows), "loss": loss, "psnr": 20.0, "ssim": 0.7}
        search_rivals.append(tmp_path / "rows.jsonl", rows, row)
    search_rivals.append(tmp_path / "rows.jsonl", rows, {"name": "found", "ms": 54.62})
    assert search_rivals.read(tmp_path / "rows.jsonl") == rows
    text = search_rivals.report(named, table, rows)
    assert "| random 1 | 61.4 |  | 2 | 0.7000 (0.6000 to 0.8000) |" in text
    assert "| found | 61.4 | 54.6 | 1 | 0.4000 |" in text
    assert "Best of random: random 2. Random: mean loss 0.6000 (0.5000 to 0.7000)" in text
