"""The maker of the contact sheet, on pictures that the test makes."""

import importlib.util
from pathlib import Path
from types import ModuleType

import cv2
import numpy as np
import pytest
from PIL import Image

from tests.helpers.clips import write

DOCS = Path(__file__).resolve().parents[2] / "docs"


@pytest.fixture(scope="module")
def maker() -> ModuleType:
    pytest.importorskip("onnxruntime")
    spec = importlib.util.spec_from_file_location("make_contact_sheet", DOCS / "make_contact_sheet.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def run(maker: ModuleType, monkeypatch: pytest.MonkeyPatch, *words: object) -> None:
    monkeypatch.setattr("sys.argv", ["make_contact_sheet.py", *map(str, words)])
    maker.main()


def test_a_row_for_each_image_and_a_column_for_each_method(
    maker: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "dark").mkdir()
    for n in range(2):
        cv2.imwrite(str(tmp_path / "dark" / f"{n}.png"), np.full((40, 60, 3), 10 + 20 * n, np.uint8))
    run(maker, monkeypatch, "--images", tmp_path / "dark", "--out", tmp_path / "sheet.png")
    sheet = np.asarray(Image.open(tmp_path / "sheet.png"))
    assert sheet.shape == (16 + 2 * 164, 5 * 244, 3)
    cells = sheet[16:].reshape(2, 164, 5, 244, 3)[:, :160, :, :240].mean(axis=(1, 3, 4))
    assert cells[:, 0] == pytest.approx([10, 30])
    assert cells[:, 1] == pytest.approx([10 * 6.1, 30 * 6.1], rel=0.03)
    assert cells[:, 2] == pytest.approx([112, 112], abs=2)
    assert (cells[:, 3:] > cells[:, :1]).all()


def test_a_strip_shows_successive_frames(
    maker: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clip = write(tmp_path / "night.mp4", frames=10)
    out = tmp_path / "strip.png"
    words = ("--clip", clip, "--crop", "32x16+4+8", "--out", out)
    run(maker, monkeypatch, *words, "--first", 4)
    assert Image.open(out).size == (6 * 244, 16 + 3 * 124)
    with pytest.raises(SystemExit, match="no 6 frames from 5 on"):
        run(maker, monkeypatch, *words, "--first", 5)


def test_pictures_of_others_are_not_written_into_the_docs(
    maker: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        run(maker, monkeypatch, "--images", tmp_path)
    assert "--out" in capsys.readouterr().err
