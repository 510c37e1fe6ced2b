"""``--log``: a line for the run, and one for each frame, that says what was done to it."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

import rtvideo
from rtvideo import models
from rtvideo.errors import OutputError, UsageError
from rtvideo.live.job import enhance_live
from rtvideo.options import LiveOptions, Options
from tests.helpers import clips


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("log") / "night.mkv"
    return clips.write(path, width=64, height=48, frames=6, codec="ffv1")


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def mean_luma(frame: Any) -> float:
    luma = clips.planes(frame)[0]
    return float((luma.mean() - 16) / 219)


def test_each_frame_has_a_line_that_is_true(night: Path, tmp_path: Path) -> None:
    log, lit = tmp_path / "log.jsonl", tmp_path / "lit.mkv"
    rtvideo.enhance_file(night, lit, codec="ffv1", strength=0.7, denoise="off", temporal="off", log=str(log))
    run, *frames = lines(log)
    assert run["model"] == "night"
    assert run["model_sha256"] == models.find("night").digest
    assert (run["input"], run["outputs"]) == (str(night), [str(lit)])
    assert run["options"] == {"codec": "ffv1", "strength": 0.7, "denoise": 0.0, "temporal": 0.0}
    before, after = clips.frames(night), clips.frames(lit)
    assert [one["frame"] for one in frames] == list(range(len(before)))
    for line, dark, bright in zip(frames, before, after, strict=True):
        assert line["time"] == pytest.approx(float(bright.time), abs=2e-3)
        assert line["luma"] == pytest.approx([mean_luma(dark), mean_luma(bright)], abs=2e-3)
        assert line["gain"] == pytest.approx(mean_luma(bright) / mean_luma(dark), rel=0.02)
        assert (line["strength"], line["denoise"], line["temporal"]) == (0.7, 0.0, 0.0)


def test_a_log_is_not_replaced_unless_that_is_said(night: Path, tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    log.write_text("kept\n")
    with pytest.raises(UsageError, match="log exists already; overwrite=True replaces it"):
        rtvideo.enhance_file(night, tmp_path / "lit.mkv", log=str(log))
    assert log.read_text() == "kept\n"
    assert not (tmp_path / "lit.mkv").exists()
    rtvideo.enhance_file(night, tmp_path / "lit.mkv", log=str(log), overwrite=True)
    assert "kept" not in log.read_text()


def test_a_log_is_no_file_of_the_run(night: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="log is an input or output of this run"):
        rtvideo.enhance_file(night, tmp_path / "lit.mkv", log=str(tmp_path / "lit.mkv"))


def test_a_log_that_cannot_be_written_ends_the_run(night: Path, tmp_path: Path) -> None:
    with pytest.raises(OutputError):
        rtvideo.enhance_file(night, tmp_path / "lit.mkv", log=str(tmp_path / "none" / "log.jsonl"))
    if os.path.exists("/dev/full"):
        os.symlink("/dev/full", tmp_path / "full")
        with pytest.raises(OutputError, match="No space left"):
            rtvideo.enhance_file(night, tmp_path / "lit.mkv", log=str(tmp_path / "full"), overwrite=True)


def test_live_input_and_images_of_a_video_have_one_too(night: Path, tmp_path: Path) -> None:
    live, images = tmp_path / "live.jsonl", tmp_path / "images.jsonl"
    enhance_live(str(night), [str(tmp_path / "live.mkv")], Options(log=str(live)), LiveOptions())
    rtvideo.enhance_file(night, tmp_path / "lit_%02d.png", log=str(images))
    for path in (live, images):
        assert len(lines(path)) == 1 + len(clips.frames(night))


def test_live_outputs_are_not_begun_where_the_log_cannot_be(night: Path, tmp_path: Path) -> None:
    (tmp_path / "log.jsonl").write_text("kept\n")
    options = Options(log=str(tmp_path / "log.jsonl"))
    with pytest.raises(UsageError, match="exists already"):
        enhance_live(str(night), [str(tmp_path / "live.mkv")], options, LiveOptions())
    assert os.listdir(tmp_path) == ["log.jsonl"]


def test_in_a_folder_each_output_has_its_own(night: Path, tmp_path: Path) -> None:
    for name in ("a.mkv", "b.mkv"):
        rtvideo.enhance_file(night, tmp_path / name, log=str(tmp_path))
    assert lines(tmp_path / "a.mkv.jsonl")[0]["outputs"] != lines(tmp_path / "b.mkv.jsonl")[0]["outputs"]
