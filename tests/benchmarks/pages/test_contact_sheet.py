"""The contact sheet and the strip of frames, on pictures that the test makes."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

pytest.importorskip("onnxruntime")

from benchmarks import report
from tests.helpers.clips import write


def run(*words: object) -> int:
    return report.main([str(word) for word in words])


@pytest.mark.slow
def test_a_row_for_each_image_and_a_column_for_each_method(tmp_path: Path) -> None:
    (tmp_path / "dark").mkdir()
    for n in range(2):
        cv2.imwrite(str(tmp_path / "dark" / f"{n}.png"), np.full((40, 60, 3), 10 + 20 * n, np.uint8))
    assert run("contact-sheet", "--images", tmp_path / "dark", "--out", tmp_path / "sheet.png") == 0
    sheet = np.asarray(Image.open(tmp_path / "sheet.png"))
    assert sheet.shape == (16 + 2 * 164, 5 * 244, 3)
    cells = sheet[16:].reshape(2, 164, 5, 244, 3)[:, :160, :, :240].mean(axis=(1, 3, 4))
    assert cells[:, 0] == pytest.approx([10, 30])
    assert cells[:, 1] == pytest.approx([10 * 6.1, 30 * 6.1], rel=0.03)
    assert cells[:, 2] == pytest.approx([112, 112], abs=2)
    assert (cells[:, 3:] > cells[:, :1]).all()


def test_a_strip_shows_successive_frames(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    clip = write(tmp_path / "night.mp4", frames=10)
    out = tmp_path / "strip.png"
    words = ("frames", "--clip", clip, "--crop", "32x16+4+8", "--out", out)
    assert run(*words, "--first", 4) == 0
    assert Image.open(out).size == (6 * 244, 16 + 3 * 124)
    assert run(*words, "--first", 5) == 2
    assert "no 6 frames from 5 on" in capsys.readouterr().err


def test_pictures_of_others_are_not_written_into_the_docs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for words in (["contact-sheet", "--images"], ["frames", "--clip"], ["time-slices", "--clips"]):
        assert run(*words, tmp_path) == 2
        assert "--out" in capsys.readouterr().err
