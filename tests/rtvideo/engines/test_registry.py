from __future__ import annotations

import sys
from pathlib import Path

import pytest

from rtvideo.colour import Coding, Matrix
from rtvideo.engines.opening import open_session
from rtvideo.engines.registry import ENGINES, Engine, available
from rtvideo.engines.session import Settings
from rtvideo.errors import UnavailableError
from rtvideo.frame import Geometry
from rtvideo.models import Model
from tests.helpers import networks

NV12 = Geometry(8, 8, "nv", 8, Coding(Matrix.BT709, False))


@pytest.mark.parametrize(
    ("engine", "kind"), [(engine, kind) for engine in ENGINES for kind in engine.sessions], ids=str
)
def test_each_row_names_a_class_of_sessions(engine: Engine, kind: str) -> None:
    found = engine.session_type(kind)
    assert found.__module__.startswith("rtvideo.engines.")
    reason = found.unsupported_reason(Model("nothing", None), NV12)
    assert reason is None or "nothing" in reason
    assert next(info for info in available() if (info.name, info.device) == (engine.name, kind)).reason


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
        open_session(model, NV12, Settings(), engine="onnx")
