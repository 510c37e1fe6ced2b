"""Engines on a device that run networks of others, against double precision, on stand-ins for both."""

from __future__ import annotations

import hashlib
import sys
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="the reference is a torch network")
pytest.importorskip("onnx", reason="writes the test's model")
pytest.importorskip("onnxruntime", reason="plays the networks")

import onnxruntime
import torch

from rtvideo.colour import Coding, Matrix
from rtvideo.engines.gpu import onnx as onnx_cuda
from rtvideo.engines.gpu.onnx import OnnxCudaSession
from rtvideo.engines.gpu.tensor import OpenNetwork, TensorSession
from rtvideo.engines.gpu.tensorrt import package
from rtvideo.engines.gpu.tensorrt.session import TensorRTSession
from rtvideo.engines.session import Session, Settings
from rtvideo.errors import UnavailableError, UsageError
from rtvideo.frame import Geometry
from rtvideo.kernels import cache
from rtvideo.models import Model, find
from tests.helpers import networks
from tests.rtvideo.engines import reference
from tests.rtvideo.engines.fake_runtimes import FakeOnnxruntime, FakeTensorRT, array_at
from tests.rtvideo.engines.test_fused import planes
from tests.rtvideo.kernels.cuda.fake_cuda import FakeCuda, Status, install

torch.set_num_threads(1)

BT709 = Coding(Matrix.BT709, False)
NV12 = Geometry(37, 22, "nv", 8, BT709)
GEOMETRIES = [
    NV12,
    Geometry(34, 35, "nv", 10, Coding(Matrix.BT2020_NCL, False), msb=True),
    Geometry(16, 9, "yuv", 10, Coding(Matrix.SMPTE170M, True), (1, 0)),
    Geometry(70, 5, "rgb", 8, Coding(Matrix.RGB, True)),
    Geometry(9, 4, "gray", 8, BT709),
]


@pytest.fixture
def cuda(monkeypatch: pytest.MonkeyPatch) -> FakeCuda:
    return install(monkeypatch)


