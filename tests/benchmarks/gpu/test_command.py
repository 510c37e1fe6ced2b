"""The measurement on a GPU, as far as it can be tried without one."""

from __future__ import annotations

import json
import sys
from argparse import ArgumentTypeError
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="the emulator's tests need it")
pytest.importorskip("cv2", reason="fps.py measures it")
pytest.importorskip("onnxruntime", reason="fps.py measures it")

import torch

from benchmarks import fps
from benchmarks.common.arguments import even_sizes
from benchmarks.gpu import command, device, rows
from benchmarks.speed import file_to_file
from rtvideo.colour import Coding, Matrix
from rtvideo.engines.gpu.tensorrt import package
from rtvideo.errors import UnavailableError
from rtvideo.frame import Geometry
from rtvideo.kernels.cuda import nvrtc
from tests.conftest import has_gpu
from tests.rtvideo.kernels.cuda.fake_cuda import FakeCuda, install


@pytest.fixture
def cuda(monkeypatch: pytest.MonkeyPatch) -> FakeCuda:
    fake = install(monkeypatch)
    monkeypatch.setattr(command.models, "names", lambda: ["night"])
    monkeypatch.setattr(device, "ceilings", lambda device: {"gmac": 1000.0, "gbyte": 100.0})
    monkeypatch.setattr(command, "dark_frames", lambda geometry: device.dark_frames(geometry, 3))
    monkeypatch.setattr(command, "_truth", lambda model, geometry, denoise, frame: frame)
    for name in package.MODULES:
        monkeypatch.setitem(sys.modules, name, None)
    package.load.cache_clear()
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    return fake


