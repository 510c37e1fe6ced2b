"""The engine with ``temporal`` against a stand-in for the driver, and against the engine for processors."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="the emulator's networks are torch networks")
pytest.importorskip("safetensors", reason="writes the weights of the test's model")

from safetensors.numpy import save_file

from rtvideo.engines.fused import FusedSession
from rtvideo.engines.gpu.cuda import CudaSession
from rtvideo.engines.session import Session, Settings
from rtvideo.errors import UnavailableError
from rtvideo.frame import Geometry, Plane
from rtvideo.models import Model, find
from tests.helpers import networks
from tests.rtvideo.engines.geometries import BT709
from tests.rtvideo.kernels.cpu.test_motion import pan, seen, texture
from tests.rtvideo.kernels.cuda.fake_cuda import FakeCuda, install

pytestmark = pytest.mark.compile

OF = Geometry(72, 40, "nv", 8, BT709)

RATE = 1 / 30


@pytest.fixture
def cuda(monkeypatch: pytest.MonkeyPatch) -> FakeCuda:
    return install(monkeypatch)


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory) -> Model:
    folder: Path = tmp_path_factory.mktemp("model")
    values = {name: np.array(value) for name, value in networks.weights(networks.NIGHT).items()}
    save_file(values, folder / "night.safetensors")
    (folder / "night.json").write_text(networks.NIGHT.to_json())
    return find(str(folder / "night.json"))


def frames(count: int, seed: int = 0) -> list[list[Plane]]:
    """A dark scene with noise, and something that moves."""
    rng = np.random.default_rng(seed)
    scene = np.kron(rng.uniform(20, 60, (OF.height // 8, OF.width // 8)), np.ones((8, 8)))
    made = []
    for number in range(count):
        luma = scene + rng.normal(0, 2, scene.shape)
        luma[10:30, 5 * number : 5 * number + 10] += 50
        chroma = 128 + rng.normal(0, 1, OF.shapes()[1])
        made.append([plane.round().clip(0, 255).astype(np.uint8) for plane in (luma, chroma)])
    return made


def shown(session: Session, planes: list[Plane], time: float | None, of: Geometry = OF) -> list[Plane]:
    out = of.empty()
    session.submit(planes, out, time)
    session.flush()
    assert session.receive() is out
    return out


def apart(a: list[Plane], b: list[Plane]) -> int:
    return max(int(np.abs(x.astype(int) - y).max()) for x, y in zip(a, b, strict=True))


@pytest.fixture
def pair(night: Model, cuda: FakeCuda) -> Iterator[tuple[CudaSession, FusedSession]]:
    settings = Settings(temporal=1.0)
    sessions = CudaSession(night, OF, settings), FusedSession(night, OF, settings, threads=1)
    yield sessions
    for session in sessions:
        session.close()
    assert cuda.alive == {}


def test_it_shows_what_the_processor_shows(pair: tuple[CudaSession, FusedSession], cuda: FakeCuda) -> None:
    device, processor = pair
    assert device.remembers
    for number, planes in enumerate(frames(6)):
        device.settings.denoise = float(number in (2, 3))  # what is known survives another set of kernels
        device.settings.deband = processor.settings.deband = 0.7 * (number == 5)
        assert apart(shown(device, planes, number * RATE), shown(processor, planes, number * RATE)) <= 1
    assert cuda.calls["cuModuleLoadData"] == 3
    assert cuda.calls["cuGraphLaunch"] == 6


def test_it_carries_what_the_processor_carries(night: Model, cuda: FakeCuda) -> None:
    of, rng, picture = Geometry(160, 96, "nv", 8, BT709), np.random.default_rng(0), texture() / 3
    sessions = [
        CudaSession(night, of, Settings(temporal=1.0)),
        *(FusedSession(night, of, Settings(temporal=1.0), threads=1, carries=on) for on in (True, False)),
    ]
    for number in range(7):
        luma = seen(picture, pan(number))[:96, :160] + rng.normal(0, 2, (96, 160))
        planes = [luma.clip(16, 235).astype(np.uint8), np.full(of.shapes()[1], 128, np.uint8)]
        made, wanted, alone = (shown(one, planes, number * RATE, of)[0].astype(int) for one in sessions)
        # Light makes several codes of one; a block may have the other of two motions that are as good.
        assert (np.abs(made - wanted) > 2).mean() < 0.01
    assert (np.abs(alone - wanted) > 2).mean() > 0.2
    for session in sessions:
        session.close()


@pytest.mark.parametrize("how", ["reset", "gap", "back", "strength", "off"])
def test_it_forgets(pair: tuple[CudaSession, FusedSession], how: str) -> None:
    device, _ = pair
    *before, last = frames(4)
    anew = shown(device, last, 0.0)
    device.reset()
    for number, planes in enumerate(before):
        shown(device, planes, number * RATE)
    remembered = shown(device, last, 3 * RATE)
    assert apart(remembered, anew) > 2
    time = {"gap": 1.0, "back": 0.0}.get(how, 4 * RATE)
    if how == "reset":
        device.reset()
    elif how == "strength":
        device.settings.strength = 0.0
        assert apart(shown(device, last, 4 * RATE), last) == 0
        device.settings.strength = 1.0
    elif how == "off":
        device.settings.temporal = 0.0
        shown(device, before[0], 4 * RATE)
        device.settings.temporal = 1.0
    assert apart(shown(device, last, time), anew) == 0


def test_half_of_it_averages_less(night: Model, cuda: FakeCuda) -> None:
    (still,), rng, noise = frames(1), np.random.default_rng(0), []
    for temporal in (0.0, 0.3, 1.0):
        session = CudaSession(night, OF, Settings(temporal=temporal))
        outs = []
        for number in range(14):
            planes = [(plane + rng.integers(-3, 4, plane.shape)).astype(np.uint8) for plane in still]
            outs.append(shown(session, planes, number * RATE)[0].astype(float))
        noise.append(float(np.std(outs[8:], axis=0).mean()))
        session.close()
    assert noise[0] > 1.3 * noise[1] > 1.3 * 1.2 * noise[2]


@pytest.mark.parametrize("option", ["temporal", "deband"])
def test_memory_that_is_short_is_said(night: Model, cuda: FakeCuda, option: str) -> None:
    session = CudaSession(night, OF, Settings())
    cuda.room = cuda.taken
    setattr(session.settings, option, 1.0)
    with pytest.raises(UnavailableError, match=f"out of memory for --{option}; use --{option} off") as told:
        session.submit(frames(1)[0], OF.empty(), 0.0)
    assert "\n" not in str(told.value)
    setattr(session.settings, option, 0.0)
    shown(session, frames(1)[0], 0.0)
    session.close()
    assert cuda.alive == {}