@pytest.fixture
def trt(cuda: FakeCuda, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> FakeTensorRT:
    monkeypatch.setattr(cache, "default_cache", lambda: tmp_path / "cache/kernels")
    fake = FakeTensorRT(cuda)
    for name in package.MODULES:
        monkeypatch.setitem(sys.modules, name, fake if name == "tensorrt" else None)
    package.load.cache_clear()
    yield fake
    package.load.cache_clear()


@pytest.fixture
def ort(cuda: FakeCuda, monkeypatch: pytest.MonkeyPatch) -> FakeOnnxruntime:
    fake = FakeOnnxruntime(cuda)
    monkeypatch.setitem(sys.modules, "onnxruntime", fake)
    return fake


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return find(str(networks.store(tmp_path_factory.mktemp("model"), networks.NIGHT)))


def run(session: Session, frame: list[np.ndarray], geometry: Geometry = NV12) -> list[np.ndarray]:
    session.submit(frame, out := geometry.empty())
    session.flush()
    assert session.receive() is out
    return out


def expected(frame: list[np.ndarray], settings: Settings) -> list[np.ndarray]:
    from model.ruas import RUAS

    net = RUAS(networks.NIGHT).double()
    weights = networks.weights(networks.NIGHT)
    net.load_state_dict({k: torch.from_numpy(np.array(v)).double() for k, v in weights.items()})
    image = torch.from_numpy(reference.to_rgb(NV12, frame))[None]
    with torch.no_grad():
        trace = net.trace(image, settings.strength, settings.denoise)
    return reference.from_rgb(NV12, (trace.image if settings.denoise else trace.u)[0].numpy())


class Replaced(TensorSession):
    """A network that remembers what it was given and hands out ``result``."""

    engine = "replaced"

    def __init__(self, geometry: Geometry, result: np.ndarray, half: bool) -> None:
        self.result, self.given = result, np.empty(0)
        super().__init__(Model("replaced", None), geometry, Settings(), half=half)

    def _network(self, denoise: bool, stack: ExitStack) -> OpenNetwork:
        ends = self._tensors.ends(half_image=self._half, half_enhanced=self._half)
        kind = np.float16 if self._half else np.float32

        def later() -> None:
            self.given = array_at(ends.image, self.result.shape, kind).astype(np.float32)
            array_at(ends.enhanced, self.result.shape, kind)[...] = self.result

        return OpenNetwork(ends, lambda: self._device._api.later(self._stream, later))


@pytest.mark.compile
@pytest.mark.parametrize("half", [False, True], ids=["f32", "f16"])
@pytest.mark.parametrize("geometry", GEOMETRIES, ids=lambda g: f"{g.layout}{g.depth}")
def test_frames_become_tensors_and_tensors_frames(cuda: FakeCuda, geometry: Geometry, half: bool) -> None:
    result = np.random.default_rng(0).random((3, geometry.height, geometry.width)).astype(np.float32)
    session = Replaced(geometry, result, half)
    frame = planes(geometry, 3, gap=5)
    out = reference.split(geometry, run(session, frame, geometry))
    rounding = 2.0**-12 if half else 0.0  # of f16 below 1
    assert np.abs(session.given - reference.to_rgb(geometry, frame)).max() <= 1e-6 + rounding
    # Of chroma, colours of opposite sign may be off.
    tolerance = 0.5 + (2e-6 + 2 * rounding) * (1 << geometry.depth)
    for made, exact in zip(out, reference.from_rgb(geometry, result.astype(np.float64)), strict=True):
        assert np.abs(made - exact).max() <= tolerance
    session.close()
    assert cuda.alive == {}


def test_tensorrt_is_at_most_one_code_from_double(night: Model, trt: FakeTensorRT, cuda: FakeCuda) -> None:
    session = TensorRTSession(night, NV12, Settings())
    assert str(session) == "tensorrt Fake 9000, f32"
    for seed, settings in enumerate([Settings(1, 0), Settings(0.6, 0), Settings(0.6, 0.5), Settings(1, 0)]):
        session.settings.strength, session.settings.denoise = settings.strength, settings.denoise
        frame = planes(NV12, seed)
        for made, exact in zip(
            reference.split(NV12, run(session, frame)), expected(frame, settings), strict=True
        ):
            assert np.abs(made - exact).max() <= 0.51
    # The first frame of each network runs as it is, the others as a graph.
    assert (cuda.calls["cuGraphInstantiate"], cuda.calls["cuGraphLaunch"]) == (2, 2)
    assert trt.builds == 2
    session.close()
    session.close()
    assert cuda.alive == {}


def test_a_network_that_cannot_be_captured_runs_without_a_graph(
    night: Model, trt: FakeTensorRT, cuda: FakeCuda
) -> None:
    cuda.fail["cuGraphInstantiate"] = Status.CUDA_ERROR_LAUNCH_FAILED
    session = TensorRTSession(night, NV12, Settings())
    frame = planes(NV12, 1)
    assert np.array_equal(run(session, frame)[0], run(session, frame)[0])
    assert cuda.calls["cuGraphLaunch"] == 0
    assert cuda.calls["cuGraphInstantiate"] == 1  # tried once, not with every frame
    session.close()
    assert cuda.alive == {}


def test_plans_are_kept_and_a_refused_one_is_built_anew(
    night: Model, trt: FakeTensorRT, caplog: pytest.LogCaptureFixture
) -> None:
    TensorRTSession(night, NV12, Settings()).close()
    TensorRTSession(night, NV12, Settings()).close()
    assert trt.builds == 1
    assert "building night.iem.onnx for 37x22 with TensorRT 11.4.0, about 60 s" in caplog.text
    (plan,) = (cache.default_cache().with_name("tensorrt")).glob("*.plan")
    good = plan.read_bytes()
    plan.write_bytes(b"10.0|strength|" + good.split(b"|", 2)[2])  # damaged: its hash does not fit
    TensorRTSession(night, NV12, Settings()).close()
    assert trt.builds == 2 and plan.read_bytes() == good
    plan.write_bytes(b"10.0|strength|")  # whole, but the runtime does not take it
    plan.with_suffix(".sha256").write_text(hashlib.sha256(plan.read_bytes()).hexdigest())
    TensorRTSession(night, NV12, Settings()).close()
    assert trt.builds == 3 and plan.read_bytes() == good
    trt.broken = "take"
    with pytest.raises(UnavailableError, match=r"TensorRT 11\.4\.0 does not take the plan that it built"):
        TensorRTSession(night, NV12, Settings())


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        ("parse", "cannot read the network: no such operator"),
        ("build", "cannot build the network: no tactic for anything"),
    ],
)
def test_what_tensorrt_cannot_do_is_one_line_and_leaks_nothing(
    night: Model, trt: FakeTensorRT, cuda: FakeCuda, broken: str, said: str
) -> None:
    trt.broken = broken
    with pytest.raises(UnavailableError, match=said) as told:
        TensorRTSession(night, NV12, Settings())
    assert "\n" not in str(told.value)
    assert cuda.alive == {}


def test_a_frame_that_fails_says_on_which_device(night: Model, trt: FakeTensorRT) -> None:
    session = TensorRTSession(night, NV12, Settings())
    trt.broken = "execute"
    with pytest.raises(UnavailableError, match=r"TensorRT 11\.4\.0 failed on Fake 9000"):
        run(session, planes(NV12, 0))
    session.close()