@pytest.mark.slow
def test_every_engine_gets_a_row(cuda: FakeCuda, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--sizes", "16x12", "--frames", "2", "--no-peers", "--json", str(tmp_path / "a.json")]
    arguments += ["--rows", str(tmp_path / "rows")]
    assert fps.main(["--device", "cuda:0", *arguments]) == 0
    result = json.loads((tmp_path / "a.json").read_text())
    assert {(row["network"], row["row"]) for row in result["rows"]} == {
        (network, engine)
        for network in ("night, IEM", "night, IEM+NRM")
        for one in ("cuda f32", "cuda f16", "cuda f32, temporal", "cuda tensor")
        for engine in (one, f"{one}, frames")
        if one != "cuda tensor" or network == "night, IEM+NRM"
    }
    kernels = [row for row in result["rows"] if row["row"] == "cuda f32"]
    assert [row["ms"] for row in kernels] == [0.25, 0.25]
    assert all(row["worst_code"] > 20 for row in kernels)  # held against the dark frame itself, not the truth
    lines = capsys.readouterr().out.splitlines()
    missing = [line for line in lines if line.startswith("not measured: ")]
    for engine in ("tensorrt", "onnx", "torch"):
        assert sum(f": {engine} f32 on night, 16x12: " in line for line in missing) == 1  # as it comes
        assert [line for line in missing if f"({engine} f32 on night, 16x12, and 3 more)" in line]
    assert "not measured: no --input (file to file)" in missing
    assert lines[-1].startswith("| ")  # the table is the last thing that a log loses
    written = [json.loads(line) for line in (tmp_path / "rows").read_text().splitlines()]
    assert [row for row in written if "missing" not in row] == result["rows"]
    assert cuda.alive == {}


def test_whatever_fails_costs_one_row(
    cuda: FakeCuda, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(
        engine: str, model: object, geometry: object, denoise: bool, numbers: str, *rest: object
    ) -> None:
        raise (MemoryError if numbers == "f32" else RuntimeError)(f"CUDA error: {engine}\nand much more")

    def no_truth(*rest: object) -> None:
        raise RuntimeError("CUDA error: no truth")

    monkeypatch.setattr(command.gpu_engines, "measure", broken)
    monkeypatch.setattr(command, "_truth", no_truth)
    arguments = ["--device", "cuda", "--sizes", "16x12", "--no-peers", "--engines", "cuda"]
    assert command.main([*arguments, "--rows", str(tmp_path / "rows")]) == 0
    assert len(rows.read(tmp_path / "rows")) == 2 * 4 + 2
    lines = capsys.readouterr().out.splitlines()
    assert "not measured: RuntimeError: CUDA error: cuda (cuda f16 on night, 16x12, and 2 more)" in lines


def test_a_row_that_was_cut_off_costs_no_other(tmp_path: Path) -> None:
    file = rows.RowFile(tmp_path / "rows", "frames")
    file.add({"row": "a"}, "a")
    with (tmp_path / "rows").open("a") as end:
        end.write('{"row": "b')
    assert rows.read(tmp_path / "rows") == [{"step": "frames", "row": "a"}]
    assert rows.read(tmp_path / "none") == []


def test_files_are_measured_with_the_engines_that_work(
    cuda: FakeCuda, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    clip = tmp_path / "clip.mp4"
    row = {"row": "cuda f32", "network": "night, IEM", "size": "16x12", "ms": 1, "fps": 1, "multiply_adds": 1}
    monkeypatch.setattr(command, "_of_engines", lambda *arguments: iter([dict(row)]))
    asked: list[object] = []

    def measure(clip: Path, engines: list[str], *rest: object, rows: object, device: str) -> list[object]:
        asked.append((engines, rows, device))
        common = {"clip": clip.name, "size": "64x48", "fps": 50.0}
        return [common | {"row": "decode only"}, common | {"row": "cuda Fake 9000", "of_free": 0.5}]

    monkeypatch.setattr(file_to_file, "measure", measure)
    arguments = ["--sizes", "16x12", "--frames", "1", "--no-peers", "--engines", "cuda,torch"]
    assert command.main([*arguments, "--device", "cuda:0", "--input", str(clip)]) == 0
    assert asked == [(["cuda"], [("copy", 0.0), ("cuda", 0.0), ("cuda", 1.0)], "cuda:0")]
    lines = capsys.readouterr().out.splitlines()
    assert "clip.mp4 64x48: decode only: 50 frames/s" in lines
    assert "clip.mp4 64x48: cuda Fake 9000: 50 frames/s, 0.50 of free enhancement" in lines


def test_the_streams_timeline_is_written(
    cuda: FakeCuda, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "PEER_SIZE", (16, 12))
    monkeypatch.setattr(command, "_of_engines", lambda *arguments: iter(()))
    arguments = ["--sizes", "16x12", "--frames", "1", "--no-peers", "--engines", "cuda"]
    assert command.main([*arguments, "--timeline", str(tmp_path / "trace.json")]) == 0
    names = {event["name"] for event in json.loads((tmp_path / "trace.json").read_text())["traceEvents"]}
    assert {"GPU, copies up", "GPU, work", "GPU, copies down"} <= names


@pytest.mark.parametrize(
    ("arguments", "said"),
    [(["--engines", "fused"], "on a GPU there are cuda"), (["--device", "gpu"], "must be cuda or cuda:N")],
)
def test_mistakes_are_one_line(
    cuda: FakeCuda, arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command.main(arguments) == 2
    error = capsys.readouterr().err
    assert said in error and error.count("\n") == 1


def test_a_share_is_of_what_was_reached_in_the_same_run() -> None:
    made = [np.array([[1, 2]], np.uint8)]
    assert rows.error_of(made, [np.array([[1, 5]], np.uint8)]) == {"worst_code": 3, "share_off": 0.5}
    assert rows.error_of(made, None)["worst_code"] is None


def test_sizes_must_be_even() -> None:
    assert even_sizes("16x8,640x360") == [(16, 8), (640, 360)]
    for wrong in ("16x7", "", "16", "0x8", "axb"):
        with pytest.raises(ArgumentTypeError, match="WIDTHxHEIGHT"):
            even_sizes(wrong)


def test_frames_are_distinct_and_dark() -> None:
    frames = device.dark_frames(Geometry(64, 48, "nv", 8, Coding(Matrix.BT709, False)), 4)
    assert len({frame[0].tobytes() for frame in frames}) == 4
    assert np.median(frames[0][0]) < 48


def test_the_peak_compiles() -> None:
    try:
        nvrtc.bindings()
    except UnavailableError as error:
        pytest.skip(str(error))
    assert "0 bytes spill stores" in nvrtc.compile_source(device.PEAK, (9, 0)).report


@pytest.mark.skipif(has_gpu(), reason="there is a GPU")
def test_without_a_gpu_fps_says_so_and_ends(capsys: pytest.CaptureFixture[str]) -> None:
    assert fps.main(["--device", "cuda"]) == 7
    (line,) = capsys.readouterr().err.splitlines()
    assert "nothing was measured" in line
