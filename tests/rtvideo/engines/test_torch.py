"""Engine torch: the ONNX files operator by operator, against the trained module in double precision."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch", reason="is what is tested")
pytest.importorskip("onnx", reason="reads the networks for torch")

import torch

from export.onnx.network import build
from model.ruas import RUAS
from rtvideo.colour import Coding, Matrix
from rtvideo.engines.gpu.torch import TorchCudaSession
from rtvideo.engines.opening import open_session
from rtvideo.engines.session import Settings
from rtvideo.engines.torch_graph import OnnxModule
from rtvideo.errors import UnavailableError, UsageError
from rtvideo.frame import Geometry
from rtvideo.models import Model, find
from rtvideo.models.description import Description
from tests.helpers import networks
from tests.rtvideo.engines import reference
from tests.rtvideo.engines.fake_runtimes import array_at
from tests.rtvideo.engines.test_fused import planes
from tests.rtvideo.kernels.cuda.fake_cuda import install

torch.set_num_threads(1)

NV12 = Geometry(37, 22, "nv", 8, Coding(Matrix.BT709, False))


def module(description: Description) -> RUAS:
    net = RUAS(description).double()
    weights = networks.weights(description)
    net.load_state_dict({k: torch.from_numpy(np.array(v)).double() for k, v in weights.items()})
    return net


def onnx(description: Description, dtype: torch.dtype, *, half: bool = False) -> OnnxModule:
    weights = networks.weights(description)
    made = build(description, weights, denoise=description.noise is not None, half=half)
    return OnnxModule(made.SerializeToString(), description.name, dtype)


def expected(frame: list[np.ndarray], settings: Settings) -> list[np.ndarray]:
    image = torch.from_numpy(reference.to_rgb(NV12, frame))[None]
    with torch.no_grad():
        trace = module(networks.NIGHT).trace(image, settings.strength, settings.denoise)
    return reference.from_rgb(NV12, (trace.image if settings.denoise else trace.u)[0].numpy())


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return find(str(networks.store(tmp_path_factory.mktemp("model"), networks.NIGHT)))


@pytest.mark.parametrize("description", networks.ALL, ids=lambda d: d.name)
@pytest.mark.parametrize(("height", "width"), [(1, 1), (33, 45)])
def test_every_kind_of_network_is_the_trained_one(description: Description, height: int, width: int) -> None:
    image = torch.from_numpy(np.random.default_rng(1).random((1, 3, height, width)) ** 3)
    net = onnx(description, torch.float64)
    asked = {"strength": 0.7, "denoise": 0.4, "brightness": -0.3}
    scalars = [torch.tensor(asked[name], dtype=torch.float64) for name in net.scalars]
    with torch.no_grad():
        trace = module(description).trace(image, 0.7, 0.4, -0.3)
        wanted = trace.image if description.noise else trace.u
        difference = (net(image, *scalars) - wanted).abs().max()
    assert difference <= 1e-5  # as for onnxruntime: constants are f32 in the file, and gain enlarges that


def test_scalars_that_are_left_out_are_the_usual_ones() -> None:
    image = torch.from_numpy(np.random.default_rng(1).random((1, 3, 20, 30)))
    net, usual = onnx(networks.NIGHT, torch.float64), {"strength": 1.0, "brightness": 0.0, "denoise": 1.0}
    scalars = [torch.tensor(usual[name], dtype=torch.float64) for name in net.scalars]
    assert torch.equal(net(image), net(image, *scalars))


def test_half_precision_is_at_the_ends_and_in_the_cells() -> None:
    image = torch.from_numpy(np.random.default_rng(1).random((1, 3, 20, 30), np.float32))
    pair = [onnx(networks.NIGHT, torch.float32, half=half) for half in (False, True)]
    assert [(net.half_image, net.half_enhanced) for net in pair] == [(False, False), (True, True)]
    single, half = pair[0](image), pair[1](image.half())
    assert (single.dtype, half.dtype) == (torch.float32, torch.half)
    assert 0 < (single - half).abs().max() < 4 / 255


def test_planes_are_at_most_one_code_from_double(night: Model) -> None:
    session = open_session(night, NV12, Settings(), engine="torch", threads=1)
    assert str(session) == "torch cpu, 1 thread"
    for seed, settings in enumerate([Settings(1, 0), Settings(0.6, 0.5), Settings(1, 1)]):
        session.settings.strength, session.settings.denoise = settings.strength, settings.denoise
        session.submit(frame := planes(NV12, seed), out := NV12.empty())
        assert session.receive() is out
        for made, exact in zip(reference.split(NV12, out), expected(frame, settings), strict=True):
            assert np.abs(made - exact).max() <= 0.51
    session.close()


def test_what_it_cannot_run_is_one_line(
    night: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from onnx import TensorProto, helper

    value = [helper.make_tensor_value_info(n, TensorProto.FLOAT, [1, 3, "h", "w"]) for n in ("x", "y")]
    graph = helper.make_graph([helper.make_node("Erf", ["x"], ["y"])], "erf", value[:1], value[1:])
    (tmp_path / "erf.onnx").write_bytes(helper.make_model(graph).SerializeToString())
    model = Model("erf", None, networks={"iem": tmp_path / "erf.onnx"})
    with pytest.raises(UnavailableError, match=r"erf\.onnx: not a network .* operators .* lacks: Erf"):
        open_session(model, NV12, Settings(), engine="torch")
    (tmp_path / "erf.onnx").write_bytes(b"\xff\xff\xff")
    with pytest.raises(UnavailableError, match=r"erf\.onnx: not a network that torch can run"):
        open_session(model, NV12, Settings(), engine="torch")
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(UnavailableError, match=r"pip install 'rtvideo\[torch\]'"):
        open_session(night, NV12, Settings(), engine="torch")


def test_a_foreign_network_has_no_strength(tmp_path: Path) -> None:
    from onnx import TensorProto, helper

    value = [helper.make_tensor_value_info(n, TensorProto.FLOAT, [1, 3, "h", "w"]) for n in ("x", "y")]
    graph = helper.make_graph([helper.make_node("Sqrt", ["x"], ["y"])], "root", value[:1], value[1:])
    (tmp_path / "root.onnx").write_bytes(helper.make_model(graph).SerializeToString())
    model = Model("root", None, networks={"iem": tmp_path / "root.onnx"})
    open_session(model, NV12, Settings(), engine="torch").close()
    with pytest.raises(UsageError, match="no adjustable strength"):
        open_session(model, NV12, Settings(0.5), engine="torch")


def test_torch_without_cuda_says_so(night: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    cuda = install(monkeypatch)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(UnavailableError, match=r"cannot use CUDA here; pytorch\.org"):
        open_session(night, NV12, Settings(), engine="torch", device="cuda")
    assert cuda.alive == {}


@pytest.mark.slow
def test_on_a_device_torch_works_on_the_tensors_of_the_session(
    night: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As far as it shows without a GPU: torch runs on the processor, in order with the device's stream."""
    cuda = install(monkeypatch)

    @contextlib.contextmanager
    def in_order(stream: Any) -> Iterator[None]:
        cuda.catch_up(stream)
        yield

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "ExternalStream", lambda stream, device: stream)
    monkeypatch.setattr(torch.cuda, "stream", in_order)
    monkeypatch.setattr(OnnxModule, "to", lambda self, place: self)

    def view(self: Any, address: int, shape: tuple[int, ...], *, half: bool = False) -> torch.Tensor:
        return torch.from_numpy(array_at(address, shape, np.float16 if half else np.float32))

    monkeypatch.setattr(TorchCudaSession, "_view", view)
    monkeypatch.setattr(TorchCudaSession, "_as_graph", lambda self, work: work)
    session = TorchCudaSession(night, NV12, Settings(0.6, 0.5))
    assert str(session) == "torch Fake 9000, f32"
    session.submit(frame := planes(NV12, 4), out := NV12.empty())
    session.flush()
    assert session.receive() is out
    for made, exact in zip(reference.split(NV12, out), expected(frame, Settings(0.6, 0.5)), strict=True):
        assert np.abs(made - exact).max() <= 0.51
    session.close()
    assert cuda.alive == {}
