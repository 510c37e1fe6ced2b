"""Pairs are made of photographs and panoramas alone, once, and training reads them."""

import csv
from pathlib import Path

import cv2
import numpy as np
import pytest

from model import data, scenes, trainer
from model.recipes import NIGHT


@pytest.fixture
def material(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Two photographs and two panoramas, of which one is not to be used."""
    monkeypatch.setattr(scenes, "COUNTS", {"wide": 2, "panoramas": 3, "night": 1, "lit": 1})
    random = np.random.default_rng(0)
    for folder in ("lit", "hdr"):
        (tmp_path / folder).mkdir()
    for name in ("a", "b"):
        coarse = random.integers(40, 220, (6, 9, 3), np.uint8).repeat(8, 0).repeat(8, 1)
        cv2.imwrite(str(tmp_path / f"lit/{name}.png"), coarse)
        cv2.imwrite(str(tmp_path / f"hdr/{name}_1k.hdr"), random.random((32, 64, 3), np.float32))
    words = ["--photos", str(tmp_path / "lit"), "--panoramas", str(tmp_path / "hdr"), "--without", "b_1k"]
    return [*words, "--out", str(tmp_path / "scenes")]


def test_each_kind_is_a_folder_of_pairs_that_know_their_scene(material: list[str], tmp_path: Path) -> None:
    assert scenes.main(material) == 0
    found = {path.name: len(list((path / "low").iterdir())) for path in (tmp_path / "scenes").iterdir()}
    assert found == {"wide": 4, "panoramas": 3, "night": 2, "lit": 2}
    with (tmp_path / "scenes/panoramas/pairs.csv").open() as file:
        assert [row["scene"] for row in csv.DictReader(file)] == ["a_1k"] * 3
    items = data.paired(sorted((tmp_path / "scenes").iterdir()), data.Reader())
    assert {item.scene for item in items} == {"a", "b", "a_1k"}
    kinds = trainer.kinds(NIGHT, items, seed=0)
    assert {kind: len(of_kind) for kind, of_kind in kinds.items()} == {"given": 7, "lit": 2, "night": 2}
    assert all(np.array_equal(item.low, item.high) for item in kinds["lit"])


def test_what_is_there_is_not_made_again_and_the_rest_does_not_depend_on_it(
    material: list[str], tmp_path: Path
) -> None:
    assert scenes.main(material) == 0
    made = {path: path.read_bytes() for path in (tmp_path / "scenes").rglob("*.png")}
    lost, *kept = made
    lost.unlink()
    stamps = {path: path.stat().st_mtime_ns for path in kept}
    assert scenes.main(material) == 0
    assert lost.read_bytes() == made[lost]
    unchanged = [path.stat().st_mtime_ns == stamp for path, stamp in stamps.items()]
    assert sum(unchanged) >= len(kept) - 1  # the other half of the pair is written again


def test_nothing_to_make_scenes_of(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert scenes.main(["--out", str(tmp_path / "scenes")]) == 2
    assert "give --photos DIR" in capsys.readouterr().err
