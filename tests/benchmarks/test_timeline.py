"""Timelines of runs: on the processor as it is, and on a GPU that is played."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch", reason="the emulator's tests need it")

from benchmarks import timeline
from benchmarks.speed.spans import Timeline, of_session
from rtvideo.colour import Coding, Matrix
from rtvideo.engines.gpu.cuda import CudaSession
from rtvideo.engines.session import Settings
from rtvideo.frame import Geometry
from rtvideo.kernels.cpu import build
from rtvideo.models import find
from tests.helpers import clips
from tests.rtvideo.engines.geometries import planes
from tests.rtvideo.kernels.cuda.fake_cuda import install

NV12 = Geometry(64, 48, "nv", 8, Coding(Matrix.BT709, False))
CODECS = ["decode", "engine", "encode"]
STREAMS = ["GPU, copies up", "GPU, work", "GPU, copies down"]


def spans(trace: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    names = {e["tid"]: e["args"]["name"] for e in trace["traceEvents"] if e["ph"] == "M"}
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in names.values()}
    for event in trace["traceEvents"]:
        if event["ph"] == "X":
            found[names[event["tid"]]].append(event)
    return found


@pytest.mark.skipif(not build.compilers(), reason="no compiler: pip install ziglang")
def test_a_file_on_the_processor(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    clip, out = clips.write(tmp_path / "in.mp4", frames=5), tmp_path / "trace.json"
    assert timeline.main([str(clip), "--out", str(out), "--engine", "fused"]) == 0
    found = spans(json.loads(out.read_text()))
    assert sorted(found) == sorted(CODECS) and len(found["encode"]) == 5
    # What follows from something does not begin before it.
    assert found["decode"][0]["ts"] < found["engine"][0]["ts"] < found["encode"][0]["ts"]
    assert all(event["dur"] >= 0 for events in found.values() for event in events)
    assert "busy: decode" in capsys.readouterr().out


@pytest.mark.slow
def test_a_file_on_a_gpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cuda = install(monkeypatch)
    clip, out = clips.write(tmp_path / "in.mp4", frames=5), tmp_path / "trace.json"
    arguments = [str(clip), "--out", str(out), "--engine", "cuda", "--device", "cuda"]
    assert timeline.main(arguments) == 0
    found = spans(json.loads(out.read_text()))
    assert sorted(found) == sorted(CODECS + STREAMS)
    assert {name: len(found[name]) for name in STREAMS} == dict.fromkeys(STREAMS, 5)
    assert cuda.alive == {}


def test_frames_without_codecs(monkeypatch: pytest.MonkeyPatch) -> None:
    cuda = install(monkeypatch)
    session = CudaSession(find("night"), NV12, Settings())
    found = spans(of_session(session, [planes(NV12, 1)], 4).trace())
    assert {name: len(found[name]) for name in STREAMS} == dict.fromkeys(STREAMS, 4)
    session.submit(planes(NV12, 1), NV12.empty())  # as before, when nobody watches
    session.close()
    assert cuda.alive == {}


def test_how_busy_a_track_was() -> None:
    line = Timeline()
    line.add("a", 1.0, 2.0)
    line.add("a", 3.0, 4.0)
    line.add("b", 2.0, 5.0)
    assert line.busy() == {"a": 0.5, "b": 0.75}


def test_mistakes_are_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert timeline.main([str(tmp_path / "none.mp4"), "--out", str(tmp_path / "a.json")]) == 3
    assert timeline.main([str(tmp_path / "none.mp4"), "--out", "a.json", "--frames", "0"]) == 2
    assert capsys.readouterr().err.count("\n") == 2
