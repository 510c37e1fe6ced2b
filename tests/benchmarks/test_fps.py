from __future__ import annotations

from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

pytest.importorskip("torch", reason="torch is not installed")
pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
pytest.importorskip("cv2", reason="cv2 is not installed")

from benchmarks import fps
from benchmarks.speed import contestants, file_to_file
from benchmarks.speed.peak import Peak
from benchmarks.speed.turns import take_turns
from rtvideo.kernels.cpu import build


class Clock:
    """Time that passes only when frames are made."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def frame(self, *seconds: float) -> Any:
        left = list(seconds)

        def frame() -> None:
            self.now += left.pop(0) if len(left) > 1 else left[0]

        return frame


def test_turns_repeat_short_frames_and_spare_long_ones() -> None:
    clock = Clock()
    calls = {"short": clock.frame(0.9, 0.01), "long": clock.frame(2.0)}
    times = take_turns(calls, 5, clock)
    assert times["short"] == pytest.approx([0.01] * 5)  # the first frame does not count
    assert times["long"] == pytest.approx([2.0] * 3)
    assert clock.now == pytest.approx(0.9 + 0.01 + 2 + 5 * 3 * 0.01 + 3 * 2)


def contestant(network: str, engine: str, cost: float) -> contestants.Contestant:
    return contestants.Contestant(network, engine, cost, lambda width, height, threads: lambda: None)


def test_records_compare_within_a_network() -> None:
    those = [contestant("a", "onnxruntime", 100), contestant("a", "fused", 100), contestant("", "LUT", 0)]
    table = fps.records(10, 20, 2, those, [[0.3, 0.2, 0.4], [0.1, 0.1, 0.2], [0.5]], ceiling=1e6)
    assert [r["ms"] for r in table] == pytest.approx([300, 100, 500])
    assert table[1]["spread_ms"] == pytest.approx([100, 200])
    assert [r["times_onnxruntime"] for r in table] == [pytest.approx(1), pytest.approx(3), None]
    assert table[1]["share_of_peak"] == pytest.approx(100 * 200 / 0.1 / 1e6)
    assert table[2]["share_of_peak"] is None
    assert "3.0 x onnxruntime" in fps.line(table[1]) and "20.0% of peak" in fps.line(table[1])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--sizes", "640"], "WIDTHxHEIGHT"),
        (["--engines", "fused,magic"], "magic"),
        (["--threads", "0"], "a whole number, 1 or more"),
        (["--sizes", "64x48", "--peer", "mine.onnx"], "NAME=FILE.onnx"),
        (["--sizes", "64x48", "--engines", "filters", "--peer", "mine=none.onnx"], "none.onnx"),
    ],
)
def test_mistakes_are_one_line(arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert fps.main(arguments) in (2, 7)
    error = capsys.readouterr().err
    assert said in error and error.count("\n") == 1


@pytest.mark.slow
def test_every_contestant_makes_a_frame(tmp_path: Path) -> None:
    found = list(contestants.contestants(tmp_path, list(contestants.ENGINES)))
    names = {one.engine for one in found}
    assert {"onnxruntime", "torch", "CLAHE on L of LAB"} <= names
    assert {one.network for one in found if one.engine == "onnxruntime"} == {
        "night, IEM", "night, IEM+NRM", "paper, IEM", "paper, IEM+NRM",
    }  # fmt: skip
    for one in found:
        if not one.engine.startswith("fused") or build.compilers():
            one.open(48, 32, 1)()


def test_the_paper_counts_what_the_paper_counts(tmp_path: Path) -> None:
    found = {one.network: one for one in contestants.contestants(tmp_path, ["onnx"])}
    assert found["paper, IEM"].multiply_adds == 1107  # three stages of 369, at full size


@pytest.mark.skipif(not build.compilers(), reason="no compiler: pip install ziglang")
def test_the_peak_is_work_that_cannot_be_left_away() -> None:
    peak = Peak(1)
    peak()
    assert peak._run(3, 0.5, 0.25) != peak._run(4, 0.5, 0.25)
    assert Peak(2).multiply_adds == 2 * peak.multiply_adds


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    path = tmp_path / "clip.mp4"
    with av.open(str(path), "w") as out:
        video = out.add_stream("libx264", rate=30, width=64, height=48, options={"preset": "ultrafast"})
        video.pix_fmt = "yuv420p"
        for k in range(6):
            frame = av.VideoFrame.from_ndarray(np.full((72, 64), 30 + k, np.uint8), "yuv420p")
            out.mux(video.encode(frame))
        out.mux(video.encode(None))
    return path


def test_file_to_file_rows_and_their_bounds(clip: Path) -> None:
    table = file_to_file.measure(clip, ["onnx"], "ultrafast", frames=4, runs=1)
    assert [r["row"].partition(",")[0] for r in table] == [
        "decode only", "encode only", "free enhancement", "onnx cpu",
    ]  # fmt: skip
    assert all(r["fps"] > 0 and r["frames"] == 4 and r["size"] == "64x48" for r in table)
    assert table[2]["of_free"] == 1
    assert sorted(path.name for path in clip.parent.iterdir()) == ["clip.mp4"]
