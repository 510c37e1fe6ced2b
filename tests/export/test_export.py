# ruff: noqa: E402 (what may be missing is asked for before it is imported)
from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from rtvideo.errors import UnavailableError
from rtvideo.models import VARIANTS, find
from rtvideo.models.description import Description
from tests.helpers import networks

for library in ("torch", "onnx", "onnxruntime", "safetensors"):
    pytest.importorskip(library, reason=f"{library} is not installed")

import torch

from export import __main__ as command
from export import bf16, parity
from export.onnx.network import build
from model.checkpoint import save
from model.ruas import RUAS

SMALL = ((1, 1), (7, 5), (33, 17), (40, 64))


def network(description: Description, seed: int = 0) -> RUAS:
    net = RUAS(description)
    values = networks.weights(description, seed)
    net.load_state_dict({name: torch.from_numpy(np.asarray(value)) for name, value in values.items()})
    return net


@pytest.fixture
def checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(parity.check, "__defaults__", (SMALL,))
    monkeypatch.setattr(bf16, "SIZE", (64, 48))
    path = tmp_path / "trained" / "night.safetensors"
    save(network(networks.NIGHT), path)
    return path


@pytest.mark.parametrize("description", networks.ALL, ids=lambda d: d.name)
def test_every_form_agrees_with_torch(description: Description) -> None:
    values = networks.weights(description)
    variants = {
        f"{'iem+nrm' if denoise else 'iem'}{'.fp16' if half else ''}": build(
            description, values, denoise=denoise, half=half
        )
        for denoise in ((False, True) if description.noise else (False,))
        for half in (False, True)
    }
    found = parity.check(network(description), variants, SMALL)
    assert found.keys() == variants.keys()
    assert all(difference.worst > 0 for difference in found.values())


@pytest.mark.parametrize("variant", ["iem", "iem.fp16"])
@pytest.mark.parametrize("value", [0.05, float("nan")])
def test_another_network_does_not_pass(variant: str, value: float) -> None:
    values = networks.weights(networks.RUAS)
    values["illumination.cells.1.c5.bias"] = values["illumination.cells.1.c5.bias"] + np.float32(value)
    model = build(networks.RUAS, values, denoise=False, half="fp16" in variant)
    with pytest.raises(parity.ParityError, match=f"{variant} differs from torch by"):
        parity.check(network(networks.RUAS), {variant: model}, SMALL)


def test_half_precision_is_at_the_ends_and_in_the_cells() -> None:
    from onnx import TensorProto

    model = build(networks.NIGHT, networks.weights(networks.NIGHT), denoise=True, half=True)
    types = {constant.name: constant.data_type for constant in model.graph.initializer}
    for name, kind in types.items():
        if name.startswith(("illumination.cells", "noise.")):
            assert kind == TensorProto.FLOAT16, name
        elif name.startswith("illumination."):
            assert kind == TensorProto.FLOAT, name
    kinds = {v.name: v.type.tensor_type.elem_type for v in (*model.graph.input, *model.graph.output)}
    assert {name for name, kind in kinds.items() if kind == TensorProto.FLOAT16} == {"image", "enhanced"}
    assert kinds["strength"] == kinds["denoise"] == TensorProto.FLOAT


def test_weights_that_do_not_fit_are_named() -> None:
    values = networks.weights(networks.NIGHT)
    values["illumination.cells.0.c4.op.weight"] = np.zeros((3, 3, 1, 1), np.float32)
    del values["noise.stem.bias"]
    with pytest.raises(UnavailableError, match=r"illumination\.cells\.0\.c4\.op\.weight, noise\.stem\.bias"):
        build(networks.NIGHT, values, denoise=False)


