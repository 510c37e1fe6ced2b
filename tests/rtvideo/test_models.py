from __future__ import annotations

import dataclasses
import json
import math
from pathlib import Path

import pytest

import rtvideo.models
from rtvideo.errors import UnavailableError, UsageError
from rtvideo.models import VARIANTS, find, names
from rtvideo.models.description import Description
from rtvideo.models.files import SIZE_LIMIT, read_network
from rtvideo.models.shapes import multiply_adds, shapes
from tests.helpers import networks


@pytest.fixture
def shipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that takes the place of the shipped models."""
    monkeypatch.setattr(rtvideo.models, "_SHIPPED", tmp_path)
    (tmp_path / "night.json").write_text(networks.NIGHT.to_json())
    (tmp_path / "night.card.json").write_text('{"scores": {"psnr": 19}}')
    (tmp_path / "night.iem.onnx").write_bytes(b"x")
    (tmp_path / "day.json").write_text(networks.FINE.to_json())
    return tmp_path


def test_shipped_models_go_by_name(shipped: Path) -> None:
    assert names() == ["day", "night"]
    night = find("night")
    assert (night.name, night.description, night.has_denoise) == ("night", networks.NIGHT, True)
    assert night.card == {"scores": {"psnr": 19}}
    assert night.network(denoise=False) == shipped / "night.iem.onnx"
    assert not find("day").has_denoise
    assert find("day").card == {}


def test_a_missing_network_says_how_to_write_it(shipped: Path) -> None:
    with pytest.raises(UnavailableError, match="python -m export"):
        find("night").network(denoise=True)
    with pytest.raises(UsageError, match="model day has no noise removal"):
        find("day").network(denoise=True)


@pytest.mark.parametrize("name", ["nigth", "missing.onnx", "missing.json", "", "."])
def test_an_unknown_model_lists_the_known(shipped: Path, name: str) -> None:
    with pytest.raises(UsageError, match="shipped: day, night") as caught:
        find(name)
    assert repr(name) in str(caught.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [("{", "not a model description"), ("[]", "not a model description"), ("\xff", "not text")],
)
def test_a_bad_description_is_named(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "bad.json"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(UnavailableError, match=said) as caught:
        find(str(path))
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("scale", [3, 0, True, 2.0, "2"])
def test_noise_removal_is_at_full_or_half_size(tmp_path: Path, scale: object) -> None:
    raw = json.loads(networks.HALF.to_json())
    raw["noise"]["scale"] = scale
    path = tmp_path / "bad.json"
    path.write_text(json.dumps(raw))
    with pytest.raises(UnavailableError, match=rf"scale: {scale!r}; allowed: 1, 2"):
        find(str(path))


def test_a_description_of_version_1_means_what_it_did() -> None:
    plain = dataclasses.replace(networks.NIGHT.illumination, rolloff=False, fade=(), fade_grey=())
    wanted = dataclasses.replace(networks.NIGHT, illumination=plain)
    old = json.loads(wanted.to_json())
    assert old["version"] == 2
    old["version"] = 1
    for field in ("rolloff", "fade", "fade_grey"):
        del old["illumination"][field]
    del old["noise"]["scale"]
    assert Description.from_json(json.dumps(old)) == wanted


@pytest.mark.parametrize("version", [0, 3, "2", True, None])
def test_another_version_of_descriptions_is_named(version: object) -> None:
    newer = json.loads(networks.NIGHT.to_json()) | {"version": version}
    with pytest.raises(UnavailableError, match=f"version {version!r}; this rtvideo reads 1 to 2"):
        Description.from_json(json.dumps(newer))


def test_a_bad_card_is_named(shipped: Path) -> None:
    (shipped / "night.card.json").write_text("[1]")
    with pytest.raises(UnavailableError, match=r"night\.card\.json: not a model card"):
        find("night")


def test_networks_are_bounded_and_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.onnx"
    path.write_bytes(b"\0" * (SIZE_LIMIT + 1))
    with pytest.raises(UnavailableError, match="larger than 16 MB"):
        read_network(path)
    with pytest.raises(UnavailableError, match="cannot be read"):
        read_network(tmp_path / "b.onnx")


def test_weights_in_other_files_are_refused(tmp_path: Path) -> None:
    onnx = pytest.importorskip("onnx", reason="onnx is not installed")
    path = tmp_path / "night.iem.onnx"
    networks.store(tmp_path, networks.NIGHT)
    assert read_network(path)
    model = onnx.load(path)
    onnx.save(model, path, save_as_external_data=True, location="weights", size_threshold=0)
    with pytest.raises(UnavailableError, match="weights in other files"):
        read_network(path)


@pytest.mark.parametrize("description", networks.ALL, ids=lambda d: d.name)
def test_shapes_and_cost_are_those_of_the_torch_network(description: networks.Description) -> None:
    pytest.importorskip("torch", reason="torch is not installed")
    from model.ruas import RUAS

    net = RUAS(description)
    assert shapes(description) == {name: tuple(t.shape) for name, t in net.state_dict().items()}
    assert sum(multiply_adds(description)) == pytest.approx(net.multiply_adds)


def test_illumination_gets_coarser_until_it_is_as_coarse_as_can_be() -> None:
    description, scales = networks.FINE, []
    while (coarser := description.coarser()) is not None:
        assert set(shapes(coarser)) <= set(shapes(description)), "the same weights serve"
        description = coarser
        scales.append(description.illumination.scales)
    assert scales == [(32, 8, 2), (32, 16, 4), (32, 32, 8), (32, 32, 16), (32, 32, 32)]
    coarser = networks.NIGHT.coarser()
    assert networks.NIGHT.noise is not None and coarser is not None and coarser.noise is None
    assert networks.RUAS.coarser() is None and networks.RELEASED.coarser() is None


@pytest.mark.parametrize("name", names())
def test_a_shipped_model_is_small_and_its_card_tells_where_it_comes_from(name: str) -> None:
    model = find(name)
    assert model.description is not None
    assert sum(math.prod(shape) for shape in shapes(model.description).values()) <= 3500
    assert set(model.networks) == set(VARIANTS)
    assert model.card["name"] == name
    assert model.card["command"].startswith("python -m model.train ")
    assert model.card["data"]["terms"] and model.card["summary"]
    assert {"seed", "scores", "recipe", "seconds"} <= set(model.card)
    assert "/work/" not in json.dumps(model.card) and "/tmp/" not in json.dumps(model.card)
