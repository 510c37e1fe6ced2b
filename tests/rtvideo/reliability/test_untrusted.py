"""Names, models and lists that somebody else chose."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rtvideo.cli.entry import main
from rtvideo.cli.inputs import plan
from rtvideo.console import printable
from rtvideo.errors import RtvideoError
from rtvideo.kernels import weights
from tests.helpers import clips


class Trap:
    """Unpickled, it leaves a file behind."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return Path.touch, (self.path,)


@pytest.mark.parametrize("name", ["model.pt", "model.pkl", "model.json", "model.onnx", "night.safetensors"])
def test_no_model_is_unpickled(tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    clip = clips.write(tmp_path / "in.mp4", frames=2)
    sprung = tmp_path / "sprung"
    model = tmp_path / name
    if name.endswith(".safetensors"):
        shipped = Path(__file__).resolve().parents[3] / "rtvideo" / "models"
        for file in shipped.glob("night.*"):
            (tmp_path / file.name).write_bytes(file.read_bytes())
        model = tmp_path / "night.json"
    (tmp_path / name).write_bytes(pickle.dumps(Trap(sprung)))
    code = main(
        ["-i", str(clip), "-o", str(tmp_path / "out.mp4"), "--model", str(model), "--engine", "fused"]
    )
    assert code in (2, 7) and not sprung.exists()
    assert len(capsys.readouterr().err.splitlines()) == 1
    pickle.loads(pickle.dumps(Trap(sprung)))
    assert sprung.exists(), "the trap works"


def safetensors(header: object, body: bytes) -> bytes:
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + body


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff" * 8,
        (1 << 62).to_bytes(8, "little") + b"{}",
        safetensors([], b""),
        safetensors({"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 4]}}, bytes(4)),
        safetensors({"a": {"dtype": "F32", "shape": [1], "data_offsets": [-4, 0]}}, bytes(4)),
        safetensors({"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 1 << 60]}}, bytes(4)),
        safetensors({"a": {"dtype": "F32", "shape": [1 << 62, 4], "data_offsets": [0, 4]}}, bytes(4)),
        safetensors({"a": {"dtype": "O", "shape": [1], "data_offsets": [0, 8]}}, bytes(8)),
        safetensors({"a": {"dtype": "F32", "shape": "x", "data_offsets": [0, 4]}}, bytes(4)),
    ],
)
def test_weights_that_lie_are_refused(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "w.safetensors").write_bytes(data)
    with pytest.raises(RtvideoError, match=r"w\.safetensors"):
        weights.read(tmp_path / "w.safetensors")


@given(data=st.binary(max_size=200))
def test_any_bytes_are_weights_or_refused(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "any.safetensors"
    path.write_bytes(data)
    try:
        arrays = weights.read(path)
    except RtvideoError:
        return
    assert all(isinstance(array, np.ndarray) for array in arrays.values())


@pytest.mark.parametrize(
    "name", ["..png", "...mp4", "a b.png", "-y.png", "~.png", "$HOME.png", "\x1b[2J.png"]
)
def test_outputs_stay_in_their_folder(tmp_path: Path, name: str) -> None:
    (tmp_path / "in").mkdir()
    for each in (name, "other.png"):
        (tmp_path / "in" / each).write_bytes(b"x")
    out = tmp_path / "out"
    tasks = plan([str(tmp_path / "in" / name), str(tmp_path / "in" / "other.png")], str(out)).tasks
    assert [task.target.resolve().parent for task in tasks] == [out.resolve()] * 2


def test_a_link_to_an_output_outside_is_replaced_not_followed(tmp_path: Path) -> None:
    clip = clips.write(tmp_path / "in.mp4", frames=2)
    (tmp_path / "precious").write_text("precious")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "lit.mp4").symlink_to(tmp_path / "precious")
    words = ["-i", str(clip), "-o", str(tmp_path / "out" / "lit.mp4"), "--strength", "0", "-q"]
    assert main(words) == 2
    assert main([*words, "-y"]) == 0
    assert (tmp_path / "precious").read_text() == "precious"
    assert not (tmp_path / "out" / "lit.mp4").is_symlink()


def test_a_name_does_not_steer_the_terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    name = "a\x1b]0;owned\x07\nrtvideo: all is well\r.mp4"
    (tmp_path / name).write_text("no video")
    assert main(["-i", str(tmp_path / name), "-o", str(tmp_path / "out.mp4")]) == 3
    err = capsys.readouterr().err
    assert err.count("\n") == 1 and "\x1b" not in err and "\\x1b]0;owned" in err
    good = clips.write(tmp_path / "in.mp4", frames=2)
    (tmp_path / name).write_bytes(good.read_bytes())
    words = ["-i", str(tmp_path / name), str(good), "-o", str(tmp_path / "out"), "--strength", "0"]
    assert main(words) == 0
    assert "\x1b" not in capsys.readouterr().err


@pytest.mark.slow
@settings(max_examples=50)
@given(text=st.text(max_size=30))
def test_what_is_shown_is_one_printable_line(text: str) -> None:
    assert printable(text).isprintable()
    assert text.isprintable() == (printable(text) == text)
