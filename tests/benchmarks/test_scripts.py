"""Every script of benchmarks/ says how it is run before it does anything, and is no part of another one."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = sorted(path for path in (ROOT / "benchmarks").glob("*.py") if path.name != "__init__.py")


@pytest.mark.slow
@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_help_shows_the_command_and_does_no_work(script: Path, tmp_path: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in (ROOT / "docs").rglob("*")}
    done = subprocess.run(
        [sys.executable, script, "--help"], capture_output=True, text=True, cwd=tmp_path, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert f"python benchmarks/{script.name}" in done.stdout
    assert list(tmp_path.iterdir()) == []
    assert before == {path: path.stat().st_mtime_ns for path in (ROOT / "docs").rglob("*")}


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_a_script_begins_with_its_command(script: Path) -> None:
    text = ast.get_docstring(ast.parse(script.read_text(encoding="utf-8")))
    assert text is not None and f"python benchmarks/{script.name}" in text


def test_what_scripts_import_is_no_script() -> None:
    for path in (ROOT / "benchmarks").glob("*/*.py"):
        # The camera is a process of its own, which latency.py starts.
        assert ("__main__" in path.read_text(encoding="utf-8")) == (path.name == "time_code.py"), path


WITHOUT = """
import runpy, sys
for name in sys.argv[2].split(","):
    sys.modules[name] = None
sys.path.insert(0, {root!r})
sys.argv = sys.argv[1:2] + sys.argv[3:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def without(packages: str, script: str, *words: str) -> subprocess.CompletedProcess[str]:
    """Run a script where packages are not installed."""
    code = WITHOUT.format(root=str(ROOT))
    command = [sys.executable, "-c", code, str(ROOT / script), packages, *words]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=120)


@pytest.mark.parametrize(
    ("packages", "script", "extra"),
    [
        ("skimage", "benchmarks/quality.py", "benchmark"),
        ("onnxruntime", "benchmarks/quality.py", "benchmark"),
        ("cv2", "benchmarks/flicker.py", "benchmark"),
        ("cv2", "benchmarks/night_clips.py", "benchmark"),
        ("torch", "benchmarks/ablation.py", "train"),
        ("torch", "benchmarks/reproduction.py", "train"),
    ],
)
def test_a_missing_package_is_one_line(packages: str, script: str, extra: str) -> None:
    done = without(packages, script)
    assert done.returncode == 7
    assert done.stderr == f"error: {packages} is not installed; run: pip install '.[{extra}]'\n"


#: All that the base install lacks.
EXTRAS = (
    "torch,skimage,cv2,onnx,onnxruntime,openvino,safetensors,websockets,tensorrt,cuda,ziglang,pillow_heif"
)

#: Every command of the project that is not part of the package.
COMMANDS = [
    *SCRIPTS,
    *(
        ROOT / name
        for name in ("model/train.py", "model/scenes.py", "search/cooperative.py", "export/__main__.py")
    ),
]


@pytest.mark.slow
@pytest.mark.parametrize("script", COMMANDS, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_after_the_base_install_a_command_runs_or_names_the_extra(script: Path) -> None:
    name = str(script.relative_to(ROOT))
    mistyped, asked = without(EXTRAS, name, "--no-such-flag"), without(EXTRAS, name, "--help")
    assert "python " in asked.stdout  # what to type
    for done in (mistyped, asked):
        assert "Traceback" not in done.stderr and done.stderr.count("\n") <= 1
        extra = re.fullmatch(
            r"error: \w+ is not installed; run: pip install '\.\[(train|benchmark)\]'\n", done.stderr
        )
        assert done.returncode == (7 if extra else 2 if done is mistyped else 0)


def test_every_command_is_among_them() -> None:
    folders = ("benchmarks", "model", "search", "export")
    found = {
        path
        for folder in folders
        for path in (ROOT / folder).rglob("*.py")
        if 'if __name__ == "__main__":' in path.read_text(encoding="utf-8")
    }
    assert found - {ROOT / "benchmarks/live/time_code.py"} == set(COMMANDS)


@pytest.mark.slow
def test_fps_needs_no_torch_and_names_what_it_leaves_out() -> None:
    done = without(EXTRAS, "benchmarks/fps.py", "--sizes", "64x48", "--rounds", "1", "--runs", "1")
    assert done.returncode == 0, done.stderr
    for engine in ("onnx", "torch", "openvino", "filters", "the paper's network"):
        assert f"left out: {engine} (" in done.stderr
    assert "night, IEM+NRM" in done.stdout or "left out: fused" in done.stderr
    assert "start-up: version" in done.stdout