@pytest.mark.slow
def test_the_command_writes_a_store(
    checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    checkpoint.with_name("night.card.json").write_text('{"seed": 7}')
    out = tmp_path / "store"
    assert command.main(["--to", "onnx", str(checkpoint), "--out", str(out), "--name", "dusk"]) == 0
    files = {f"dusk.{variant}.onnx" for variant in VARIANTS}
    assert {path.name for path in out.iterdir()} == files | {
        "dusk.json",
        "dusk.card.json",
        "dusk.safetensors",
    }
    assert capsys.readouterr().out.count("\n") == 7
    model = find(str(out / "dusk.json"))
    assert model.description is not None
    assert model.description.name == "dusk"
    assert model.card["seed"] == 7
    assert set(model.card["export"]["difference_from_torch_f64"]) == set(VARIANTS)
    for variant in VARIANTS:
        assert (out / f"dusk.{variant}.onnx").stat().st_size < 64_000
    alone = find(str(out / "dusk.iem.onnx"))
    assert alone.description == model.description
    assert alone.card == {"seed": 7}


@pytest.mark.slow
def test_the_same_checkpoint_gives_the_same_bytes(checkpoint: Path, tmp_path: Path) -> None:
    for out in ("a", "b"):
        assert command.main(["--to", "onnx", str(checkpoint), "--out", str(tmp_path / out)]) == 0
    for path in (tmp_path / "a").iterdir():
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes(), path.name


def test_a_network_that_differs_leaves_nothing(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(parity, "F32", parity.Tolerance(0.0, 0.0))
    out = tmp_path / "store"
    assert command.main(["--to", "onnx", str(checkpoint), "--out", str(out)]) == 1
    error = capsys.readouterr().err
    assert error.startswith("error: iem differs from torch") and error.count("\n") == 1
    assert not out.exists()


def loud(noise: float) -> bf16.Accuracy:
    """What is measured for random weights whose noise removal does so much."""
    net = network(networks.NIGHT)
    with torch.no_grad():
        net.noise.head.weight.mul_(noise)
    found = bf16.measure(net, {k: v.float().numpy() for k, v in net.state_dict().items()})
    if found is None:
        pytest.skip("no bf16 instructions or no compiler here")
    return found


@pytest.mark.slow
def test_bf16_is_measured_on_the_weights_that_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bf16, "SIZE", (64, 48))
    quiet = loud(0.1)
    assert quiet.good and 0 < quiet.codes <= bf16.CODES and quiet.decibels >= bf16.DECIBELS
    far = loud(30.0)
    assert not far.good and far.codes > bf16.CODES and "denoise 1" in far.case


@pytest.mark.slow
def test_a_kernel_that_gives_nan_is_not_good(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bf16, "SIZE", (64, 48))
    monkeypatch.setattr(bf16, "run", lambda library, data, case: case.image[0] * np.float32("nan"))
    assert not loud(0.1).good


@pytest.mark.slow
@pytest.mark.parametrize(("codes", "decibels", "good"), [(2.0, 55.0, True), (2.1, 60, False), (1, 54, False)])
def test_the_card_says_whether_bf16_may_run(
    checkpoint: Path, codes: float, decibels: float, good: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = bf16.Accuracy(codes, decibels, "a frame")
    monkeypatch.setattr(bf16, "measure", lambda net, weights: found)
    assert command.main(["--to", "onnx", str(checkpoint)]) == 0
    card = find(str(checkpoint.with_suffix(".json"))).card
    assert card["bf16"] is good
    assert card["export"]["bf16_kernel"] == {"codes": codes, "decibels": decibels, "case": "a frame"}
    # What is exported again is the same, though the card beside it has grown.
    before = {path.name: path.read_bytes() for path in checkpoint.parent.iterdir()}
    assert command.main(["--to", "onnx", str(checkpoint)]) == 0
    assert before == {path.name: path.read_bytes() for path in checkpoint.parent.iterdir()}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["missing.safetensors"], 7, "no such checkpoint"),
        (["{}", "--name", "a.b"], 2, "without dots"),
        (["{}", "--genotype", "g"], 2, "leave --genotype out"),
        (["{}", "--out", "/proc/nowhere"], 6, "cannot be written"),
    ],
)
def test_mistakes_are_one_line(
    checkpoint: Path, arguments: list[str], code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command.main(["--to", "onnx", *(a.format(checkpoint) for a in arguments)]) == code
    error = capsys.readouterr().err
    assert said in error and error.count("\n") == 1


@pytest.mark.slow
def test_a_released_checkpoint_is_exported(checkpoint: Path, tmp_path: Path) -> None:
    from model.genotypes import write

    ours = network(networks.RELEASED).state_dict()
    rename = {
        "illumination.cells.": "enhance_net.iems.",
        "noise.cells.": "denoise_net.nrms.",
        "noise.stem.": "denoise_net.stem.",
        "noise.head.": "denoise_net.activate.0.",
    }
    theirs = {}
    for name, tensor in ours.items():
        for prefix, other in rename.items():
            if name.startswith(prefix):
                key = name.replace(prefix, other)
                if other == "enhance_net.iems.":
                    key = key[: len(other) + 2] + "cell." + key[len(other) + 2 :]
                theirs[key] = tensor
    torch.save(theirs, tmp_path / "lol.pt")
    write(tmp_path / "genotype", {"iem": networks.IEM, "nrm": networks.NRM})
    options = ["--out", str(tmp_path / "store"), "--genotype", str(tmp_path / "genotype")]
    assert command.main(["--to", "onnx", str(tmp_path / "lol.pt"), *options]) == 0
    description = json.loads((tmp_path / "store" / "lol.json").read_text())
    assert description["illumination"]["parameterisation"] == "released"
