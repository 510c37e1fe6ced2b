"""The command: tables, figures, pictures, and one line for a mistake."""

import json
from dataclasses import asdict
from pathlib import Path

import cv2
import numpy as np
import pytest

from benchmarks import night_clips, report
from benchmarks.night import methods
from benchmarks.night.scores import Scores, mean, table
from rtvideo.errors import ExitCode


def scores(**known: float) -> Scores:
    return Scores(**{name: known.get(name) for name in Scores.__dataclass_fields__})


def test_columns_that_none_has_are_left_out() -> None:
    rows = {"a": scores(luma=100, burnt=0.0125), "b": scores(luma=90)}
    assert table(rows).splitlines() == [
        "| method | luma | burnt by it |",
        "| --- | --- | --- |",
        "| a | 100 | 1.25% |",
        "| b | 90 |  |",
    ]


def test_means_are_over_what_is_known() -> None:
    found = mean([scores(luma=100, hue=4), scores(luma=50), scores(hue=float("nan"))])
    assert (found.luma, found.hue, found.psnr) == (75, 4, None)


@pytest.mark.compile
def test_photographs_are_scored_without_a_truth(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(methods.shutil, "which", lambda name: None)
    photographs, out, shown = tmp_path / "dark", tmp_path / "scores.json", tmp_path / "shown"
    photographs.mkdir()
    cv2.imwrite(str(photographs / "1.png"), np.random.default_rng(0).integers(0, 20, (64, 64, 3), np.uint8))
    words = ["--real", str(photographs), "--quick", "--json", str(out), "--out", str(shown)]
    assert night_clips.main(words) == ExitCode.DONE
    assert capsys.readouterr().out.startswith("dark\n\n| method | luma |")
    rows = json.loads(out.read_text())["clips"]["dark"]
    assert rows["input"]["burnt"] == 0
    assert rows["night, IEM, frame by frame"] == rows["night, IEM, over time"]
    assert rows["night, IEM, frame by frame"]["luma"] > rows["input"]["luma"]
    assert not any(name.startswith("ffmpeg") for name in rows)
    assert rows["input"]["psnr"] is None
    assert len(list(shown.glob("dark.*.png"))) == len(rows)


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["--real", "nowhere.mp4"], ExitCode.INPUT, "nowhere.mp4"),
        (["--panoramas", "."], ExitCode.INPUT, "holds no panorama"),
        (["--model", "nobody"], ExitCode.USAGE, "unknown model 'nobody'"),
        (["--codec", "libvpx"], ExitCode.USAGE, "libvpx"),
    ],
)
def test_mistakes_are_one_line(
    tmp_path: Path,
    words: list[str],
    code: ExitCode,
    message: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert night_clips.main(words) == code
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


def test_the_page_holds_what_was_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "docs" / "night").mkdir(parents=True)
    (tmp_path / "README.md").write_text("")
    (tmp_path / "docs/night.md").write_text("<!-- night real -->\nold\n<!-- end -->\n")
    clips = {"dash cam": {"input": asdict(scores(luma=6))}, "street": {"input": asdict(scores(psnr=20))}}
    (tmp_path / "docs/night/real.json").write_text(json.dumps({"clips": clips}))
    monkeypatch.setattr(report, "ROOT", tmp_path)
    assert report.main(["night"]) == 0
    page = (tmp_path / "docs/night.md").read_text()
    assert "dash cam:\n\n| method | luma |" in page
    assert "street:\n\n| method | PSNR |" in page
    assert "old" not in page
