"""The engine against a stand-in for driver and device: whole planes, order, and what can go wrong."""

from __future__ import annotations

import dataclasses
import threading
from contextlib import ExitStack

import numpy as np
import pytest

pytest.importorskip("torch", reason="the reference is a torch network")
pytest.importorskip("safetensors", reason="writes the weights of the test's model")

import torch
from safetensors.numpy import save_file

from rtvideo.cli.entry import main
from rtvideo.engines.auto import resolve_settings
from rtvideo.engines.gpu import self_check
from rtvideo.engines.gpu.cuda import CudaSession
from rtvideo.engines.opening import open_session
from rtvideo.engines.registry import available
from rtvideo.engines.session import Settings
from rtvideo.errors import UnavailableError, UsageError
from rtvideo.frame import Geometry
from rtvideo.kernels.cuda import driver, launch
from rtvideo.kernels.cuda.module import CudaModule
from rtvideo.kernels.cuda.network import CudaNetwork
from rtvideo.models import Model, find
from rtvideo.options import Options
from tests.helpers import networks
from tests.rtvideo.engines import reference, test_curves
from tests.rtvideo.engines.geometries import GEOMETRIES, NV12, planes
from tests.rtvideo.kernels.cuda.emulated import emulated
from tests.rtvideo.kernels.cuda.fake_cuda import BLOCKING_SYNC, FakeCuda, Status, install

pytestmark = pytest.mark.compile

torch.set_num_threads(1)


@pytest.fixture
def cuda(monkeypatch: pytest.MonkeyPatch) -> FakeCuda:
    return install(monkeypatch)


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory) -> Model:
    folder = tmp_path_factory.mktemp("model")
    values = {name: np.array(value) for name, value in networks.weights(networks.NIGHT).items()}
    save_file(values, folder / "night.safetensors")
    (folder / "night.json").write_text(networks.NIGHT.to_json())
    return find(str(folder / "night.json"))


def expected(geometry: Geometry, frame: list[np.ndarray], strength: float) -> list[np.ndarray]:
    net = emulated(networks.NIGHT, denoise=False)
    return reference.from_rgb(geometry, net.reference(reference.to_rgb(geometry, frame), strength, 0))


@pytest.mark.parametrize("geometry", GEOMETRIES, ids=lambda g: f"{g.layout}{g.depth}")
def test_planes_are_at_most_one_code_from_double(night: Model, cuda: FakeCuda, geometry: Geometry) -> None:
    session = CudaSession(night, geometry, Settings(0.7))
    frame, out = planes(geometry, 3, gap=5), planes(geometry, 0, gap=3)
    session.submit(frame, out)
    session.flush()
    assert session.receive() is out
    session.close()
    tolerance = 0.5 + 2e-5 * (1 << geometry.depth)
    for made, exact in zip(reference.split(geometry, out), expected(geometry, frame, 0.7), strict=True):
        assert np.abs(made - exact).max() <= tolerance
    assert cuda.alive == {}


def test_tables_of_a_curve_are_there_before_a_frame_is(night: Model, cuda: FakeCuda) -> None:
    geometry = test_curves.GEOMETRIES[0]
    session, out = CudaSession(night, geometry, Settings()), geometry.empty()
    frame = test_curves.lamps(geometry, 5)
    session.submit(frame, out)
    session.flush()
    session.receive()
    session.close()
    assert test_curves.error(geometry, out, test_curves.wanted(geometry, frame)) <= 0.8
    assert cuda.alive == {}


def test_frames_come_out_in_order_one_behind(night: Model, cuda: FakeCuda) -> None:
    session = CudaSession(night, NV12, Settings())
    assert str(session) == "cuda Fake 9000, f32"
    assert session.receive() is None
    frames = [planes(NV12, seed) for seed in range(4)]
    outs = [NV12.empty() for _ in frames]
    received = []
    for k, (frame, out) in enumerate(zip(frames, outs, strict=True)):
        session.settings.strength = 0.0 if k == 2 else 1.0  # one that never reaches the device
        session.submit(frame, out)
        if (done := session.receive()) is not None:
            received.append(done)
        assert len(received) == k
    session.flush()
    while (done := session.receive()) is not None:
        received.append(done)
    assert [id(a) for a in received] == [id(b) for b in outs]
    for k, (frame, out) in enumerate(zip(frames, outs, strict=True)):
        exact = reference.split(NV12, frame) if k == 2 else expected(NV12, frame, 1)
        for made, wanted in zip(reference.split(NV12, out), exact, strict=True):
            assert np.abs(made - wanted).max() <= 0.51
    assert cuda.calls["cuGraphLaunch"] == 3
    assert cuda.calls["cuGraphInstantiate"] == 1
    session.close()
    session.close()
    assert cuda.alive == {}


