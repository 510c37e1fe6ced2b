"""The command: tables, figures, pictures, and one line for a mistake."""

import json
import shutil
from dataclasses import asdict
from pathlib import Path

import cv2
import numpy as np
import pytest

from benchmarks import night_clips, report
from benchmarks.night import methods, scenes
from benchmarks.night.clips import Clip
from benchmarks.night.scenes import Scene
from benchmarks.night.scores import ALL, Scores, mean, table
from benchmarks.pages import night
from rtvideo.errors import ExitCode
from tests.helpers.clips import write


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
    assert rows["night, IEM"]["luma"] > rows["input"]["luma"]
    assert not any("over time" in name for name in rows)
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
        (["--size", "641x360"], ExitCode.USAGE, "'641x360' is not allowed; allowed: even WIDTHxHEIGHT"),
        (["--out", "notes.txt"], ExitCode.OUTPUT, "notes.txt: cannot be made: File exists"),
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
    (tmp_path / "notes.txt").write_text("a file")
    assert night_clips.main(words) == code
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


@pytest.mark.compile
def test_a_clip_is_lit_over_time_and_debanded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(methods.shutil, "which", lambda name: None)
    clip, out = write(tmp_path / "night.mp4", frames=8), tmp_path / "scores.json"
    assert night_clips.main(["--real", str(clip), "--quick", "--json", str(out)]) == ExitCode.DONE
    rows = json.loads(out.read_text())["clips"]["night"]
    for parts in ("IEM", "IEM+NRM"):
        for way in ("", ", debanded", ", debanded, over time"):
            assert rows[f"night, {parts}{way}"]["luma"] > 0
    assert "| night, IEM+NRM, debanded, over time |" in capsys.readouterr().out


@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="needs the program ffmpeg")
def test_the_filters_of_ffmpeg_brighten_each_frame() -> None:
    dark = [np.full((16, 24, 3), level, np.uint8) for level in (10, 20, 30)]
    lit = methods.filtered(Clip("dark", dark, dark, None, [0, 1, 2]))
    assert [image.shape for image in lit] == [(16, 24, 3)] * 3
    assert all(image.mean() > given.mean() + 30 for image, given in zip(lit, dark, strict=True))


@pytest.mark.compile
def test_the_picture_has_a_row_for_each_scene(monkeypatch: pytest.MonkeyPatch) -> None:
    dim = np.full((48, 64, 3), 0.02, np.float32)
    monkeypatch.setattr(scenes, "street", lambda size: Scene("still", lambda count: iter([dim] * count)))
    monkeypatch.setattr(night, "_FRAMES", 2)
    picture = night.sheet([], "night")
    assert picture.size == (5 * 244, 16 + 184)


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


def test_of_many_clips_the_page_shows_means_and_the_last_method(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = {"input": asdict(scores(luma=6)), "night": asdict(scores(luma=90))}
    clips = {"street": rows, "square": rows, ALL: rows}
    (tmp_path / "made.json").write_text(json.dumps({"clips": clips}))
    lines = night.tables(tmp_path)["night made"].splitlines()
    assert "| input | 6 |" in lines
    assert lines[-4:] == ["| clip | luma |", "| --- | --- |", "| street | 90 |", "| square | 90 |"]
