import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from benchmarks import quality
from benchmarks.methods import baselines
from model.data import Item
from rtvideo.errors import ExitCode


def picture(seed: int = 0) -> np.ndarray:
    small = np.random.default_rng(seed).integers(40, 250, (5, 6, 3), np.uint8)
    return cv2.resize(small, (48, 40), interpolation=cv2.INTER_CUBIC)


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    low, high = tmp_path / "low", tmp_path / "high"
    for folder in (low, high):
        folder.mkdir()
    for n in range(3):
        truth = picture(n)
        cv2.imwrite(str(high / f"{n}.png"), truth)
        cv2.imwrite(str(low / f"{n}.png"), truth // 5)
    return low, high


def test_gamma_reaches_its_mean() -> None:
    for mean in (0.3, 0.42, 0.6):
        result = baselines.adaptive_gamma(mean)(picture() // 5)
        assert result.mean() / 255 == pytest.approx(mean, abs=0.01)
    black = np.zeros((4, 4, 3), np.uint8)
    np.testing.assert_array_equal(baselines.adaptive_gamma(0.42)(black), black)


def test_gain_clips() -> None:
    np.testing.assert_array_equal(baselines.fixed_gain(6)(np.full((1, 1, 3), 10, np.uint8)), 60)
    np.testing.assert_array_equal(baselines.fixed_gain(6)(np.full((1, 1, 3), 50, np.uint8)), 255)


def test_clahe_raises_contrast_and_keeps_grey_grey() -> None:
    grey = picture().mean(axis=2).astype(np.uint8)[..., None].repeat(3, 2) // 4
    result = baselines.clahe(grey).astype(int)
    assert result.std() > grey.std()
    assert np.abs(result - result.mean(axis=2, keepdims=True)).max() <= 2


def test_fit_finds_the_gain_that_made_the_pairs() -> None:
    items = [Item(str(n), str(n), (picture(n) / 4).astype(np.uint8), picture(n)) for n in range(3)]
    gain, mean = baselines.fit(items)
    assert gain == pytest.approx(4, abs=0.5)
    assert mean == pytest.approx(float(np.mean([picture(n) for n in range(3)])) / 255, abs=0.06)


def test_scores_every_contender(
    folders: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("onnxruntime")
    low, high = folders
    out = tmp_path / "scores.json"
    assert quality.main(["--low", str(low), "--high", str(high), "--json", str(out)]) == ExitCode.DONE
    rows = {row["method"]: row for row in json.loads(out.read_text())["rows"]}
    printed = capsys.readouterr().out
    assert printed.startswith("3 pairs")
    for name in rows:
        assert f"| {name} |" in printed
    assert rows["input"]["psnr"] < rows["gamma to mean 0.44"]["psnr"]
    assert rows["night, IEM"]["parameters"] < rows["night, IEM+NRM"]["parameters"] <= 3500
    assert rows["night, IEM"]["psnr"] > rows["input"]["psnr"]


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        ([], ExitCode.USAGE, "give --low DIR and --high DIR"),
        (["--low", "nowhere", "--high", "nowhere"], ExitCode.INPUT, "no such folder"),
        (["--peer", "lonely"], ExitCode.USAGE, "must be NAME=FILE.onnx"),
        (["--peer", "net=none.onnx"], ExitCode.UNAVAILABLE, "none.onnx"),
    ],
)
def test_mistakes_are_one_line(
    folders: tuple[Path, Path],
    words: list[str],
    code: ExitCode,
    message: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    if words and words[0] == "--peer":
        pytest.importorskip("onnxruntime")
        words = ["--low", str(folders[0]), "--high", str(folders[1]), *words]
    assert quality.main(words) == code
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
