"""Whole planes through the fused engine, against colour conversion and network in double precision."""

from __future__ import annotations

import dataclasses
import logging
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("torch", reason="the reference is a torch network")
pytest.importorskip("safetensors", reason="writes the weights of the test's model")

import torch
from safetensors.numpy import save_file

from rtvideo.colour import LUMA_WEIGHTS, Coding, Matrix
from rtvideo.engines.fused import FusedSession
from rtvideo.engines.opening import open_session
from rtvideo.engines.registry import available
from rtvideo.engines.session import Settings
from rtvideo.errors import UnavailableError, UsageError
from rtvideo.frame import Geometry
from rtvideo.kernels.cpu import build
from rtvideo.models import Model, find
from tests.helpers import networks
from tests.rtvideo.engines import reference
from tests.rtvideo.engines.geometries import BT709, planes
from tests.rtvideo.kernels.compiled import compiled

pytestmark = pytest.mark.compile

torch.set_num_threads(1)

if not build.compilers():
    pytest.skip("no compiler: pip install ziglang", allow_module_level=True)


def save(weights: dict[str, np.ndarray], path: Path) -> None:
    save_file({name: np.array(value) for name, value in weights.items()}, path)


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory) -> Model:
    folder = tmp_path_factory.mktemp("model")
    save(networks.weights(networks.NIGHT), folder / "night.safetensors")
    (folder / "night.json").write_text(networks.NIGHT.to_json())
    return find(str(folder / "night.json"))


@st.composite
def geometries(draw: st.DrawFn) -> Geometry:
    layout = draw(st.sampled_from(["yuv", "yuv", "nv", "rgb", "gray"]))
    depth = draw(st.sampled_from([8, 8, 10, 16]))
    matrix = draw(st.sampled_from([*LUMA_WEIGHTS, Matrix.RGB]))
    chroma = draw(st.sampled_from([(1, 1), (1, 1), (1, 0), (0, 0), (0, 1)]))
    if layout in ("nv", "gray") and matrix == Matrix.RGB:
        matrix = Matrix.BT709
    if matrix == Matrix.RGB:
        chroma = (0, 0)
    return Geometry(
        draw(st.integers(1, 60)),
        draw(st.integers(1, 40)),
        layout,
        depth,
        Coding(matrix, draw(st.booleans())),
        chroma,
        draw(st.booleans()),
    )


@given(
    geometry=geometries(),
    seed=st.integers(0, 9),
    strength=st.sampled_from([1.0, 0.4]),
    denoise=st.sampled_from([0.0, 0.7]),
    gap=st.sampled_from([0, 5]),
    threads=st.sampled_from([1, 2]),
)
@settings(max_examples=60, deadline=None, derandomize=True)
def test_planes_are_at_most_one_code_from_double(
    night: Model, geometry: Geometry, seed: int, strength: float, denoise: float, gap: int, threads: int
) -> None:
    frame, out = planes(geometry, seed, gap=gap), planes(geometry, 0, gap=gap)
    before = [plane.copy() for plane in frame]
    session = FusedSession(night, geometry, Settings(strength, denoise), threads=threads)
    session.submit(frame, out)
    session.close()
    assert all(np.array_equal(a, b) for a, b in zip(frame, before, strict=True))

    rgb = reference.to_rgb(geometry, frame)
    net = compiled(networks.NIGHT)
    wanted = reference.from_rgb(geometry, net.reference(rgb, strength, denoise))
    # Half a code is rounding; a part in a hundred thousand of the range is the network's.
    tolerance = 0.5 + 2e-5 * (1 << geometry.depth)
    for made, exact in zip(reference.split(geometry, out), wanted, strict=True):
        assert np.abs(made - exact).max() <= tolerance


def test_a_session_opens_a_coarser_one(night: Model) -> None:
    geometry = Geometry(50, 38, "yuv", 8, BT709)
    frame, out = planes(geometry, 3), geometry.empty()
    session = FusedSession(night, geometry, Settings(denoise=1.0), threads=2)
    coarser = session.coarser()
    session.close()
    assert str(coarser) == str(session) and coarser.settings.denoise == 0
    coarser.submit(frame, out)
    coarser.close()

    description = networks.NIGHT.coarser()
    assert description is not None and description.illumination.scales == (16, 16, 8)
    rgb = compiled(description).reference(reference.to_rgb(geometry, frame), 1.0, 0.0)
    for made, exact in zip(reference.split(geometry, out), reference.from_rgb(geometry, rgb), strict=True):
        assert np.abs(made - exact).max() <= 0.51