def test_without_tensorrt_the_commands_that_bring_it_are_named(
    night: Model, cuda: FakeCuda, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in package.MODULES:
        monkeypatch.setitem(sys.modules, name, None)
    package.load.cache_clear()
    with pytest.raises(UnavailableError, match=r"pip install 'rtvideo\[tensorrt\]'.*\[tensorrt-rtx\]'"):
        TensorRTSession(night, NV12, Settings())
    assert cuda.alive == {}


def test_onnxruntime_is_at_most_one_code_from_double(
    night: Model, ort: FakeOnnxruntime, cuda: FakeCuda
) -> None:
    session = OnnxCudaSession(night, NV12, Settings())
    assert str(session) == "onnx Fake 9000, f32"
    assert ort.providers[0][1] == {"device_id": "0", "user_compute_stream": "-2", "use_tf32": "0"}
    for seed, settings in enumerate([Settings(1, 0), Settings(0.6, 0.5)]):
        session.settings.strength, session.settings.denoise = settings.strength, settings.denoise
        frame = planes(NV12, seed)
        for made, exact in zip(
            reference.split(NV12, run(session, frame)), expected(frame, settings), strict=True
        ):
            assert np.abs(made - exact).max() <= 0.51
    ort.fail = RuntimeError("out of memory\nand more")
    with pytest.raises(UnavailableError, match=r"onnxruntime failed: out of memory$"):
        run(session, planes(NV12, 0))
    session.close()
    assert cuda.alive == {}


def test_onnxruntime_never_runs_on_the_cpu_in_silence(
    night: Model, ort: FakeOnnxruntime, cuda: FakeCuda
) -> None:
    ort.active = ["CPUExecutionProvider"]  # what it does when CUDA's libraries are missing
    with pytest.raises(UnavailableError, match=r"cannot use Fake 9000 and would run on the CPU.*cudnn"):
        OnnxCudaSession(night, NV12, Settings())
    assert cuda.alive == {}


def test_onnxruntime_without_cuda_names_the_other_package(night: Model, cuda: FakeCuda) -> None:
    if onnx_cuda.PROVIDER in onnxruntime.get_available_providers():
        pytest.skip("onnxruntime-gpu is installed")
    with pytest.raises(UnavailableError, match=r"without CUDA; run: pip uninstall -y onnxruntime && pip"):
        OnnxCudaSession(night, NV12, Settings())


@pytest.mark.parametrize("kind", [TensorRTSession, OnnxCudaSession])
def test_a_foreign_network_has_no_strength(
    kind: type[TensorSession], trt: FakeTensorRT, ort: FakeOnnxruntime, tmp_path: Path
) -> None:
    from onnx import TensorProto, helper

    value = [helper.make_tensor_value_info(n, TensorProto.FLOAT, [1, 3, "h", "w"]) for n in ("x", "y")]
    graph = helper.make_graph([helper.make_node("Sqrt", ["x"], ["y"])], "root", value[:1], value[1:])
    network = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    (tmp_path / "root.onnx").write_bytes(network.SerializeToString())
    model = Model("root", None, networks={"iem": tmp_path / "root.onnx"})
    session = kind(model, NV12, Settings())
    frame = planes(NV12, 2)
    wanted = reference.from_rgb(NV12, np.sqrt(reference.to_rgb(NV12, frame)))
    for made, exact in zip(reference.split(NV12, run(session, frame)), wanted, strict=True):
        assert np.abs(made - exact).max() <= 0.51
    session.close()
    with pytest.raises(UsageError, match="no adjustable strength"):
        kind(model, NV12, Settings(0.5))


def test_half_precision_follows_the_card(trt: FakeTensorRT, tmp_path: Path) -> None:
    from export.onnx.network import build

    path = networks.store(tmp_path, networks.NIGHT)
    half = build(networks.NIGHT, networks.weights(networks.NIGHT), denoise=False, half=True)
    (tmp_path / "night.iem.fp16.onnx").write_bytes(half.SerializeToString())
    (tmp_path / "night.card.json").write_text('{"bf16": true}')
    session = TensorRTSession(find(str(path)), NV12, Settings())
    assert str(session).endswith("f16")
    frame = planes(NV12, 1)
    for made, exact in zip(
        reference.split(NV12, run(session, frame)), expected(frame, Settings()), strict=True
    ):
        assert np.abs(made - exact).max() <= 1.5
    session.close()
    session = TensorRTSession(find(str(path)), NV12, Settings(), half=False)
    assert str(session).endswith("f32")
    session.close()


def test_short_memory_takes_half_precision_once_then_gives_up(
    ort: FakeOnnxruntime, cuda: FakeCuda, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    from export.onnx.network import build

    path = networks.store(tmp_path, networks.NIGHT)
    half = build(networks.NIGHT, networks.weights(networks.NIGHT), denoise=False, half=True)
    (tmp_path / "night.iem.fp16.onnx").write_bytes(half.SerializeToString())
    ort.room = 3 * 37 * 22 * 2
    session = OnnxCudaSession(find(str(path)), NV12, Settings())
    assert str(session) == "onnx Fake 9000, f16"
    assert "Failed to allocate memory" in caplog.text and "trying half precision" in caplog.text
    session.close()
    ort.room = 0
    with pytest.raises(UnavailableError, match=r"Failed to allocate.*; --engine cuda takes less$") as told:
        OnnxCudaSession(find(str(path)), NV12, Settings())
    assert "\n" not in str(told.value)
    (tmp_path / "night.iem.fp16.onnx").unlink()
    with pytest.raises(UnavailableError, match="--engine cuda takes less"):
        OnnxCudaSession(find(str(path)), NV12, Settings())
    ort.room, cuda.room = None, 20_000  # the driver's own words, for what this side takes
    with pytest.raises(UnavailableError, match=r"frames of 37x22: .* out of memory; --engine cuda"):
        OnnxCudaSession(find(str(path)), NV12, Settings())
    assert cuda.alive == {}
