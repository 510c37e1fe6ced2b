"""The measurement on a GPU, as far as it can be tried without one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="the emulator's tests need it")

from benchmarks import gpu, gpu_device
from rtvideo.colour import Coding, Matrix
from rtvideo.engines.base import Geometry
from rtvideo.errors import UnavailableError, UsageError
from rtvideo.kernels.cuda import nvrtc
from tests.conftest import has_gpu
from tests.rtvideo.kernels.fake_cuda import FakeCuda, install

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def cuda(monkeypatch: pytest.MonkeyPatch) -> FakeCuda:
    fake = install(monkeypatch)
    monkeypatch.setattr(gpu.models, "names", lambda: ["night"])
    monkeypatch.setattr(gpu_device, "ceilings", lambda device: {"gmac": 1000.0, "gbyte": 100.0})
    monkeypatch.setattr(gpu, "dark_frames", lambda geometry: gpu_device.dark_frames(geometry, 3))
    monkeypatch.setattr(gpu, "_truth", lambda model, geometry, denoise, frame: frame)
    return fake


def test_every_engine_gets_a_row(cuda: FakeCuda, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--sizes", "16x12", "--frames", "2", "--no-peers", "--json", str(tmp_path / "a.json")]
    assert gpu.main(arguments) == 0
    result = json.loads((tmp_path / "a.json").read_text())
    assert {(row["network"], row["row"]) for row in result["rows"]} == {
        (network, engine)
        for network in ("night, IEM", "night, IEM+NRM")
        for engine in ("cuda f32", "cuda f16", "cuda f32, frames")
    }
    kernels = [row for row in result["rows"] if row["row"] == "cuda f32"]
    assert [row["ms"] for row in kernels] == [0.25, 0.25]
    assert all(row["worst_code"] > 20 for row in kernels)  # held against the dark frame itself, not the truth
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1].startswith("| 16x12 | night, IEM+NRM | cuda f32, frames |")
    assert set(cuda.alive) <= {-1}  # the device itself


def test_a_share_is_of_what_was_reached_in_the_same_run() -> None:
    made = [np.array([[1, 2]], np.uint8)]
    assert gpu._error(made, [np.array([[1, 5]], np.uint8)]) == {"worst_code": 3, "share_off": 0.5}
    assert gpu._error(made, None)["worst_code"] is None


def test_sizes_must_be_even() -> None:
    assert gpu.parse_sizes("16x8,640x360") == [(16, 8), (640, 360)]
    for wrong in ("16x7", "16", "0x8", "axb"):
        with pytest.raises(UsageError, match="even"):
            gpu.parse_sizes(wrong)


def test_frames_are_distinct_and_dark() -> None:
    frames = gpu_device.dark_frames(Geometry(64, 48, "nv", 8, Coding(Matrix.BT709, False)), 4)
    assert len({frame[0].tobytes() for frame in frames}) == 4
    assert np.median(frames[0][0]) < 48


def test_the_peak_compiles() -> None:
    try:
        nvrtc.bindings()
    except UnavailableError as error:
        pytest.skip(str(error))
    assert "0 bytes spill stores" in nvrtc.compile_source(gpu_device._PEAK, (9, 0)).report


@pytest.mark.skipif(has_gpu(), reason="there is a GPU")
def test_without_a_gpu_the_script_says_so_and_ends() -> None:
    done = subprocess.run(
        [ROOT / "benchmarks/gpu_check.sh"], capture_output=True, text=True, check=False, timeout=60, cwd="/",
        env=dict(os.environ, PYTHON=sys.executable),
    )  # fmt: skip
    assert done.returncode == 7
    (line,) = done.stderr.splitlines()
    assert "no CUDA device that works" in line and "nothing was measured" in line
