from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from rtvideo.colour import Coding, Matrix
from rtvideo.cpus import usable_cpus
from rtvideo.engines import available, open_session
from rtvideo.engines.auto import resolve_settings
from rtvideo.engines.session import Settings
from rtvideo.errors import UnavailableError, UsageError
from rtvideo.frame import Geometry
from rtvideo.kernels.cuda import driver
from rtvideo.models import Model
from rtvideo.options import Options
from tests.helpers import networks
from tests.helpers.doubles import FakeSession

NIGHT = Model("night", networks.NIGHT)


def geometry(width: int, height: int) -> Geometry:
    return Geometry(width, height, "yuv", 8, Coding(Matrix.BT709, False))


def test_unknown_names_list_the_allowed_ones() -> None:
    allowed = "auto, cuda, tensorrt, fused, onnx, torch"
    with pytest.raises(UsageError, match=f"unknown engine 'onx'; allowed: {allowed}"):
        open_session(NIGHT, geometry(8, 8), Settings(), engine="onx")
    with pytest.raises(UsageError, match="unknown device 'gpu'; allowed: auto, cpu, cuda"):
        open_session(NIGHT, geometry(8, 8), Settings(), device="gpu")
    with pytest.raises(UsageError, match="threads -1"):
        open_session(NIGHT, geometry(8, 8), Settings(), threads=-1)


@pytest.mark.parametrize(("device", "named"), [("cuda", "cuda:0"), ("cuda:1", "cuda:1")])
def test_a_device_that_cannot_work_is_an_error_never_a_fallback(
    device: str, named: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(driver, "installed", lambda: False)
    with pytest.raises(UnavailableError, match=f"device '{named}'.* --device cpu"):
        open_session(NIGHT, geometry(8, 8), Settings(), device=device)


def test_engines_do_not_run_on_the_wrong_device() -> None:
    with pytest.raises(UnavailableError, match="engine fused does not run on device 'cuda'"):
        open_session(NIGHT, geometry(8, 8), Settings(), engine="fused", device="cuda")
    with pytest.raises(UnavailableError, match="engine cuda does not run on device 'cpu'"):
        open_session(NIGHT, geometry(8, 8), Settings(), engine="cuda", device="cpu")


def test_without_onnxruntime_the_command_that_brings_it_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    engine = next(engine for engine in available() if engine.name == "onnx")
    assert (engine.device, engine.works) == ("cpu", False)
    assert "pip install 'rtvideo[onnx]'" in engine.reason
    (tmp_path / "a.onnx").write_bytes(b"")
    model = Model("night", networks.NIGHT, networks={"iem": tmp_path / "a.onnx"})
    with pytest.raises(UnavailableError, match=r"pip install 'rtvideo\[onnx\]'"):
        open_session(model, geometry(8, 8), Settings(), engine="onnx")


def auto_denoise(
    model: Model, geometry: Geometry, fps: float | None, engine: str, threads: int = 0, temporal: bool = False
) -> float:
    session = FakeSession()
    session.name, session.remembers = engine, temporal
    options = Options(threads=threads, temporal=float(temporal))
    return resolve_settings(options, model, geometry, session, fps).denoise


def test_auto_denoise_is_on_where_it_keeps_up() -> None:
    slow, fast = "onnx cpu", "fused cpu avx512"
    assert auto_denoise(NIGHT, geometry(1920, 1080), None, slow) == 1.0  # an image has all the time it takes
    assert auto_denoise(NIGHT, geometry(1920, 1080), 30, fast, threads=2) == 0.0
    assert auto_denoise(NIGHT, geometry(640, 360), 30, fast, threads=2) == 1.0
    just = next(
        width
        for width in range(640, 1920)
        if not auto_denoise(NIGHT, geometry(width, 360), 30, fast, threads=2)
    )
    assert not auto_denoise(NIGHT, geometry(just - 20, 360), 30, fast, threads=2, temporal=True)
    assert auto_denoise(NIGHT, geometry(640, 360), 30, slow, threads=2) == 0.0
    assert auto_denoise(NIGHT, geometry(640, 360), 30, "not measured yet", threads=2) == 0.0
    assert auto_denoise(NIGHT, geometry(64, 64), 30, slow, threads=2) == 1.0
    assert auto_denoise(Model("fine", networks.FINE), geometry(64, 64), None, slow) == 0.0
    assert auto_denoise(Model("peer", None), geometry(64, 64), None, slow) == 0.0


@pytest.mark.parametrize("engine", ["onnx cpu", "fused cpu sse4"])
def test_auto_denoise_never_turns_on_as_work_grows(engine: str) -> None:
    sizes = range(16, 1200, 16)
    on = [auto_denoise(NIGHT, geometry(w, w), 30, engine, threads=1) for w in sizes]
    assert on == sorted(on, reverse=True)
    assert {0.0, 1.0} == set(on)
    assert sum(on) <= sum(auto_denoise(NIGHT, geometry(w, w), 30, engine, threads=4) for w in sizes)


@pytest.mark.parametrize(
    ("quota", "cpus"), [("max 100000", 6), ("150000 100000", 2), ("10000 100000", 1), ("", 6)]
)
def test_usable_cpus_heeds_affinity_and_quota(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, quota: str, cpus: int
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(6)))
    (tmp_path / "cpu.max").write_text(quota)
    assert usable_cpus(tmp_path) == cpus


def test_usable_cpus_of_the_older_cgroups(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(6)))
    (tmp_path / "cpu").mkdir()
    (tmp_path / "cpu/cpu.cfs_quota_us").write_text("300000\n")
    (tmp_path / "cpu/cpu.cfs_period_us").write_text("100000\n")
    assert usable_cpus(tmp_path) == 3
    (tmp_path / "cpu/cpu.cfs_quota_us").write_text("-1\n")
    assert usable_cpus(tmp_path) == 6
