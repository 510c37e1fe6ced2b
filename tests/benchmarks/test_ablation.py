import dataclasses
import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from benchmarks import ablation
from benchmarks.faults import scenes
from benchmarks.faults.scenes import Material
from benchmarks.training.variants import drawn, variants
from model.objectives import needs_reference
from model.recipes import NIGHT, RUAS, Recipe
from model.ruas import RUAS as Network
from rtvideo.errors import ExitCode

SMALL = dataclasses.replace(NIGHT, batch=1, crop=16)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.set_num_threads(1)
    monkeypatch.setattr(ablation, "RECIPES", {"night": SMALL})
    lit = np.full((16, 16, 3), 150, np.uint8)
    monkeypatch.setattr(scenes, "made", lambda: Material([], [], [lit]))
    # The tiny recipe's variants by losses stand for all of them.
    full = ablation.variants
    monkeypatch.setattr(
        ablation, "variants", lambda base: [v for v in full(base) if v.part in ("", "losses")]
    )


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pairs")
    random = np.random.default_rng(0)
    for number in range(4):
        high = random.integers(0, 256, (24, 32, 3)).astype(np.uint8)
        for name, image in (("low", high // 6), ("high", high)):
            (folder / name).mkdir(exist_ok=True)
            cv2.imwrite(str(folder / name / f"{number}.png"), image)
    return folder


def words(pairs: Path, out: Path, *more: str) -> list[str]:
    runs = str(out.parent / "runs")
    return ["--pairs", str(pairs), "--steps", "4", "--json", str(out), "--runs", runs, *more]


def by_name(out: Path) -> dict[str, dict[str, dict[str, float]]]:
    return {row["name"]: row["seeds"] for row in json.loads(out.read_text())["rows"]}


@pytest.mark.parametrize("base", [NIGHT, RUAS], ids=["night", "ruas"])
def test_each_variant_is_another_network_or_training(base: Recipe) -> None:
    found = list(variants(base))
    assert found[0].recipe(0) == base
    recipes = [dataclasses.replace(v.recipe(1), summary="") for v in found]
    assert all(a != b for n, a in enumerate(recipes) for b in recipes[:n])
    assert len({(v.part, v.name) for v in found}) == len(found)
    for variant in found:
        recipe = variant.recipe(1)
        assert recipe.losses
        assert sum(recipe.shares.values()) == pytest.approx(1)
        Network(recipe.description)


def test_variants_of_night_cover_each_freedom() -> None:
    parts = {v.part for v in variants(NIGHT)}
    assert parts >= {"losses", "data", "scales", "exposure", "channels", "application", "genotype"}
    names = {v.name: v.recipe(0) for v in variants(NIGHT)}
    assert not needs_reference(names["the paper's"].losses)
    assert not names["without the pixel's own light"].description.illumination.mix
    assert "night" not in names["without made night scenes"].shares


def test_random_genotypes_follow_the_seed() -> None:
    assert drawn(1) == drawn(1)
    assert drawn(1) != drawn(2)


@pytest.mark.slow
def test_stopped_and_continued_is_as_never_stopped(
    pairs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole, parts = tmp_path / "whole" / "scores.json", tmp_path / "parts" / "scores.json"
    for out in (whole, parts):
        out.parent.mkdir()
    assert ablation.main(words(pairs, whole, "--seeds", "0")) == ExitCode.DONE
    done = capsys.readouterr().err.count("seed 0")
    assert done == len(by_name(whole)) > 2

    assert ablation.main(words(pairs, parts, "--seeds", "0", "--most", "1")) == ExitCode.DONE
    first = by_name(parts)
    assert [bool(seeds) for seeds in first.values()] == [True] + [False] * (done - 1)
    assert ablation.main(words(pairs, parts, "--seeds", "0")) == ExitCode.DONE
    assert capsys.readouterr().err.count("seed 0") == done

    def scores(path: Path) -> dict[str, list[float]]:
        return {
            name: [value for key, value in seeds["0"].items() if key != "cpu_seconds"]
            for name, seeds in by_name(path).items()
        }

    np.testing.assert_equal(scores(parts), scores(whole))
    assert len({str(row) for row in scores(whole).values()}) == done


def test_another_seed_is_another_training(pairs: Path, tmp_path: Path) -> None:
    out = tmp_path / "scores.json"
    assert ablation.main(words(pairs, out, "--seeds", "3", "4", "--most", "0")) == ExitCode.DONE
    assert set(map(len, by_name(out).values())) == {0}
    variant = next(variants(SMALL))
    arguments = ablation._parser().parse_args(words(pairs, out))
    bench = ablation.Bench.read(SMALL, [pairs], ablation.Cache(arguments.runs, lambda text: None), 2, 4)
    assert bench.score(variant.recipe(3), 3) != bench.score(variant.recipe(4), 4)


def test_a_missing_folder_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert ablation.main(words(tmp_path / "nowhere", tmp_path / "scores.json")) == ExitCode.INPUT
    error = capsys.readouterr().err
    assert "nowhere" in error
    assert error.count("\n") == 1
