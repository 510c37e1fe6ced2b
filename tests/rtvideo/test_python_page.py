"""docs/python.md: its examples run, it knows every option, and a program like them type-checks."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from rtvideo.options import Options, flags_of
from tests.helpers import clips

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/python.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)


def run(*words: str | Path, folder: Path) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, cwd=folder, timeout=200, env=environment)


@pytest.mark.compile
def test_the_examples_run(tmp_path: Path) -> None:
    clips.write(tmp_path / "night.mp4", frames=50)
    (tmp_path / "page.py").write_text("\n".join(EXAMPLES), encoding="utf-8")
    done = run("page.py", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("50 frames, ")
    assert done.stdout.splitlines()[-1] == "50 frames beside other tasks"


def test_the_table_has_every_option() -> None:
    table = re.findall(r"^\| (`.*?`) \|", PAGE, re.MULTILINE)
    assert {name for row in table for name in re.findall(r"`(\w+)`", row)} == {
        name for name, _, _ in flags_of(Options)
    }


PROGRAM = """
from pathlib import Path

import numpy as np
import numpy.typing as npt

import rtvideo


def lit(frames: list[npt.NDArray[np.uint8]], strength: float) -> list[npt.NDArray[np.uint8]]:
    with rtvideo.Enhancer("night", strength=strength, denoise="off") as enhance:
        enhance.strength = 0.5
        return [enhance(frame) for frame in frames]


def show(done: int, total: int | None) -> None:
    print(done, total)


try:
    report: rtvideo.Report = rtvideo.enhance_file("night.mp4", Path("lit.mp4"), denoise="off", progress=show)
    fps: float = report.fps
except rtvideo.RtvideoError as error:
    print(error.exit_code)
with rtvideo.stream("rtsp://camera/1", pixels="bgr", reconnect=5) as stream:
    frames: list[npt.NDArray[np.uint8]] = [frame for frame in stream]
    seconds: float | None = stream.time
with rtvideo.Enhancer(pixels="bgr") as enhance:
    deep: npt.NDArray[np.float32] = enhance(np.zeros((2, 4, 4, 3), np.float32))
there, picture = rtvideo.VideoCapture(0).read()
rtvideo.process("night.mp4", "b.mp4", lambda pixels, seconds: pixels[::-1] if seconds > 1 else None)
options = rtvideo.Options(strength=0.5)
version: str = rtvideo.__version__
"""


@pytest.mark.slow
def test_a_program_type_checks(tmp_path: Path) -> None:
    pytest.importorskip("mypy", reason="mypy is not installed")
    (tmp_path / "program.py").write_text(PROGRAM, encoding="utf-8")
    done = run("-m", "mypy", "--strict", "--cache-dir", tmp_path / "cache", "program.py", folder=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    wrong = PROGRAM.replace("enhance.strength = 0.5", "enhance.strenght = 0.5").replace(
        "fps: float", "fps: str"
    )
    (tmp_path / "program.py").write_text(wrong, encoding="utf-8")
    done = run("-m", "mypy", "--strict", "--cache-dir", tmp_path / "cache", "program.py", folder=tmp_path)
    assert "strenght" in done.stdout and "Found 2 errors" in done.stdout
