"""The command: what it writes, how it fails, and that a killed run ends where it would have."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from model import genotypes
from rtvideo.errors import ExitCode
from rtvideo.models.description import Description
from search.cooperative import PRICES, main
from search.price import Milliseconds
from search.searcher import STATE
from search.updates import Updates

ROOT = Path(__file__).resolve().parents[2]
TINY = ["--epochs", "2", "--crop", "12", "--inner", "1", "--threads", "1", "--device", "cpu"]


def line(capsys: pytest.CaptureFixture[str]) -> str:
    """Return the only line on stderr."""
    out, err = capsys.readouterr()
    assert out == ""
    [text] = err.splitlines()
    return text


@pytest.mark.slow
def test_it_writes_everything(photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "run"
    words = ["--data", str(photos), "--out", str(out), "--cost", "0.001", "--momentum", "sampled", *TINY]
    assert main(words) == ExitCode.DONE
    stdout, stderr = capsys.readouterr()

    found = genotypes.read(out / "genotype.txt")
    assert stdout == "".join(f"{part}: {' '.join(cell)}\n" for part, cell in found.items())
    assert f"written: {out / 'genotype.txt'}\n" in stderr
    assert set(found) == {"iem", "nrm"}
    assert "pass 1 of 2: train_t" in stderr and "s left" in stderr
    assert stderr.count("  iem: ") == 2 and f"  nrm: {' '.join(found['nrm'])}\n" in stderr

    history = json.loads((out / "history.json").read_text())
    assert [record["pass"] for record in history] == [1, 2]
    assert history[1]["genotypes"]["iem"] == list(found["iem"])
    alpha = torch.tensor(history[1]["alpha_iem"])
    assert tuple(genotypes.OPERATIONS[i] for i in alpha.argmax(1)) == found["iem"]

    card = json.loads((out / "card.json").read_text())
    assert card["finished"] and card["passes"] == 2 and card["settings"]["cost"] == 0.001
    assert card["command"].startswith("python -m search.cooperative --data")
    assert card["losses"] == history[1]["losses"]
    assert 0.5 < card["settings"]["momentum"] < 0.999
    assert card["data"]["files"] == 4 and len(card["data"]["sha256"]) == 64
    assert card["cost_table"]["iem"]["conv3"] == 81 and card["seconds"] > 0 and card["versions"]["torch"]

    maps = [cv2.imread(str(out / f"alpha{name}.png")) for name in ("_iem", "_nrm", "")]
    assert np.array_equal(np.hstack(maps[:2]), maps[2])


@pytest.mark.slow
def test_repeating_a_finished_search_changes_nothing(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--data", str(photos), "--out", str(tmp_path / "run"), *TINY]
    assert main(words) == ExitCode.DONE
    first = capsys.readouterr().out
    (tmp_path / "run" / "card.json").unlink()
    assert main(words) == ExitCode.DONE
    assert capsys.readouterr().out == first
    assert (tmp_path / "run" / "card.json").exists()


@pytest.mark.slow
def test_a_killed_search_ends_as_one_that_was_not(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def words(name: str) -> list[str]:
        return ["--data", str(photos), "--out", str(tmp_path / name), *TINY, "--epochs", "8"]

    command = [sys.executable, "-m", "search.cooperative", *words("killed")]
    process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE)
    state = tmp_path / "killed" / STATE
    deadline = time.monotonic() + 120
    while not state.exists() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)
    process.kill()
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    done = torch.load(state, weights_only=True)["done"]
    assert 1 <= done < 8

    for name in ("killed", "whole"):
        assert main(words(name)) == ExitCode.DONE
        assert (f"goes on after pass {done} of 8" in capsys.readouterr().err) == (name == "killed")
    for name in ("history.json", "genotype.txt"):
        assert (tmp_path / "killed" / name).read_text() == (tmp_path / "whole" / name).read_text()


@pytest.mark.slow
def test_ctrl_c_keeps_the_state(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    noise, calls = Updates.noise, iter(range(99))

    def interrupted(*arguments: object) -> dict[str, float]:
        if next(calls) == 3:  # in the second pass, at its second image
            raise KeyboardInterrupt
        return noise(*arguments)

    monkeypatch.setattr(Updates, "noise", interrupted)
    words = ["--data", str(photos), "--out", str(tmp_path), *TINY]
    assert main(words) == ExitCode.INTERRUPTED
    assert "the same command goes on from the last pass" in capsys.readouterr().err
    monkeypatch.undo()
    assert main(words) == ExitCode.DONE
    assert "goes on after pass 1 of 2" in capsys.readouterr().err


@pytest.mark.slow
def test_without_data_it_makes_a_sample_and_says_so(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def make_photos(folder: Path, count: int, seed: int) -> None:
        (folder / "low").mkdir(parents=True)
        for path in photos.iterdir():
            (folder / "low" / path.name).write_bytes(path.read_bytes())

    monkeypatch.setattr("model.photos.make_photos", make_photos)
    monkeypatch.chdir(tmp_path)
    assert main(["--quick", "--strategy", "joint", "--threads", "1"]) == ExitCode.DONE
    assert "no --data given: searching on" in capsys.readouterr().err
    card = json.loads((tmp_path / "runs/search-joint/card.json").read_text())
    assert card["passes"] == 2 and card["data"]["files"] == 4


@pytest.mark.parametrize(
    ("words", "code", "named"),
    [
        (["--epochs", "0"], ExitCode.USAGE, "argument --epochs: '0' is not allowed; allowed: a whole number"),
        (["--crop", "1.5"], ExitCode.USAGE, "argument --crop: '1.5' is not allowed"),
        (
            ["--beta", "-1"],
            ExitCode.USAGE,
            "argument --beta: '-1' is not allowed; allowed: a number, 0 or more",
        ),
        (["--split", "2"], ExitCode.USAGE, "argument --split: '2' is not allowed"),
        (["--lr", "nan"], ExitCode.USAGE, "argument --lr: 'nan' is not allowed"),
        (
            ["--momentum", "often"],
            ExitCode.USAGE,
            "argument --momentum: 'often' is not allowed; allowed: sampled",
        ),
        (["--strategy", "greedy"], ExitCode.USAGE, "cooperative"),
        (["--cots", "1"], ExitCode.USAGE, "unrecognized arguments: --cots 1"),
        (["--device", "tpu"], ExitCode.USAGE, "device 'tpu'; allowed"),
        (["--device", "cuda:77"], ExitCode.UNAVAILABLE, "cuda:77"),
        (["--cost-table", "none.json"], ExitCode.INPUT, "none.json: cannot be read"),
        (["--data", "none"], ExitCode.INPUT, "none: no such folder"),
        (["--prices", "none.json"], ExitCode.INPUT, "none.json: cannot be read"),
        (["--budget", "0"], ExitCode.USAGE, "argument --budget: '0' is not allowed"),
        (["--budget", "40"], ExitCode.USAGE, "--budget needs --objective night"),
        (["--temperature", "2"], ExitCode.USAGE, "a number above 0, at most 1"),
        (["--split", "1"], ExitCode.USAGE, "--split 1.0 leaves none of 4 images"),
    ],
)
def test_bad_arguments_are_one_line(
    words: list[str],
    code: ExitCode,
    named: str,
    photos: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["--data", str(photos), "--out", str(tmp_path / "run"), *words]) == code
    text = line(capsys)
    assert text.startswith("error: ") and named in text
    assert not (tmp_path / "run").exists()


def test_bad_images_are_named_and_left_out(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    assert main(["--data", str(folder), "--out", str(tmp_path / "run")]) == ExitCode.INPUT
    assert "no image in it" in line(capsys)

    (folder / "text.png").write_text("not an image")
    cv2.imwrite(str(folder / "tiny.png"), np.zeros((4, 40, 3), np.uint8))
    (folder / "half.jpg").write_bytes(b"\xff\xd8\xff\xe0")
    (folder / "good.png").write_bytes((photos / "0.png").read_bytes())
    caplog.clear()
    assert main(["--data", str(folder), "--out", str(tmp_path / "run")]) == ExitCode.INPUT
    assert "1 usable image in it" in capsys.readouterr().err
    warned = " ".join(caplog.messages)
    assert all(name in warned for name in ("text.png", "tiny.png", "half.jpg")) and "good.png" not in warned

    (folder / "other.png").write_bytes((photos / "3.png").read_bytes())
    assert (
        main(["--data", str(folder), "--out", str(tmp_path / "run"), *TINY, "--epochs", "1"]) == ExitCode.DONE
    )


def test_a_folder_that_cannot_be_written_is_named(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    assert main(["--data", str(photos), "--out", str(tmp_path / "file" / "run")]) == ExitCode.OUTPUT
    assert "cannot be written" in line(capsys)


@pytest.mark.slow
def test_a_search_of_the_night_model_keeps_its_budget(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--objective", "night", "--data", str(photos), "--budget", "40", "--crop", "16"]
    words += ["--batch", "2", "--epochs", "3", "--device", "cpu"]
    assert main([*words, "--out", str(tmp_path / "run")]) == ExitCode.DONE
    found = Description.load(tmp_path / "run" / "network.json")
    assert Milliseconds.read(PRICES).of(found) <= 40
    assert genotypes.read(tmp_path / "run" / "genotype.txt") == genotypes.of(found)
    history = json.loads((tmp_path / "run" / "history.json").read_text())
    assert {"t", "n", "scales", "channels", "stages"} == set(history[-1]["shares"])
    assert all(len(row) == 2 for row in history[-1]["shares"]["stages"])
    capsys.readouterr()
    # Nothing is left to do, and drawn networks follow from the seed: a second search ends the same.
    assert main([*words, "--out", str(tmp_path / "again")]) == ExitCode.DONE
    assert (tmp_path / "again" / "history.json").read_text() == json.dumps(history) + "\n"
