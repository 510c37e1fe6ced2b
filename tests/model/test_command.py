"""Commands that lack a package, and the one line in which they end."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

WITHOUT = """
import runpy, sys
sys.modules[sys.argv[1]] = None
name = sys.argv[2]
sys.argv = [name, *sys.argv[3:]]
runpy.run_module(name, run_name="__main__", alter_sys=True)
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("package", "module", "words", "extra"),
    [
        ("torch", "model.train", ["--data", "photos", "--out", "net"], "train"),
        ("cv2", "model.train", ["--data", "photos", "--out", "net"], "train"),
        ("torch", "search.cooperative", [], "train"),
        ("torch", "export", ["--to", "onnx", "rtvideo/models/night.safetensors", "--out", "{}"], "export"),
        ("onnx", "export", ["--to", "onnx", "rtvideo/models/night.safetensors", "--out", "{}"], "export"),
    ],
)
def test_a_missing_package_is_one_line(
    package: str, module: str, words: list[str], extra: str, tmp_path: Path
) -> None:
    words = [word.format(tmp_path) for word in words]
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT, package, module, *words],
        capture_output=True, text=True, cwd=ROOT, timeout=60,
    )  # fmt: skip
    assert done.returncode == 7
    assert done.stderr == f"error: {package} is not installed; run: pip install '.[{extra}]'\n"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
@pytest.mark.parametrize("module", ["model.train", "search.cooperative", "export"])
def test_help_shows_the_command(module: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", module, "--help"], capture_output=True, text=True, cwd=ROOT, timeout=60
    )
    assert done.returncode == 0 and done.stderr == ""
    assert f"python -m {module}" in done.stdout