def test_who_never_receives_loses_nothing(night: Model, cuda: FakeCuda) -> None:
    session = CudaSession(night, NV12, Settings())
    frames, outs = [planes(NV12, seed) for seed in range(4)], [NV12.empty() for _ in range(4)]
    for frame, out in zip(frames, outs, strict=True):
        session.submit(frame, out)
    session.flush()
    assert [id(session.receive()) for _ in outs] == [id(out) for out in outs]
    assert session.receive() is None
    for frame, out in zip(frames, outs, strict=True):
        assert np.abs(out[0] - expected(NV12, frame, 1)[0]).max() <= 0.51
    session.close()


def test_numbers_of_noise_removal_are_asked_of_the_environment(
    night: Model, cuda: FakeCuda, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RTVIDEO_CUDA_NOISE", "fp8")
    with pytest.raises(UsageError, match="RTVIDEO_CUDA_NOISE=fp8 is not allowed; allowed: f32, f16, tensor"):
        CudaSession(night, NV12, Settings())
    monkeypatch.setenv("RTVIDEO_CUDA_NOISE", "tensor")
    with pytest.raises(UnavailableError, match="tensor cores remove noise at half size") as told:
        CudaSession(night, NV12, Settings())
    assert "RTVIDEO_CUDA_NOISE=f32" in str(told.value)


def test_noise_removal_is_made_ready_when_it_is_asked_for(night: Model, cuda: FakeCuda) -> None:
    session = CudaSession(night, NV12, Settings(), numbers="f16")
    assert str(session).endswith("f16")
    out = {}
    for denoise in (0.0, 1.0, 0.0):
        session.settings.denoise = denoise
        session.submit(planes(NV12, 1), made := NV12.empty())
        session.flush()
        session.receive()
        if denoise in out:
            assert np.array_equal(out[denoise][0], made[0])
        out[denoise] = made
    assert not np.array_equal(out[0.0][0], out[1.0][0])
    assert cuda.calls["cuModuleLoadData"] == 2
    session.close()
    assert cuda.alive == {}


def test_noise_removal_is_told_how_much_noise_there_is(
    night: Model, cuda: FakeCuda, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = []
    monkeypatch.setattr(CudaNetwork, "prepare", lambda *amounts: None)
    monkeypatch.setattr(CudaNetwork, "run", lambda self, planes, out, strength, *more: told.append(more[0]))
    geometry = dataclasses.replace(NV12, width=96, height=96)
    squares = (70 + 6 * np.kron(np.indices((6, 6)).sum(0) % 2, np.ones((16, 16)))).astype(np.uint8)
    session = CudaSession(night, geometry, Settings(denoise=1.0, adapts=True, lossless=True))
    for noise in (0, 40):
        noisy = squares + np.random.default_rng(0).integers(0, noise + 1, squares.shape, np.uint8)
        session.reset()
        session.submit([noisy, np.full((48, 96), 128, np.uint8)], geometry.empty())
    session.close()
    assert told == [0.5, 1.0]


@pytest.mark.parametrize(
    "function", ["cuMemAlloc", "cuMemHostAlloc", "cuModuleLoadData", "cuGraphInstantiate"]
)
def test_a_device_that_cannot_is_one_line_and_leaks_nothing(
    night: Model, cuda: FakeCuda, function: str
) -> None:
    cuda.fail[function] = Status.CUDA_ERROR_OUT_OF_MEMORY
    with pytest.raises(
        UnavailableError, match=r"Fake 9000 cannot take frames of 37x22: .*out of memory"
    ) as told:
        CudaSession(night, NV12, Settings())
    assert "\n" not in str(told.value)
    assert cuda.alive == {}


def test_short_memory_makes_bands_of_the_very_same_picture(
    night: Model, cuda: FakeCuda, caplog: pytest.LogCaptureFixture
) -> None:
    tall, results, taken = dataclasses.replace(NV12, width=24, height=600), [], []
    for room in (None, -1):
        cuda.room = taken[0] + room if room else None
        session = CudaSession(night, tall, Settings(0.8, 1.0))
        taken.append(cuda.taken)
        session.submit(planes(tall, 1), out := tall.empty())
        session.flush()
        session.receive()
        session.close()
        results.append(out)
        assert cuda.alive == {} and cuda.taken == 0
    assert all(np.array_equal(a, b) for a, b in zip(*results, strict=True))
    assert taken[1] < 0.8 * taken[0]
    assert "out of memory: frames of 24x600 are made in bands of rows" in caplog.text
    cuda.room = taken[1] - 1
    with pytest.raises(UnavailableError, match=r"cannot take frames of 24x600: .* is out of memory") as told:
        CudaSession(night, tall, Settings(0.8, 1.0))
    assert "\n" not in str(told.value) and cuda.alive == {}


def test_a_device_that_is_lost_is_said(night: Model, cuda: FakeCuda) -> None:
    session = CudaSession(night, NV12, Settings())
    session.submit(planes(NV12, 1), NV12.empty())
    for function in ("cuEventSynchronize", "cuStreamSynchronize", "cuMemFree", "cuGraphLaunch"):
        cuda.fail[function] = Status.CUDA_ERROR_LAUNCH_FAILED
    session.flush()
    with pytest.raises(UnavailableError, match=r"device 'cuda:0' failed: .*LAUNCH_FAILED"):
        session.receive()
    session.close()


def test_a_thread_that_never_used_the_device_gives_everything_back(night: Model, cuda: FakeCuda) -> None:
    session = CudaSession(night, NV12, Settings())
    session.submit(planes(NV12, 1), NV12.empty())
    thread = threading.Thread(target=session.close)
    thread.start()
    thread.join()
    assert cuda.alive == {} and cuda.taken == 0


def test_the_context_is_made_as_ffmpeg_demands_unless_it_is_there(night: Model, cuda: FakeCuda) -> None:
    for _ in range(2):
        CudaSession(night, NV12, Settings()).close()
    assert (cuda.contexts, cuda.context_flags) == (1, BLOCKING_SYNC)


def test_a_context_that_is_there_stays_as_it_is(night: Model, cuda: FakeCuda) -> None:
    cuda.contexts = 1  # PyTorch came first
    CudaSession(night, NV12, Settings()).close()
    assert (cuda.contexts, cuda.context_flags) == (2, 0)


def test_what_fails_first_in_a_capture_is_told(night: Model, cuda: FakeCuda) -> None:
    cuda.fail["cuLaunchKernel"] = Status.CUDA_ERROR_LAUNCH_FAILED
    with pytest.raises(UnavailableError, match="failed: cuLaunchKernel: CUDA_ERROR_LAUNCH_FAILED"):
        CudaSession(night, NV12, Settings())
    assert cuda.calls["cuStreamEndCapture"] == 1 and cuda.alive == {}


def test_large_kernels_get_their_shared_memory(cuda: FakeCuda) -> None:
    device = driver.CudaDevice()
    device.use()
    with ExitStack() as stack:
        module = CudaModule(device, emulated(networks.NIGHT, denoise=False).source.text, stack)
        module.kernel("lit_0", driver.LEAST_SHARED)
        assert cuda.attributes == {}
        module.kernel("lit_0", 60 << 10)
    prefix = "CU_FUNC_ATTRIBUTE"
    assert cuda.attributes == {
        f"{prefix}_MAX_DYNAMIC_SHARED_SIZE_BYTES": 60 << 10,
        f"{prefix}_PREFERRED_SHARED_MEMORY_CARVEOUT": 100,
    }


def test_a_record_that_the_kernels_read_otherwise_is_noticed(
    night: Model, cuda: FakeCuda, monkeypatch: pytest.MonkeyPatch
) -> None:
    frame_type = launch.frame_type
    monkeypatch.setattr(launch, "frame_type", lambda buffers: frame_type(buffers + 1))
    with pytest.raises(AssertionError, match=r"frame: \d+ bytes on the device, \d+ here"):
        CudaSession(night, NV12, Settings())
    assert cuda.alive == {}


def test_the_second_of_two_that_fails_leaves_none_behind(night: Model, cuda: FakeCuda) -> None:
    allocate, calls = cuda._MemHostAlloc, iter((True, False))

    def once(size: int, flags: int) -> int:
        if not next(calls):
            raise MemoryError
        return allocate(size, flags)

    cuda._MemHostAlloc = once  # type: ignore[method-assign]
    with pytest.raises(UnavailableError, match="out of memory"):
        CudaSession(night, NV12, Settings())
    assert cuda.alive == {}


def test_devices_that_are_not_there(night: Model, cuda: FakeCuda, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UnavailableError, match="device 'cuda:1': this machine has cuda:0 to cuda:0 alone"):
        open_session(night, NV12, Settings(), device="cuda:1")
    cuda.fail["cuInit"] = Status.CUDA_ERROR_NO_DEVICE
    with pytest.raises(UnavailableError, match="no CUDA device that works; use --device cpu"):
        open_session(night, NV12, Settings(), engine="cuda")
    monkeypatch.setattr(driver, "installed", lambda: False)
    assert not next(engine for engine in available() if engine.name == "cuda").works


def test_devices_are_listed(
    cuda: FakeCuda, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    cuda.devices = 2
    assert main(["--list-devices"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[1:3] == [f"cuda:{n}  Fake 9000, compute capability 9.0" for n in (0, 1)]
    assert cuda.contexts == 0  # to make one takes half a second
    cuda.fail["cuDeviceGet"] = Status.CUDA_ERROR_NO_DEVICE
    assert driver.listed() == [
        ("cuda", "cannot be used: device 'cuda:0' failed: cuDeviceGet: CUDA_ERROR_NO_DEVICE")
    ]
    monkeypatch.setattr(driver, "installed", lambda: False)
    assert driver.listed() == []


def test_auto_takes_a_device_that_is_there(
    night: Model, cuda: FakeCuda, caplog: pytest.LogCaptureFixture
) -> None:
    session = open_session(night, NV12, Settings())
    assert isinstance(session, CudaSession)
    session.close()
    assert cuda.contexts == 1  # of the check, the contest and the session together, and it stays
    assert available()[0].reason == "Fake 9000, NVRTC 13.0"
    cuda.fail["cuMemAlloc"] = Status.CUDA_ERROR_OUT_OF_MEMORY
    session = open_session(night, NV12, Settings())
    assert str(session).startswith("fused")
    assert "out of memory; going on without a GPU" in caplog.text
    session.close()


@pytest.mark.parametrize("geometry", GEOMETRIES[:3], ids=lambda g: f"{g.layout}{g.depth}")
def test_gpu_and_processor_agree(night: Model, cuda: FakeCuda, geometry: Geometry) -> None:
    def on_gpu(geometry: Geometry, settings: Settings) -> CudaSession:
        return CudaSession(night, geometry, settings)

    off = self_check.difference(on_gpu, night, geometry, 1.0)
    assert off is not None and off <= 1
    assert self_check.difference(on_gpu, Model("night", networks.NIGHT), geometry, 0.0) is None


def test_auto_does_not_trust_a_gpu_that_disagrees(
    night: Model, cuda: FakeCuda, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    cuda.lose_kernels = True
    session = open_session(night, NV12, Settings())
    assert str(session).startswith("fused")
    assert "of 255 from the processor" in caplog.text
    session.close()


def test_noise_removal_by_itself_follows_the_device(night: Model, cuda: FakeCuda) -> None:
    session = CudaSession(night, NV12, Settings())
    # 64 multiprocessor-GHz do 800 pixels
    assert resolve_settings(Options(), night, NV12, session, 30).denoise == 1.0
    assert resolve_settings(Options(), night, NV12, session, 1e6).denoise == 0.0
    work = session.seconds_per_frame()
    session.close()
    larger = dataclasses.replace(NV12, width=370, height=220)
    session = CudaSession(night, larger, Settings())
    assert session.seconds_per_frame() == pytest.approx(100 * work)
    session.close()


def test_what_it_cannot_do_is_said(night: Model, cuda: FakeCuda) -> None:
    assert CudaSession.unsupported_reason(night, NV12) is None
    assert "foreign" in str(CudaSession.unsupported_reason(Model("peer", None)))
    with pytest.raises(UnavailableError, match="no weights"):
        CudaSession(Model("night", networks.NIGHT), NV12, Settings())
    with pytest.raises(UsageError, match="strength: 2"):
        CudaSession(night, NV12, Settings(2.0))
    assert cuda.alive == {}
