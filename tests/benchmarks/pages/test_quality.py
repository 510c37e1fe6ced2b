"""The tables of the pages, from records such as the benchmarks write."""

import json
import math
from dataclasses import asdict
from pathlib import Path

import pytest

from benchmarks import report
from benchmarks.faults.table import Faults
from benchmarks.methods.scores import Row
from benchmarks.pages import quality


def row(method: str, psnr: float, parameters: int | None = None) -> Row:
    return Row(method, psnr, 0.5, 20.0, 0.01, parameters, None)


def seed(psnr: float, parameters: int = 100) -> dict[str, float]:
    scores = {"psnr": psnr, "ssim": 0.7, "iem_psnr": psnr - 1, "iem_ssim": 0.6, "parameters": parameters}
    faults = {"grey_cast": 2.0, "false_chroma": 1.0, "lifted_black": 9.0, "burnt_halo": 0.25}
    return {**scores, **faults, "luma_change": 0.01, "texture_kept": 0.98}


def test_summary_has_a_column_for_each_set() -> None:
    text = quality.summary({"A": [row("input", 7), row("night", 19.123, 3457)], "B": [row("night", 21)]})
    assert text.splitlines() == [
        "|  | parameters | A | B |",
        "| --- | --- | --- | --- |",
        "| input |  | 7.00 / 0.500 |  |",
        "| night | 3,457 | 19.12 / 0.500 | 21.00 / 0.500 |",
    ]


def test_ablation_tells_mean_and_spread_and_leaves_out_what_is_missing() -> None:
    rows = [
        {"part": "", "name": "as it is", "seeds": {"0": seed(19), "1": seed(20), "2": seed(21)}},
        {"part": "genotype", "name": "random", "seeds": {"0": seed(18, 90), "1": seed(18, 300)}},
        {"part": "scales", "name": "one seed", "seeds": {"0": seed(17)}},
        {"part": "scales", "name": "missing", "seeds": {}},
    ]
    lines = quality.ablation({"rows": rows}).splitlines()
    assert len(lines) == 5
    assert "| as it is | 100 | 19.00 ± 1.00 / 0.600 ± 0.000 | 20.00 ± 1.00 / 0.700 ± 0.000 |" in lines[2]
    assert lines[2].endswith("| 2.0 | 1.0 | 9 | 25% | 1% | 0.98 | 3 |")
    assert "| 90 to 300 |" in lines[3]
    # Against the recipe on the same two seeds, not against the mean of all three.
    assert "| -1.50 / +0.000 | -1.50 / +0.000 |" in lines[3]
    assert "| one seed | 100 | 16.00 / 0.600 | 17.00 / 0.700 |" in lines[4]


def test_faults_come_back_from_json_as_they_were() -> None:
    faults = Faults(*range(14), math.nan)
    text = json.dumps({k: None if math.isnan(v) else v for k, v in asdict(faults).items()})
    [found] = quality.known([{"method": "night", **json.loads(text)}]).values()
    assert found.grey_cast == 0
    assert math.isnan(found.infra_red_change)


def test_the_pages_hold_what_was_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "docs" / "quality").mkdir(parents=True)
    marks = ("eval15", "ablation")
    (tmp_path / "README.md").write_text("")
    (tmp_path / "docs/quality.md").write_text(
        "before\n<!-- quality -->\nold\n<!-- end -->\nafter\n"
        + "".join(f"<!-- {mark} -->\n<!-- end -->\n" for mark in marks)
    )
    measured = {"eval15": {"rows": [asdict(row("night", 19))]}, "ablation": {"rows": []}}
    for name, record in measured.items():
        (tmp_path / "docs/quality" / f"{name}.json").write_text(json.dumps(record))
    monkeypatch.setattr(report, "ROOT", tmp_path)
    assert report.main(["quality"]) == 0
    page = (tmp_path / "docs/quality.md").read_text()
    assert "| night |  | 19.00 / 0.500 |" in page
    assert "old" not in page
    assert page.startswith("before\n")
    assert "| night | 19.00 | 0.500 | 20.00 |" in page