def test_not_every_model_has_coarser_illumination(tmp_path: Path) -> None:
    save(networks.weights(networks.RUAS), tmp_path / "ruas.safetensors")
    (tmp_path / "ruas.json").write_text(networks.RUAS.to_json())
    session = FusedSession(
        find(str(tmp_path / "ruas.json")), Geometry(9, 9, "yuv", 8, BT709), Settings(), threads=1
    )
    with pytest.raises(UnavailableError, match="no coarser size"):
        session.coarser()
    session.close()


def test_strength_0_hands_planes_through(night: Model) -> None:
    geometry = Geometry(21, 13, "yuv", 8, BT709)
    frame, out = planes(geometry, 1), geometry.empty()
    session = FusedSession(night, geometry, Settings(0.0, 1.0), threads=1)
    assert session.receive() is None
    session.submit(frame, out)
    assert session.receive() is out
    assert all(np.array_equal(a, b) for a, b in zip(frame, out, strict=True))
    session.settings.strength = 1
    session.submit(frame, out)
    assert not np.array_equal(frame[0], out[0])
    session.close()
    session.close()


def test_auto_prefers_it_and_it_says_what_it_is(night: Model) -> None:
    session = open_session(night, Geometry(16, 16, "yuv", 8, BT709), Settings(), threads=2)
    assert isinstance(session, FusedSession)
    assert str(session).startswith("fused cpu ")
    assert str(session).endswith(", 2 threads")
    session.close()
    assert available()[0].name == "fused"


def test_without_a_compiler_auto_says_so_and_goes_on(
    night: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    pytest.importorskip("onnxruntime", reason="what is fallen back to")
    monkeypatch.setattr(build, "compilers", list)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    path = networks.store(tmp_path, networks.NIGHT)
    save(networks.weights(networks.NIGHT), path.with_suffix(".safetensors"))
    geometry = Geometry(16, 16, "yuv", 8, BT709)
    with caplog.at_level(logging.WARNING):
        session = open_session(find(str(path)), geometry, Settings())
    assert str(session).startswith("onnx")
    assert "pip install ziglang; going on with engine onnx" in caplog.text
    with pytest.raises(UnavailableError, match="pip install ziglang"):
        open_session(find(str(path)), geometry, Settings(), engine="fused")


def test_what_it_cannot_do_is_said(night: Model, tmp_path: Path) -> None:
    geometry = Geometry(16, 16, "yuv", 8, BT709)
    assert FusedSession.unsupported_reason(night, geometry) is None
    assert "foreign" in str(FusedSession.unsupported_reason(Model("peer", None)))
    assert "subsampled by 4" in str(
        FusedSession.unsupported_reason(night, dataclasses.replace(geometry, chroma=(2, 2)))
    )
    with pytest.raises(UnavailableError, match="no weights"):
        open_session(Model("night", networks.NIGHT), geometry, Settings(), engine="fused")
    with pytest.raises(UsageError, match="strength: 2"):
        FusedSession(night, geometry, Settings(2.0), threads=1)
    bare = dataclasses.replace(night, description=dataclasses.replace(networks.NIGHT, noise=None))
    with pytest.raises(UsageError, match="--denoise off"):
        FusedSession(bare, geometry, Settings(1.0, 1.0), threads=1)


@pytest.mark.parametrize("harm", ["cut", "shape", "nan", "missing"])
def test_weights_are_not_trusted(night: Model, tmp_path: Path, harm: str) -> None:
    values = networks.weights(networks.NIGHT)
    if harm == "shape":
        values["noise.stem.bias"] = values["noise.stem.bias"][:2]
    elif harm == "nan":
        values["noise.stem.bias"][0] = np.nan
    elif harm == "missing":
        del values["noise.stem.bias"]
    path = tmp_path / "w.safetensors"
    save(values, path)
    if harm == "cut":
        path.write_bytes(path.read_bytes()[:-100])
    broken = dataclasses.replace(night, weights=path)
    with pytest.raises(UnavailableError, match=r"w\.safetensors|noise\.stem\.bias"):
        FusedSession(broken, Geometry(16, 16, "yuv", 8, BT709), Settings(), threads=1)
