from __future__ import annotations

from pathlib import Path

import pytest

from rtvideo.colour import Coding, Matrix
from rtvideo.engines import opening, registry
from rtvideo.engines.auto import resolve_settings
from rtvideo.engines.cost import Cost
from rtvideo.engines.opening import open_session
from rtvideo.engines.registry import ENGINES, Engine, EngineInfo, available
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


def test_only_installed_engines_are_contenders(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    foreign = Model("peer", None, networks={"iem": tmp_path / "a.onnx"})

    def names() -> list[str]:
        return [engine.name for engine in opening._candidates("cuda", foreign, geometry(16, 8))]

    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    monkeypatch.setattr("rtvideo.engines.gpu.onnx.installed", lambda name: None)
    assert names() == []
    monkeypatch.setattr("rtvideo.engines.gpu.onnx.installed", lambda name: "1.27")
    assert names() == ["onnx"]
    monkeypatch.setattr("importlib.util.find_spec", lambda name: name == "tensorrt_rtx")
    assert names() == ["tensorrt", "onnx"]


def test_a_row_is_all_that_an_engine_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    class Dummy(FakeSession):
        def __init__(self, model: Model, geometry: Geometry, settings: Settings, *, threads: int) -> None:
            super().__init__()
            self.threads = threads

        @staticmethod
        def probe() -> str:
            return "always there"

        @staticmethod
        def unsupported_reason(model: Model, geometry: Geometry) -> str | None:
            return None

    monkeypatch.setattr("tests.helpers.doubles.Dummy", Dummy, raising=False)
    row = Engine("dummy", {"cpu": "tests.helpers.doubles:Dummy"}, costs={"fake": Cost(0.0, 0.0)})
    for module in (opening, registry):
        monkeypatch.setattr(module, "ENGINES", (row, *ENGINES))
    session = open_session(NIGHT, geometry(8, 8), Settings(), device="cpu", threads=3)
    assert isinstance(session, Dummy) and session.threads == 3
    assert isinstance(open_session(NIGHT, geometry(8, 8), Settings(), engine="dummy"), Dummy)
    assert available()[0] == EngineInfo("dummy", "cpu", True, "always there")
    with pytest.raises(UsageError, match="allowed: auto, dummy, cuda"):
        open_session(NIGHT, geometry(8, 8), Settings(), engine="onx")
    assert resolve_settings(Options(), NIGHT, geometry(4000, 4000), session, 1000.0).denoise == 1.0
