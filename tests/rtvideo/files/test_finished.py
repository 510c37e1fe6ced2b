"""``--resume`` and outputs that are there: what the same job wrote is skipped, all else is refused."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from rtvideo.cli.entry import main
from tests.helpers import clips


@pytest.fixture(params=["mp4", "png"])
def files(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Path, Path]:
    source, target = tmp_path / f"in.{request.param}", tmp_path / f"out.{request.param}"
    if request.param == "png":
        Image.fromarray(np.full((8, 8, 3), 20, np.uint8)).save(source)
    else:
        clips.write(source, frames=4)
    try:
        os.setxattr(source, "user.rtvideo.test", b"")
    except OSError:
        pytest.skip("this file system has no extended attributes")
    return source, target


def run(files: tuple[Path, Path], *words: str) -> int:
    source, target = files
    return main(["-i", str(source), "-o", str(target), "--device", "cpu", "--strength", "0.1", *words])


def test_what_the_same_job_wrote_is_skipped(files: tuple[Path, Path], capsys: pytest.CaptureFixture) -> None:
    assert run(files) == 0
    written = files[1].stat().st_mtime_ns, files[1].read_bytes()
    renamed = files[1].with_stem("moved")
    files[1].rename(renamed)
    assert run((files[0], renamed), "--resume") == 0
    assert "is complete; skipped" in capsys.readouterr().err
    assert (renamed.stat().st_mtime_ns, renamed.read_bytes()) == written


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--compare", "side"], "compare (not given, now side)"),
        (["--strength", "0.5"], "strength (0.1, now 0.5)"),
        (["--denoise", "0.5"], "denoise (0.0, now 0.5)"),
        (["--model", "ruas"], "model ("),
    ],
)
def test_other_settings_are_refused_and_named(
    files: tuple[Path, Path], capsys: pytest.CaptureFixture, words: list[str], said: str
) -> None:
    assert run(files, "--denoise", "off") == 0
    before = files[1].read_bytes()
    assert run(files, "--denoise", "off", *words, "--resume") == 2
    error = capsys.readouterr().err
    assert "cannot be resumed, since it was made with other settings: " in error and said in error
    assert files[1].read_bytes() == before
    assert run(files, "--denoise", "off", *words, "--resume", "-y") == 0
    assert run(files, "--denoise", "off", *words, "--resume") == 0


def test_another_input_is_refused(files: tuple[Path, Path], capsys: pytest.CaptureFixture) -> None:
    assert run(files) == 0
    data = bytearray(files[0].read_bytes())
    files[0].write_bytes(bytes(data) + b"\0")
    assert run(files, "--resume") == 2
    assert "input (" in capsys.readouterr().err


def test_foreign_and_changed_files_are_refused(
    files: tuple[Path, Path], capsys: pytest.CaptureFixture
) -> None:
    shutil.copyfile(files[0], files[1])
    assert run(files, "--resume") == 2
    assert "another program wrote it; --overwrite replaces it" in capsys.readouterr().err
    assert run(files, "-y") == 0
    with files[1].open("ab") as file:
        file.write(b"\0")
    assert run(files, "--resume") == 2
    assert "it was changed after it was complete" in capsys.readouterr().err


def test_where_files_have_no_attributes_it_is_said(
    files: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def unsupported(*what: object) -> bytes:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(os, "setxattr", unsupported)
    monkeypatch.setattr(os, "getxattr", unsupported)
    assert run(files) == 0
    assert run(files, "--resume") == 0
    assert "taken for complete; this file system cannot tell" in caplog.text
