"""Plans in their folder: found again when all that decides is the same, and never when it is not."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

pytest.importorskip("onnx", reason="reads the test's network")
pytest.importorskip("onnxruntime", reason="plays the networks")

from rtvideo.engines.gpu.tensorrt.build import DYNAMIC, Profile
from rtvideo.engines.gpu.tensorrt.package import Package
from rtvideo.engines.gpu.tensorrt.plans import Machine, Plans
from rtvideo.errors import UnavailableError
from rtvideo.models import find
from tests.rtvideo.engines.fake_runtimes import FakeTensorRT

H200 = Machine("NVIDIA H200", (9, 0))
SIZE = Profile.static(64, 48)


class Logger:
    error = ""

    def log(self, severity: str, message: str) -> None:
        self.error = message


def package(trt: FakeTensorRT, rtx: bool = False) -> Package:
    return Package(trt, rtx, Logger())


@pytest.fixture
def network() -> Path:
    return find("night").networks["iem"]


def test_a_plan_is_built_once(tmp_path: Path, network: Path) -> None:
    trt = FakeTensorRT()
    plans = Plans(package(trt), H200, tmp_path)
    path = plans.plan(network, SIZE)
    assert path.read_bytes().startswith(b"11.4.0|strength,brightness|")
    assert plans.plan(network, SIZE) == path
    assert Plans(package(trt), H200, tmp_path).plan(network, SIZE) == path
    assert trt.builds == 1
    assert trt.profiles == [[(1, 3, 48, 64)] * 3]


def test_whatever_decides_is_in_the_name(tmp_path: Path, network: Path) -> None:
    data = network.read_bytes()
    one = Plans(package(FakeTensorRT()), H200, tmp_path).name(data, SIZE)
    others = [
        Plans(package(FakeTensorRT(version="11.4.1")), H200, tmp_path).name(data, SIZE),
        Plans(package(FakeTensorRT(name="tensorrt_rtx"), rtx=True), H200, tmp_path).name(data, SIZE),
        Plans(package(FakeTensorRT()), Machine("NVIDIA H100", (9, 0)), tmp_path).name(data, SIZE),
        Plans(package(FakeTensorRT()), Machine("NVIDIA H200", (10, 0)), tmp_path).name(data, SIZE),
        Plans(package(FakeTensorRT()), H200, tmp_path).name(data + b" ", SIZE),
        Plans(package(FakeTensorRT()), H200, tmp_path).name(data, Profile.static(48, 64)),
        Plans(package(FakeTensorRT()), H200, tmp_path).name(data, DYNAMIC),
    ]
    assert len({one, *others}) == 1 + len(others)


def test_plans_for_rtx_fit_any_gpu_and_need_none(tmp_path: Path, network: Path) -> None:
    trt = FakeTensorRT(name="tensorrt_rtx")
    path = Plans(package(trt, rtx=True), None, tmp_path).plan(network, SIZE)
    assert Plans(package(trt, rtx=True), H200, tmp_path).plan(network, SIZE) == path
    assert trt.timings == []


def test_a_plan_for_many_sizes_serves_those_without_their_own(tmp_path: Path, network: Path) -> None:
    trt = FakeTensorRT()
    plans = Plans(package(trt), H200, tmp_path)
    many = plans.plan(network, DYNAMIC)
    assert plans.best(network, 640, 360) == many
    assert trt.builds == 1
    assert plans.best(network, 8000, 16) != many  # too large for it
    own = plans.plan(network, Profile.static(640, 360))
    assert plans.best(network, 640, 360) == own
    plans.forget(own)
    plans.forget(own)
    plans.forget(many)
    assert plans.best(network, 640, 360) == own  # built anew
    assert trt.builds == 4


def test_what_one_build_measures_the_next_one_uses(tmp_path: Path, network: Path) -> None:
    trt = FakeTensorRT()
    plans = Plans(package(trt), H200, tmp_path)
    plans.plan(network, SIZE)
    plans.plan(network, DYNAMIC)
    assert trt.timings == [b"", b"+"]
    (timing,) = tmp_path.glob("*.timing")
    timing.write_bytes(b"damaged")  # which its hash shows
    plans.plan(network, Profile.static(8, 8))
    assert trt.timings[2:] == [b""]


def test_measurements_of_another_version_are_left_out(network: Path) -> None:
    from rtvideo.engines.gpu.tensorrt.build import build

    trt = FakeTensorRT()
    build(package(trt), network.read_bytes(), SIZE, b"foreign")
    assert trt.timings == [b""]


def test_how_long_it_takes_is_told_from_the_last_time(
    tmp_path: Path, network: Path, caplog: pytest.LogCaptureFixture
) -> None:
    plans = Plans(package(FakeTensorRT()), H200, tmp_path)
    plans.plan(network, SIZE)
    assert (
        "building night.iem.onnx for 64x48 with TensorRT 11.4.0, about 60 s; the plan is kept" in caplog.text
    )
    plans.plan(network, DYNAMIC)
    assert "for up to 4096x4096 with TensorRT 11.4.0, about 1 s" in caplog.text
    (took,) = tmp_path.glob("*.seconds")
    took.write_text("not a number")
    plans.plan(network, Profile.static(8, 8))
    assert "for 8x8 with TensorRT 11.4.0, about 60 s" in caplog.text


def test_two_that_want_the_same_plan_build_it_once(tmp_path: Path, network: Path) -> None:
    trt = FakeTensorRT()
    threads = [
        threading.Thread(target=lambda: Plans(package(trt), H200, tmp_path).plan(network, SIZE))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert trt.builds == 1


def test_a_build_that_fails_leaves_nothing_behind(tmp_path: Path, network: Path) -> None:
    trt = FakeTensorRT()
    trt.broken = "build"
    plans = Plans(package(trt), H200, tmp_path)
    with pytest.raises(UnavailableError, match="cannot build the network: no tactic for anything"):
        plans.plan(network, SIZE)
    assert {path.suffix for path in tmp_path.iterdir()} == {".lock"}
    trt.broken = ""
    assert plans.plan(network, SIZE).is_file()
