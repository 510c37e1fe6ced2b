"""The CUDA engine on a real GPU, against double precision. ``RTVIDEO_REQUIRE=gpu`` makes a skip a failure."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="the reference is a torch network")
pytest.importorskip("safetensors", reason="writes the weights of the test's model")

import torch
from safetensors.numpy import save_file

from model.ruas import RUAS
from rtvideo import models
from rtvideo.engines.gpu.cuda import CudaSession
from rtvideo.engines.session import Settings
from rtvideo.frame import Geometry
from rtvideo.kernels import weights
from rtvideo.kernels.cuda import launch
from rtvideo.kernels.cuda.driver import CudaDevice
from rtvideo.models import Model
from rtvideo.models.description import Description
from tests.helpers import networks
from tests.rtvideo.engines import reference
from tests.rtvideo.engines.geometries import BT709, GEOMETRIES, planes
from tests.rtvideo.kernels.compiled import anything

pytestmark = pytest.mark.gpu

LARGE = Geometry(1920, 1080, "nv", 8, BT709)
ODD = Geometry(1283, 717, "nv", 8, BT709)


def saved(description: Description, folder: Path) -> Model:
    values = {name: np.array(value) for name, value in networks.weights(description).items()}
    save_file(values, folder / "net.safetensors")
    (folder / "net.json").write_text(description.to_json())
    return models.find(str(folder / "net.json"))


def exact(model: Model, geometry: Geometry, frame: list[np.ndarray], strength: float, denoise: float) -> list:
    """Components before rounding, by float64 on the GPU."""
    assert model.description is not None and model.weights is not None
    net = RUAS(model.description).double()
    net.load_state_dict({k: torch.from_numpy(np.array(v)) for k, v in weights.read(model.weights).items()})
    rgb = torch.from_numpy(reference.to_rgb(geometry, frame))[None].cuda()
    net = net.cuda()
    with torch.no_grad():
        lit = net(rgb, strength, denoise) if denoise else net.illumination(rgb, strength).u
    return reference.from_rgb(geometry, lit[0].cpu().numpy())


def enhanced(
    model: Model, geometry: Geometry, frame: list[np.ndarray], settings: Settings, *, numbers: str = "f32"
) -> list[np.ndarray]:
    session = CudaSession(model, geometry, settings, numbers=numbers)
    session.submit(frame, out := geometry.empty())
    session.flush()
    assert session.receive() is out
    session.close()
    return reference.split(geometry, out)


def check(name: str, geometry: Geometry, denoise: float) -> None:
    model, frame = models.find(name), planes(geometry, 1)
    made = enhanced(model, geometry, frame, Settings(0.8, denoise))
    tolerance = 0.5 + 4e-5 * (1 << geometry.depth)
    for a, b in zip(made, exact(model, geometry, frame, 0.8, denoise), strict=True):
        assert np.abs(a - b).max() <= tolerance


@pytest.mark.parametrize("denoise", [0.0, 1.0])
@pytest.mark.parametrize("geometry", [*GEOMETRIES[:2], ODD, LARGE], ids=str)
@pytest.mark.parametrize("name", models.names())
def test_shipped_models_are_within_a_code(name: str, geometry: Geometry, denoise: float) -> None:
    check(name, geometry, denoise)


# Every kind of frames is compiled for by itself, which takes seconds.
@pytest.mark.parametrize("geometry", GEOMETRIES[2:], ids=str)
def test_other_kinds_of_frames_are_within_a_code(geometry: Geometry) -> None:
    check("night", geometry, 0.0)


@pytest.mark.parametrize(
    ("name", "numbers"), [*((name, "f16") for name in models.names()), ("night", "tensor")]
)
def test_half_precision_is_within_two_codes(name: str, numbers: str) -> None:
    model, frame = models.find(name), planes(LARGE, 2)
    made = enhanced(model, LARGE, frame, Settings(1.0, 1.0), numbers=numbers)
    for a, b in zip(made, exact(model, LARGE, frame, 1.0, 1.0), strict=True):
        assert np.abs(a - b).max() <= 2.5


@pytest.mark.parametrize("description", [*networks.ALL, *map(anything, (0, 4, 6, 10))], ids=lambda d: d.name)
def test_any_network_is_within_a_code(description: Description, tmp_path: Path) -> None:
    model, frame = saved(description, tmp_path), planes(ODD, 3)
    denoise = 1.0 if description.noise else 0.0
    made = enhanced(model, ODD, frame, Settings(1.0, denoise))
    for a, b in zip(made, exact(model, ODD, frame, 1.0, denoise), strict=True):
        assert np.abs(a - b).max() <= 0.51


def test_the_same_frame_gives_the_same_bytes_whatever_came_before() -> None:
    model = models.find("night")
    session = CudaSession(model, LARGE, Settings(1.0, 1.0))
    frames, results = [planes(LARGE, seed) for seed in (1, 2)], []
    for k in (0, 1, 0, 0, 1):
        session.submit(frames[k], out := LARGE.empty())
        session.flush()
        session.receive()
        results.append((k, out))
    session.close()
    for k, out in results[2:]:
        first = next(o for j, o in results if j == k)
        assert all(np.array_equal(a, b) for a, b in zip(first, out, strict=True))


def test_sessions_give_their_memory_back() -> None:
    device = CudaDevice()
    device.use()
    before, _ = device.call("cuMemGetInfo")
    for _ in range(5):
        CudaSession(models.find("night"), LARGE, Settings(1.0, 1.0)).close()
    after, _ = device.call("cuMemGetInfo")
    assert int(before) - int(after) < 64 << 20


def test_bands_make_the_very_same_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    model, frame = models.find("night"), planes(ODD, 4)
    whole = enhanced(model, ODD, frame, Settings(1.0, 1.0))
    monkeypatch.setattr(launch, "whole", lambda source, w, h: launch.in_bands(source, w, h, 128))
    bands = enhanced(model, ODD, frame, Settings(1.0, 1.0))
    assert all(np.array_equal(a, b) for a, b in zip(whole, bands, strict=True))
