"""``python -m export --to tensorrt`` and ``--to torch-tensorrt``: what is built, and what is said."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="torch-tensorrt begins with a torch program")
pytest.importorskip("onnxruntime", reason="plays the networks")

import torch

from export import __main__ as command
from export.torch_tensorrt import exported
from rtvideo.engines.gpu.tensorrt import package
from rtvideo.engines.gpu.tensorrt.build import Profile
from rtvideo.engines.torch_graph import OnnxModule
from rtvideo.kernels.cuda import driver
from rtvideo.models import find
from tests.rtvideo.engines.fake_runtimes import FakeTensorRT

torch.set_num_threads(1)


@pytest.fixture
def rtx(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeTensorRT]:
    fake = FakeTensorRT(name="tensorrt_rtx", version="1.7")
    for name in package.MODULES:
        monkeypatch.setitem(sys.modules, name, fake if name == "tensorrt_rtx" else None)
    monkeypatch.setattr(driver, "installed", lambda: False)
    package.load.cache_clear()
    yield fake
    package.load.cache_clear()


def test_every_network_of_a_model_gets_a_plan(
    rtx: FakeTensorRT, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--to", "tensorrt", "night", "--out", str(tmp_path)]
    assert command.main(arguments) == 0
    assert rtx.profiles == [[(1, 3, 16, 16), (1, 3, 1080, 1920), (1, 3, 4096, 4096)]] * 4
    assert command.main([*arguments, "--size", "640x360", "--size", "1920x1080"]) == 0
    assert rtx.profiles[4] == [(1, 3, 360, 640)] * 3
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == rtx.builds == 12 == len(list(tmp_path.glob("*.plan")))
    assert "iem, up to 4096x4096, " in lines[0] and lines[0].endswith(" s")
    assert command.main(arguments) == 0
    assert rtx.builds == 12


def test_a_checkpoint_stands_for_what_was_exported_beside_it(rtx: FakeTensorRT, tmp_path: Path) -> None:
    shipped = find("night")
    for path in (shipped.networks["iem"], shipped.weights.with_suffix(".json"), shipped.weights):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    arguments = ["--to", "tensorrt", str(tmp_path / "night.safetensors"), "--out", str(tmp_path / "plans")]
    assert command.main(arguments) == 0
    assert rtx.builds == 1


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--to", "tensorrt", "nigt"], 2, "unknown model 'nigt'; shipped:"),
        (["--to", "tensorrt", "night", "--size", "1080p"], 2, "'1080p' is not a size; allowed: WIDTHxHEIGHT"),
        (["--to", "tensorrt", "night", "--size", "0x9"], 2, "'0x9'"),
        (["--to", "torch-tensorrt", "night"], 2, "for one size of frames; give it: --size 1920x1080"),
        (["--to", "torch-tensorrt", "night", "--size", "64x48"], 7, "pip install 'torch-tensorrt=="),
        (["--to", "onnx", "night", "--size", "64x48"], 2, "ONNX files take frames of any size"),
    ],
)
def test_mistakes_are_one_line(
    rtx: FakeTensorRT, monkeypatch: pytest.MonkeyPatch, arguments: list[str], code: int, said: str,
    capsys: pytest.CaptureFixture[str], tmp_path: Path,
) -> None:  # fmt: skip
    monkeypatch.setitem(sys.modules, "torch_tensorrt", None)
    assert command.main([*arguments, "--out", str(tmp_path)]) == code
    error = capsys.readouterr().err
    assert said in error and error.count("\n") == 1


def test_tensorrt_proper_needs_the_gpu_that_it_builds_for(
    rtx: FakeTensorRT, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "tensorrt", FakeTensorRT())
    package.load.cache_clear()
    assert command.main(["--to", "tensorrt", "night"]) == 7
    assert "this machine has no CUDA device that works" in capsys.readouterr().err


@pytest.mark.slow
def test_torch_can_export_the_network_with_its_names() -> None:
    path = find("night").networks["iem+nrm"]
    program = exported(path, Profile.static(45, 33), "cpu")
    assert list(program.graph_signature.user_inputs) == ["image", "strength", "brightness", "denoise"]
    image = torch.from_numpy(np.random.default_rng(0).random((1, 3, 33, 45), np.float32))
    scalars = {"strength": torch.tensor(0.7), "brightness": torch.tensor(-0.2), "denoise": torch.tensor(0.4)}
    wanted = OnnxModule(path.read_bytes(), "night")(image, *scalars.values())
    assert torch.equal(program.module()(image, **scalars), wanted)
