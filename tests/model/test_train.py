import dataclasses
import json
import math
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

import model
from model import data, genotypes, objectives, train, trainer
from model.recipes import EXPOSURE, NIGHT
from rtvideo.errors import ExitCode

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six smooth scenes; the low ones are dark and noisy."""
    folder = tmp_path_factory.mktemp("pairs")
    random = np.random.default_rng(0)
    for side in ("low", "high"):
        (folder / side).mkdir()
    for n in range(6):
        high = cv2.resize(random.random((4, 4, 3)), (40, 32), interpolation=cv2.INTER_CUBIC).clip(0, 1)
        low = (0.15 * high + 0.01 * random.standard_normal(high.shape)).clip(0, 1)
        for side, image in (("low", low), ("high", high)):
            cv2.imwrite(str(folder / side / f"{n}.png"), (image * 255).astype(np.uint8))
    return folder


def words(pairs: Path, out: Path, *more: str) -> list[str]:
    small = ["--crop", "24", "--batch", "2", "--threads", "1", "--device", "cpu", "--held-out", "0.3"]
    return ["--pairs", str(pairs), "--out", str(out), *small, *more]


def run(pairs: Path, out: Path, *more: str) -> int:
    return train.main(words(pairs, out, *more))


@pytest.mark.parametrize("recipe", ["selftaught", "night", "ruas"])
def test_writes_checkpoint_and_card(pairs: Path, tmp_path: Path, recipe: str) -> None:
    out = tmp_path / "deep" / "net"
    assert run(pairs, out, "--recipe", recipe, "--steps", "6", "--every", "3", "--seed", "5") == 0
    assert sorted(p.name for p in out.parent.iterdir()) == ["net.card.json", "net.json", "net.safetensors"]
    card = json.loads((out.parent / "net.card.json").read_text())
    assert card["seed"] == 5
    assert card["command"].startswith("python -m model.train --pairs")
    assert card["data"]["files"] == 12
    assert len(card["data"]["sha256"]) == 64
    assert card["data"]["held_out"] == 2
    assert [row["step"] for row in card["history"]] == [3, 6]
    assert card["scores"] == min(card["history"], key=lambda row: row["loss"])
    assert {"psnr", "ssim", "iem_psnr", "iem_ssim"} <= set(card["scores"])
    assert card["versions"]["torch"] == torch.__version__
    net = model.load(out)
    assert net.description.name == "net"


@pytest.mark.slow
def test_learns(pairs: Path, tmp_path: Path) -> None:
    assert run(pairs, tmp_path / "net", "--steps", "40", "--every", "4") == 0
    history = json.loads((tmp_path / "net.card.json").read_text())["history"]
    assert history[-1]["loss"] < 0.9 * history[0]["loss"]
    assert history[-1]["psnr"] > history[0]["psnr"]


def test_best_checkpoint_is_the_one_kept(
    pairs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    losses, weights = iter([3.0, 1.0, 2.0, 4.0]), []

    def evaluate(net: model.RUAS, *_: object) -> trainer.Scores:
        weights.append({name: t.clone() for name, t in net.state_dict().items()})
        return {"loss": next(losses)}

    monkeypatch.setattr(trainer, "evaluate", evaluate)
    assert run(pairs, tmp_path / "net", "--steps", "8", "--every", "2") == 0
    assert json.loads((tmp_path / "net.card.json").read_text())["scores"] == {"step": 4, "loss": 1.0}
    kept = model.load(tmp_path / "net").state_dict()
    assert all(torch.equal(kept[name], weights[1][name]) for name in kept)
    assert not all(torch.equal(kept[name], weights[3][name]) for name in kept)


def test_what_a_recipe_fixes_is_not_learned(pairs: Path, tmp_path: Path) -> None:
    assert run(pairs, tmp_path / "net", "--steps", "4") == 0
    weights = model.load(tmp_path / "net").state_dict()
    assert weights["illumination.chroma_knee"].item() == pytest.approx(math.log(8 / 255))
    assert weights["illumination.rolloff_knee"].sigmoid().item() == pytest.approx(0.7)


def test_an_unfaded_network_lights_light_frames_while_it_learns_alone(
    pairs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    light, lit_while_learning = torch.full((1, 3, 16, 16), 0.6), []

    def evaluate(net: model.RUAS, *_: object) -> trainer.Scores:
        lit_while_learning.append(net.illumination(light).u)
        return {"loss": 0.0}

    monkeypatch.setattr(trainer, "evaluate", evaluate)
    assert run(pairs, tmp_path / "net", "--recipe", "selftaught", "--steps", "1") == 0
    assert not torch.allclose(lit_while_learning[0], light, atol=0.01)
    torch.testing.assert_close(model.load(tmp_path / "net").illumination(light).u, light)


def test_a_network_learns_with_the_floor_of_its_recipe_and_is_kept_with_its_own(
    pairs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    floors = []

    def evaluate(net: model.RUAS, *_: object) -> trainer.Scores:
        floors.append(net.description.illumination.signal_floor)
        return {"loss": 0.0}

    monkeypatch.setattr(trainer, "evaluate", evaluate)
    assert run(pairs, tmp_path / "net", "--recipe", "night", "--steps", "1") == 0
    kept = model.load(tmp_path / "net").description.illumination.signal_floor
    assert (floors[0], kept) == (NIGHT.learned_floor, NIGHT.description.illumination.signal_floor)
    assert 0 < floors[0] < kept


def test_threads_do_not_change_the_result(pairs: Path, tmp_path: Path) -> None:
    for threads in ("1", "3"):
        small = ("--name", "same", "--steps", "4", "--batch", "5", "--threads", threads)
        assert run(pairs, tmp_path / threads, *small) == 0
    assert (tmp_path / "1.safetensors").read_bytes() == (tmp_path / "3.safetensors").read_bytes()


@pytest.mark.slow
def test_killed_and_resumed_equals_uninterrupted(pairs: Path, tmp_path: Path) -> None:
    schedule = ("--steps", "80", "--every", "5", "--crop", "16", "--batch", "1")
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    name = ("--name", "same")
    assert run(pairs, whole, *schedule, *name) == 0
    command = [sys.executable, "-m", "model.train", *words(pairs, killed, *schedule, *name)]
    process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL)
    state = tmp_path / "killed.state"
    while not state.exists() and process.poll() is None:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    done = torch.load(state, weights_only=True)["step"]
    assert 5 <= done < 80
    assert run(pairs, killed, *schedule, *name) == 0
    assert (tmp_path / "killed.safetensors").read_bytes() == (tmp_path / "whole.safetensors").read_bytes()
    cards = [json.loads((tmp_path / f"{n}.card.json").read_text()) for n in ("whole", "killed")]
    assert cards[0]["history"] == cards[1]["history"]
    assert not state.exists()


@pytest.mark.slow
def test_state_of_another_command_is_refused(
    pairs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "net"
    advance = trainer.Trainer.advance

    def interrupted(self: trainer.Trainer) -> float:
        if self.step == 5:
            raise KeyboardInterrupt
        return advance(self)

    schedule = ("--steps", "8", "--every", "2")
    with monkeypatch.context() as patch:
        patch.setattr(trainer.Trainer, "advance", interrupted)
        assert run(pairs, out, *schedule) == ExitCode.INTERRUPTED
    assert (tmp_path / "net.state").exists()
    assert (tmp_path / "net.safetensors").exists()
    for change, name in (
        (("--seed", "1"), "its seed is 0 there, 1 here"),
        (("--batch", "3"), "its batch is 2 there, 3 here"),
        (("--recipe", "ruas"), "recipe differs"),
        (("--learning-rate", "0.5"), "recipe differs"),
    ):
        capsys.readouterr()
        assert run(pairs, out, *schedule, *change) == ExitCode.USAGE
        assert name in capsys.readouterr().err
    assert run(pairs, out, *schedule) == 0
    # Finished: neither repeated nor replaced unless told.
    assert run(pairs, out, *schedule) == ExitCode.USAGE
    assert "replace it with --overwrite" in capsys.readouterr().err
    assert run(pairs, out, *schedule, "--overwrite") == 0


def test_a_checkpoint_is_learned_on_from_its_own_weights(
    pairs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    first, began = tmp_path / "first", []
    assert run(pairs, first, "--steps", "2") == 0
    advance = trainer.Trainer.advance

    def watched(self: trainer.Trainer) -> float:
        began.append({name: weights.clone() for name, weights in self.net.state_dict().items()})
        return advance(self)

    monkeypatch.setattr(trainer.Trainer, "advance", watched)
    assert run(pairs, tmp_path / "second", "--begin", str(first), "--steps", "1") == 0
    assert all(torch.equal(w, began[0][name]) for name, w in model.load(first).state_dict().items())
    cards = [json.loads((tmp_path / f"{name}.card.json").read_text()) for name in ("first", "second")]
    assert cards[0]["first_weights"] == "random" and len(cards[1]["first_weights"]) == 64
    assert cards[0]["first_training"] == {}
    assert cards[1]["first_training"]["command"] == cards[0]["command"]

    (tmp_path / "first.card.json").write_text("{")
    assert run(pairs, tmp_path / "none", "--begin", str(first)) == ExitCode.UNAVAILABLE
    assert "first.card.json: not a model card" in capsys.readouterr().err
    assert not list(tmp_path.glob("none*"))  # said before the first step
    assert run(pairs, tmp_path / "none", "--begin", str(tmp_path / "missing")) == ExitCode.UNAVAILABLE
    assert "missing.json" in capsys.readouterr().err
    assert run(pairs, tmp_path / "none", "--begin", str(first), "--recipe", "ruas") == ExitCode.UNAVAILABLE
    assert "the model needs" in capsys.readouterr().err or "tensor" in capsys.readouterr().err


def test_damaged_state(pairs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "net.state").write_bytes(b"nothing")
    assert run(pairs, tmp_path / "net", "--steps", "2") == ExitCode.UNAVAILABLE
    assert "not a training state" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--recipe", "night", "--data", "{pairs}"], ExitCode.USAGE, "learns from pairs; give --pairs"),
        (["--recipe", "exposure", "--pairs", "{pairs}"], ExitCode.USAGE, "give --begin FILE"),
        ([], ExitCode.USAGE, "nothing to learn from"),
        (["--data", "no/such"], ExitCode.INPUT, "no such folder"),
        (["--data", "{pairs}", "--device", "tpu"], ExitCode.USAGE, "allowed: auto, cpu, cuda"),
        (["--data", "{pairs}", "--device", "cuda:99"], ExitCode.UNAVAILABLE, "cuda:99 is not there"),
        (["--data", "{pairs}", "--genotype", "no/file"], ExitCode.INPUT, "cannot be read"),
    ],
)
def test_mistakes_are_one_line(
    pairs: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    code: ExitCode,
    message: str,
) -> None:
    filled = [a.format(pairs=pairs) for a in arguments]
    assert train.main(["--out", str(tmp_path / "net"), *filled]) == code
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error: ")]
    assert len(lines) == 1
    assert message in lines[0]
    assert list(tmp_path.iterdir()) == []


def test_genotype_file_replaces_the_genotypes(pairs: Path, tmp_path: Path) -> None:
    single = genotypes.single("conv1")
    genotypes.write(tmp_path / "g.txt", {"iem": single})
    data = ["--data", str(pairs / "low"), "--crop", "16", "--steps", "1"]
    code = train.main([*data, "--out", str(tmp_path / "net"), "--genotype", str(tmp_path / "g.txt")])
    assert code == 0
    description = model.load(tmp_path / "net").description
    assert description.illumination.genotype == single
    assert description.noise is not None
    assert description.noise.genotype == genotypes.AUTHORS_NRM


@pytest.mark.slow
def test_photographs_alone_of_any_size_teach_the_default_recipe(pairs: Path, tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    shutil.copytree(pairs / "low", photos)
    for size in (8, 9, 50):
        cv2.imwrite(str(photos / f"{size}.jpg"), np.full((size, 61 - size), 20, np.uint8))
    words = ["--data", str(photos), "--out", str(tmp_path / "net"), "--steps", "20", "--every", "5"]
    assert train.main([*words, "--device", "cpu", "--threads", "1"]) == 0
    card = json.loads((tmp_path / "net.card.json").read_text())
    assert "reference-free" in card["summary"]
    assert not objectives.needs_reference(card["recipe"]["losses"])
    assert card["history"][-1]["loss"] < card["history"][0]["loss"]
    dark = torch.full((1, 3, 40, 32), 0.1)
    assert model.load(tmp_path / "net")(dark).mean() > 0.2


def test_kinds_are_made_of_references_once_a_scene(pairs: Path) -> None:
    items = data.paired([pairs], data.Reader())
    again = [dataclasses.replace(item, name="another exposure") for item in items]
    found = trainer.kinds(NIGHT, items + again, seed=0)
    assert {kind: len(some) for kind, some in found.items()} == {"given": 12, "lit": 6, "night": 6}
    for lit, night, item in zip(found["lit"], found["night"], items, strict=True):
        assert item.high is not None and night.high is not None
        assert lit.low is lit.high
        assert 0.7 * item.high.mean() < lit.low.mean() <= item.high.mean()
        assert night.low.mean() < night.high.mean()


@pytest.mark.parametrize("kind", ["given", "panoramas"])
def test_panoramas_teach_light_and_leave_noise_removal_as_it_is(pairs: Path, kind: str) -> None:
    """Kinds of which there are no images do not count."""
    recipe = dataclasses.replace(EXPOSURE, steps=4, batch=2, crop=24)
    items = data.paired([pairs], data.Reader())
    trained = trainer.Trainer(
        trainer.TrainConfig(
            recipe=recipe, train={kind: items, "night": []}, held=items, fingerprint=data.Fingerprint(0, ""),
            out=pairs / "unused",
        )
    )  # fmt: skip
    before = {name: weights.clone() for name, weights in trained.net.named_parameters()}
    for _ in range(3):
        trained.advance()
    changed = {name.split(".")[0] for name, w in trained.net.named_parameters() if not w.equal(before[name])}
    assert changed == ({"illumination"} if kind == "panoramas" else {"illumination", "noise"})


def test_importing_the_package_is_light() -> None:
    code = "import sys, model, model.genotypes, model.recipes; print('torch' in sys.modules)"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment)
    assert done.stdout.strip() == "False", done.stderr


def test_a_searched_network_replaces_the_recipes(
    pairs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    noise = dataclasses.replace(NIGHT.description.noise, channels=4, stages=2)
    found = dataclasses.replace(NIGHT.description, noise=noise)
    (tmp_path / "network.json").write_text(found.to_json())
    words = ["--data", str(pairs / "low"), "--crop", "16", "--steps", "1", "--out", str(tmp_path / "net")]
    words += ["--network", str(tmp_path / "network.json")]
    assert train.main(words) == 0
    assert model.load(tmp_path / "net").description == dataclasses.replace(found, name="net")
    capsys.readouterr()
    assert train.main([*words, "--genotype", "g.txt"]) == ExitCode.USAGE
    assert "give it or --genotype, not both" in capsys.readouterr().err
