from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from benchmarks import reproduction
from benchmarks.common.files import ROOT
from benchmarks.common.markdown import table
from benchmarks.paper import entries
from benchmarks.paper.context import PAPER, spread_cells, verdict
from benchmarks.paper.figures import Point, plot, side_by_side
from benchmarks.paper.searches import Search, decided
from benchmarks.training.cache import Cache, code
from benchmarks.training.laboratory import Contender, Data, Laboratory, size
from rtvideo.errors import InputError, UsageError

ALONE = dataclasses.replace(PAPER, noise=None)


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a data folder with pairs of different scenes in both parts."""
    root = tmp_path_factory.mktemp("data")
    random = np.random.default_rng(0)
    for part, count in ("train", 4), ("eval15", 2):
        for number in range(count):
            high = random.integers(0, 256, (24, 32, 3)).astype(np.uint8)
            for name, image in ("low", high // 8), ("high", high):
                path = root / "lol_v1" / part / name / f"{number}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                cv2.imwrite(str(path), image)
    return root


def laboratory(folder: Path, runs: Path, said: list[str]) -> Laboratory:
    return Laboratory(Cache(runs, said.append), Data.read(folder))


def contender(**changes: object) -> Contender:
    given = {"description": ALONE, "eta_t": 0.01, "eta_n": 0.0, "steps": 1} | changes
    return Contender(**given)  # type: ignore[arg-type]


def test_a_result_is_kept_while_its_inputs_are_the_same(tmp_path: Path) -> None:
    said: list[str] = []
    cache = Cache(tmp_path, said.append)
    assert cache.get("score", {"a": 1}, lambda: {"x": 1.5}) == {"x": 1.5}
    assert cache.get("score", {"a": 1}, lambda: {"x": 9.0}) == {"x": 1.5}
    assert cache.get("score", {"a": 2}, lambda: {"x": 9.0}) == {"x": 9.0}
    assert cache.get("time", {"a": 1}, lambda: {"x": 7.0}) == {"x": 7.0}
    assert len(said) == 3


@pytest.mark.parametrize("content", ["", '{"inputs"', "[]", '{"inputs": {"a": 2}, "result": 3}'])
def test_a_damaged_or_foreign_result_is_computed_anew(content: str, tmp_path: Path) -> None:
    cache = Cache(tmp_path, lambda text: None)
    cache.path("score", {"a": 1}).write_text(content)
    assert cache.get("score", {"a": 1}, lambda: 5) == 5
    assert json.loads(cache.path("score", {"a": 1}).read_text())["result"] == 5


def test_code_is_known_by_its_content(tmp_path: Path) -> None:
    for name in "ab":
        (tmp_path / name).mkdir()
        (tmp_path / name / "net.py").write_text("x = 1\n")
    (tmp_path / "c").mkdir()
    (tmp_path / "c" / "net.py").write_text("x = 2\n")
    a, b, c = (code("net.py", root=tmp_path / name) for name in "abc")
    assert a == b != c


@pytest.mark.slow
def test_a_training_is_repeated_when_anything_changes(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    lab = laboratory(folder, tmp_path / "runs", said)

    def trainings(what: Contender) -> int:
        said.clear()
        lab.score(what)
        return sum(text.startswith("training") for text in said)

    assert trainings(contender()) == 1
    assert trainings(contender()) == 0
    named = dataclasses.replace(ALONE, name="other")
    assert trainings(contender(description=named)) == 0
    light = dataclasses.replace(ALONE.illumination, warm_start="fixed")
    assert trainings(contender(description=dataclasses.replace(ALONE, illumination=light))) == 1
    assert trainings(contender(eta_t=0.02)) == 1
    assert trainings(contender(seed=1)) == 1
    monkeypatch.setattr("benchmarks.training.laboratory.code", lambda *paths: "changed")
    assert trainings(contender()) == 1


def test_other_data_are_another_training(folder: Path, tmp_path: Path) -> None:
    said: list[str] = []
    laboratory(folder, tmp_path, said).net(contender())
    lab = laboratory(folder, tmp_path, said)
    other = Laboratory(lab.cache, dataclasses.replace(lab.data, fingerprint="other"))
    other.net(contender())
    assert sum(text.startswith("training") for text in said) == 2


def test_lost_weights_are_trained_again(folder: Path, tmp_path: Path) -> None:
    lab = laboratory(folder, tmp_path, [])
    first = lab.net(contender()).state_dict()
    next(tmp_path.glob("training-*.safetensors")).unlink()
    again = lab.net(contender()).state_dict()
    assert all(torch.equal(first[name], again[name]) for name in first)


def test_choices_are_made_without_the_test_pairs(folder: Path, tmp_path: Path) -> None:
    lab = laboratory(folder, tmp_path, [])
    train, held = ({item.name for item in items} for items in (lab.data.train, lab.data.held))
    assert held and not train & held
    lab.score(contender(), held=True)
    [kept] = [json.loads(path.read_text()) for path in tmp_path.glob("score-*")]
    assert set(kept["inputs"]["pairs"]) == held


def test_the_supernet_is_trained_and_scored_like_any(folder: Path, tmp_path: Path) -> None:
    whole = contender(description=PAPER, supernet=True, eta_n=0.02)
    scores = laboratory(folder, tmp_path, []).score(whole)
    assert scores["psnr"] != scores["iem_psnr"]
    assert size(whole)[0] > size(contender(description=PAPER))[0]


def test_only_one_entry_changes(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in "figure6", "table2":
        monkeypatch.setitem(entries.ENTRIES, name, (name, lambda context, name=name: f"first {name}"))
    out = tmp_path / "report.md"
    words = ["--data", str(folder), "--out", str(out), "--runs", str(tmp_path / "runs"), "--only"]
    assert reproduction.main([*words, "figure6,table2"]) == 0
    monkeypatch.setitem(entries.ENTRIES, "table2", ("table2", lambda context: "second"))
    assert reproduction.main([*words, "table2"]) == 0
    sections = reproduction.read(out)
    assert sections == {"figure6": "first figure6", "table2": "second"}
    assert out.read_text().count("Not run.") == len(entries.ENTRIES) - 2


def test_an_entry_without_its_search_is_not_run(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "report.md"
    words = ["--data", str(folder), "--out", str(out), "--runs", str(tmp_path / "runs")]
    assert reproduction.main([*words, "--search", str(tmp_path / "none"), "--only", "cost"]) == 3
    assert "cost: not run" in capsys.readouterr().err
    assert reproduction.read(out) == {}


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["--only", "figure5"], "figure5"),
        (["--only", ""], "''"),
        (["--seeds", "0"], "--seeds: '0'"),
        (["--seed", "1"], "--seed"),
        ([], "--data"),
    ],
)
def test_bad_arguments_are_one_line(
    words: list[str], named: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = ["--data", str(tmp_path / "none")] if words else []  # so that nothing could run
    assert reproduction.main([*data, *words]) == UsageError("").exit_code
    error = capsys.readouterr().err
    assert named in error and error.count("\n") == 1


def test_missing_data_are_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--data", str(tmp_path), "--out", str(tmp_path / "r.md"), "--runs", str(tmp_path / "runs")]
    assert reproduction.main(words) == InputError("").exit_code
    assert str(tmp_path / "lol_v1/train") in capsys.readouterr().err


def test_tables_are_markdown() -> None:
    assert table(["a", "b"], [["1", "2"]]) == "| a | b |\n| --- | --- |\n| 1 | 2 |"


def test_seeds_show_their_range() -> None:
    scores = [{"psnr": value, "ssim": 0.5, "matched": 12.0} for value in (9.5, 10.0, 12.0)]
    assert spread_cells(scores)[0] == "10.50 (9.50 to 12.00)"
    assert spread_cells(scores[:1])[0] == "9.50"


def test_the_verdict_follows_the_scores() -> None:
    better = {"psnr": 12.0, "ssim": 0.5, "matched": 14.0}
    worse = {"psnr": 11.0, "ssim": 0.6, "matched": 13.0}
    said = verdict({"separate": worse, "cooperative": better})
    assert "ahead by 2 of 3" in said and "by SSIM separate, cooperative" in said
    assert "ahead by 1 of 3" in verdict({"separate": better, "cooperative": worse})


def test_searches_say_how_far_they_decided() -> None:
    searches = {name: Search.read(ROOT / "docs/search" / name) for name in entries.FIGURE_9}
    assert len({search.length for search in searches.values()}) == 1, (
        "of one length, or figure 9 compares lengths"
    )
    for search in searches.values():
        assert search.shares.shape == (14, 7)
        np.testing.assert_allclose(search.shares.sum(1), 1, atol=1e-6)
    one = searches["joint"]
    said = " ".join(decided({"one": one, "other": one}).split())
    assert f"{one.steps:,} steps of each module; " in said
    assert "one and other on 14 (14); " in said
    assert f"({one.shares[:, 0].min():.2f} to {one.shares[:, 0].max():.2f})" in said
    with pytest.raises(InputError, match=r"search\.cooperative"):
        Search.read(ROOT / "docs/search/none")


def test_pictures_stand_side_by_side_in_their_colours() -> None:
    red = np.zeros((20, 40, 3), np.uint8)
    red[..., 0] = 255
    row = side_by_side([red, red], ["one", "two\nlines"], width=40)
    assert row.shape[1] == 2 * 48
    assert row[10, 10].tolist() == [0, 0, 255]  # BGR
    assert (row[30:] < 128).any()


def test_a_plot_puts_larger_values_higher_and_further_right() -> None:
    lone = plot([Point(1, 1, "")], "x", "y")
    assert lone.shape == plot([Point(0, 0, "a"), Point(2, 3, "b")], "x", "y").shape
    picture = plot([Point(0, 0, ""), Point(2, 3, "")], "", "").astype(int)
    blue = np.argwhere((picture[..., 0] - picture[..., 2]) > 100)
    left, right = blue[blue[:, 1] < 300].mean(0), blue[blue[:, 1] > 300].mean(0)
    assert left[0] > right[0]
