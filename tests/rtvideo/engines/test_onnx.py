from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from rtvideo.colour import Coding, Matrix
from rtvideo.engines.opening import open_session
from rtvideo.engines.session import Settings
from rtvideo.errors import UnavailableError, UsageError
from rtvideo.frame import Geometry
from rtvideo.models import Model, find
from tests.helpers import networks
from tests.rtvideo.engines import reference

pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
pytest.importorskip("onnx", reason="onnx is not installed")

SMALL = Geometry(37, 23, "yuv", 8, Coding(Matrix.SMPTE170M, False), (1, 1))


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return find(str(networks.store(tmp_path_factory.mktemp("store"), networks.NIGHT)))


def dark_frame(geometry: Geometry, seed: int = 0) -> list[np.ndarray]:
    """A dark picture with a gradient, a light and noise, in gamut and legal."""
    rng = np.random.default_rng(seed)
    ramp = np.linspace(0.05, 0.25, geometry.width, dtype=np.float64)
    rgb = ramp * np.array([1, 0.9, 0.8])[:, None, None] + rng.normal(0, 0.01, (3, geometry.height, 1))
    rgb[:, : geometry.height // 4, : geometry.width // 4] = 0.9
    planes = geometry.empty()
    shift = 16 - geometry.depth if geometry.msb and geometry.depth > 8 else 0
    parts = [np.rint(part).astype(np.int64) << shift for part in reference.from_rgb(geometry, rgb.clip(0, 1))]
    if geometry.layout == "nv":
        planes[0][:], planes[1][:, 0::2], planes[1][:, 1::2] = parts
    elif geometry.layout == "rgb":
        for c in range(3):
            planes[0][:, c::3] = parts[c]
    else:
        for plane, part in zip(planes, parts, strict=True):
            plane[:] = part
    return planes


def enhance(
    model: Model, geometry: Geometry, planes: list[np.ndarray], settings: Settings
) -> list[np.ndarray]:
    session = open_session(model, geometry, settings, threads=1)
    out = geometry.empty()
    session.submit(planes, out)
    assert session.receive() is out
    assert session.receive() is None
    session.close()
    session.close()
    return out


@pytest.mark.parametrize(
    "geometry",
    [
        SMALL,
        dataclasses.replace(SMALL, layout="nv", depth=10, msb=True),
        dataclasses.replace(SMALL, depth=10, chroma=(1, 0), coding=Coding(Matrix.BT709, True)),
        Geometry(16, 9, "rgb", 8, Coding(Matrix.RGB, True)),
        Geometry(16, 9, "rgb", 16, Coding(Matrix.RGB, True)),
        Geometry(1, 1, "gray", 8, Coding(Matrix.BT709, True)),
    ],
    ids=str,
)
@pytest.mark.parametrize("settings", [Settings(1, 0), Settings(1, 1), Settings(0.5, 0.7)], ids=str)
def test_planes_to_planes_is_torch_in_double_precision(
    night: Model, geometry: Geometry, settings: Settings
) -> None:
    torch = pytest.importorskip("torch", reason="torch is not installed")
    from model.ruas import RUAS

    net = RUAS(networks.NIGHT).double()
    values = networks.weights(networks.NIGHT)
    net.load_state_dict({k: torch.from_numpy(np.asarray(v)).double() for k, v in values.items()})
    planes = dark_frame(geometry)
    rgb = torch.from_numpy(reference.to_rgb(geometry, planes))[None]
    with torch.inference_mode():
        wanted = reference.from_rgb(geometry, net(rgb, settings.strength, settings.denoise)[0].numpy())

    got = reference.split(geometry, enhance(night, geometry, planes, settings))
    assert np.abs(got[0] - reference.split(geometry, planes)[0]).max() > 2  # it does something at all
    slack = 0.5 + 1e-5 * (1 << geometry.depth)
    for part, exact in zip(got, wanted, strict=True):
        assert np.abs(part - exact).max() <= slack


def test_strength_zero_hands_planes_through_bit_for_bit(night: Model) -> None:
    rng = np.random.default_rng(0)
    planes = [rng.integers(0, 256, like.shape).astype(np.uint8) for like in SMALL.empty()]
    for out, plane in zip(enhance(night, SMALL, planes, Settings(0, 1)), planes, strict=True):
        np.testing.assert_array_equal(out, plane)


def test_settings_count_from_the_next_frame_on(night: Model) -> None:
    planes = dark_frame(SMALL)
    settings = Settings(1, 0)
    session = open_session(night, SMALL, settings, threads=1)
    outs = []
    for strength, denoise in ((1.0, 0.0), (1.0, 1.0), (0.3, 0.0), (0.0, 0.0), (1.0, 0.0)):
        settings.strength, settings.denoise = strength, denoise
        outs.append(SMALL.empty())
        session.submit(planes, outs[-1])
    session.flush()
    assert [session.receive() is out for out in outs] == [True] * 5
    means = [float(out[0].mean()) for out in outs]
    assert means[3] < means[2] < means[0]
    assert not np.array_equal(outs[0][0], outs[1][0])
    np.testing.assert_array_equal(outs[0][0], outs[4][0])


def test_planes_of_another_shape_are_refused(night: Model) -> None:
    session = open_session(night, SMALL, Settings())
    wrong = dataclasses.replace(SMALL, width=38).empty()
    with pytest.raises(ValueError, match=r"uint8\[23, 38\].*opened for uint8\[23, 37\]"):
        session.submit(wrong, SMALL.empty())
    with pytest.raises(ValueError, match="uint16"):
        session.submit(SMALL.empty(), dataclasses.replace(SMALL, depth=10).empty())


@pytest.mark.parametrize("settings", [Settings(1.5, 0), Settings(1, -0.1), Settings(float("nan"), 0)])
def test_settings_out_of_range_are_refused(night: Model, settings: Settings) -> None:
    with pytest.raises(UsageError, match=r"allowed: a number from 0 to 1"):
        open_session(night, SMALL, settings)


def test_a_model_without_noise_removal_says_so(tmp_path: Path) -> None:
    model = find(str(networks.store(tmp_path, networks.FINE)))
    with pytest.raises(UsageError, match="no noise removal; use --denoise off"):
        open_session(model, SMALL, Settings(1, 0.5))


def test_a_single_file_of_ours_is_a_model(tmp_path: Path, night: Model) -> None:
    networks.store(tmp_path, networks.NIGHT)
    alone = find(str(tmp_path / "night.iem+nrm.onnx"))
    assert alone.description == networks.NIGHT
    assert alone.card == {"seed": 0}
    planes = dark_frame(SMALL)
    for settings in (Settings(0.8, 1), Settings(0.8, 0)):
        for a, b in zip(
            enhance(alone, SMALL, planes, settings), enhance(night, SMALL, planes, settings), strict=True
        ):
            np.testing.assert_allclose(a.astype(int), b, atol=1)


def test_a_foreign_network_is_a_peer_without_strength(tmp_path: Path) -> None:
    from onnx import TensorProto, helper

    def save(path: Path, channels: int) -> None:
        value = [
            helper.make_tensor_value_info(n, TensorProto.FLOAT, [1, channels, "h", "w"]) for n in ("x", "y")
        ]
        graph = helper.make_graph([helper.make_node("Sqrt", ["x"], ["y"])], "root", value[:1], value[1:])
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
        path.write_bytes(model.SerializeToString())

    save(tmp_path / "root.onnx", 3)
    model = find(str(tmp_path / "root.onnx"))
    assert model.description is None
    planes = dark_frame(SMALL)
    wanted = reference.from_rgb(SMALL, np.sqrt(reference.to_rgb(SMALL, planes)))
    for got, exact in zip(enhance(model, SMALL, planes, Settings(1, 0)), wanted, strict=True):
        assert np.abs(got - exact).max() <= 0.51
    with pytest.raises(UsageError, match="no adjustable strength"):
        open_session(model, SMALL, Settings(0.5, 0))
    save(tmp_path / "one.onnx", 1)
    with pytest.raises(UnavailableError, match=r"one\.onnx"):
        enhance(find(str(tmp_path / "one.onnx")), SMALL, planes, Settings(1, 0))


def test_a_damaged_network_is_one_line(tmp_path: Path) -> None:
    path = networks.store(tmp_path, networks.NIGHT)
    network = tmp_path / "night.iem.onnx"
    network.write_bytes(network.read_bytes()[:2000])
    with pytest.raises(UnavailableError, match=r"night\.iem\.onnx: not a network") as caught:
        open_session(find(str(path)), SMALL, Settings())
    assert "\n" not in str(caught.value)


def test_it_says_what_runs(night: Model) -> None:
    assert str(open_session(night, SMALL, Settings(), threads=1)) == "onnx cpu, 1 thread"
    assert str(open_session(night, SMALL, Settings(), threads=2)) == "onnx cpu, 2 threads"
