"""The recipes for other programs, each with the other program where it is here."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rtvideo import Enhancer, models
from tests.helpers import clips

ROOT = Path(__file__).resolve().parents[2]


def test_the_page_names_every_recipe() -> None:
    page = (ROOT / "docs" / "recipes.md").read_text(encoding="utf-8")
    found = {
        path.relative_to(ROOT) for path in (ROOT / "recipes").rglob("*.*") if "__pycache__" not in path.parts
    }
    assert found == {Path(name) for name in re.findall(r"\.\./(recipes/[^)]+)\)", page)}


@pytest.mark.parametrize("name", models.names())
def test_the_contract_of_the_onnx_files(name: str) -> None:
    onnx = pytest.importorskip("onnx", reason="onnx reads the shapes")
    floats = {"": onnx.TensorProto.FLOAT, ".fp16": onnx.TensorProto.FLOAT16}
    for parts in ("iem", "iem+nrm"):
        for half, kind in floats.items():
            graph = onnx.load(ROOT / "rtvideo" / "models" / f"{name}.{parts}{half}.onnx")
            assert {(each.domain, each.version <= 18) for each in graph.opset_import} == {("", True)}
            first, *others = graph.graph.input
            shape = [each.dim_param or each.dim_value for each in first.type.tensor_type.shape.dim]
            assert (first.name, shape) == ("image", [1, 3, "height", "width"])
            assert first.type.tensor_type.elem_type == kind
            assert [each.name for each in graph.graph.output] == ["enhanced"]
            defaults = {each.name for each in graph.graph.initializer}
            scalars = {each.name for each in others}
            assert scalars <= defaults and scalars <= {"strength", "brightness", "denoise"}
            assert ("denoise" in scalars) == ("nrm" in parts)


def test_onnxruntime_alone_makes_what_rtvideo_makes() -> None:
    ort = pytest.importorskip("onnxruntime", reason="the page speaks of onnxruntime")
    ort.set_default_logger_severity(3)
    network = ort.InferenceSession(str(ROOT / "rtvideo" / "models" / "night.iem.onnx"))
    dark = np.random.default_rng(0).integers(0, 40, (48, 64, 3), np.uint8)
    given = dark.transpose(2, 0, 1)[None].astype(np.float32) / 255
    (lit,) = network.run(["enhanced"], {"image": given, "strength": np.array(0.8, np.float32)})
    with Enhancer("night", denoise=0.0, strength=0.8, engine="fused") as enhance:
        wanted = enhance(dark)
    assert np.abs(lit[0].transpose(1, 2, 0) * 255 - wanted).max() < 1
    (tile,) = network.run(["enhanced"], {"image": given[..., :16, :16] / 3})
    (whole,) = network.run(["enhanced"], {"image": given / 3})
    assert tile.shape == (1, 3, 16, 16) and whole.shape == given.shape


def loaded(path: Path) -> Any:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.slow
def test_opencv(tmp_path: Path) -> None:
    pytest.importorskip("cv2", reason="OpenCV finds the edges")
    clips.write(tmp_path / "night.mp4")
    code = (
        "import sys; sys.path[:0] = sys.argv[2:]; import opencv_camera; pictures = []\n"
        "def show(picture): pictures.append(picture.shape); return len(pictures) < 2\n"
        "print(opencv_camera.main(sys.argv[1], show), set(pictures))"
    )
    words = [str(tmp_path / "night.mp4"), str(ROOT / "recipes"), str(ROOT)]
    done = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, timeout=120)
    assert done.stdout.startswith("2 {(")


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("mpv") is None, reason="no mpv here")
def test_mpv(tmp_path: Path) -> None:
    clips.write(tmp_path / "night.mp4", frames=5)
    command = tmp_path / "rtvideo"
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -m rtvideo "$@"\n')
    command.chmod(0o755)
    env = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}
    out = tmp_path / "seen"
    words = ["--no-config", "--ao=null", "--vo=image", f"--vo-image-outdir={out}"]
    done = subprocess.run(
        ["sh", ROOT / "recipes" / "mpv.sh", tmp_path / "night.mp4", *words],
        capture_output=True, text=True, env=env, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(list(out.glob("*.jpg"))) >= 4
