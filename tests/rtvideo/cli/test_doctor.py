"""``--doctor`` tells what is wrong, what to do, and ends with the right code."""

from __future__ import annotations

from pathlib import Path

import pytest

from rtvideo.cli import doctor, main
from rtvideo.engines.registry import EngineInfo
from rtvideo.errors import UnavailableError
from rtvideo.media.camera import CameraDevice
from rtvideo.media.encoders import EncoderSpec
from rtvideo.models import find


@pytest.fixture
def shipped(gain_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two models, whatever is shipped; the default is not the first by name."""
    model = find(str(gain_model))
    monkeypatch.setattr("rtvideo.models.names", lambda: ["another", "night"])
    monkeypatch.setattr("rtvideo.enhancer.find", lambda name: model)


def run(capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    code = main(["--doctor"])
    out, err = capsys.readouterr()
    assert err == ""
    return code, out


def test_all_is_well(shipped: None, capsys: pytest.CaptureFixture[str]) -> None:
    code, out = run(capsys)
    assert code == 0
    for word in (
        "rtvideo 0.",
        "Python 3.",
        "av 1",
        "onnx on cpu: works",
        "libx264",
        "models: another, night",
        "trial: model night enhanced a frame",
    ):
        assert word in out
    assert "problem" not in out
    assert out.splitlines()[-1].startswith("verdict: all")


def test_no_engine(
    shipped: None, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = EngineInfo("onnx", "cpu", False, "needs onnxruntime: pip install 'rtvideo[onnx]'")
    monkeypatch.setattr("rtvideo.engines.registry.available", lambda: [broken])
    code, out = run(capsys)
    assert code == 7
    assert "engine onnx on cpu: fails" in out
    assert "pip install 'rtvideo[onnx]'" in out
    assert "cannot" in out.splitlines()[-1]


def test_without_onnxruntime(
    shipped: None, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    code, out = run(capsys)
    assert code == 7
    assert "pip install 'rtvideo[onnx]'" in out


def test_an_engine_that_fails_when_it_is_used(
    shipped: None, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*arguments: object, **wishes: object) -> None:
        raise UnavailableError("gain.onnx: not a network that onnxruntime can run")

    monkeypatch.setattr("rtvideo.engines.session_cache.open_session", fail)
    code, out = run(capsys)
    assert code == 7
    assert "problem: gain.onnx: not a network" in out


def test_no_models(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rtvideo.models.names", list)
    code, out = run(capsys)
    assert code == 7
    assert "problem: no models" in out


def test_no_encoders(
    shipped: None, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "rtvideo.media.encoders.ENCODERS", (EncoderSpec(name="no_such_encoder", fallback=True),)
    )
    code, out = run(capsys)
    assert code == 7
    assert "encoders: none" in out


def test_both_onnxruntimes(
    shipped: None, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor, "installed", lambda package: "1.2.3")
    code, out = run(capsys)
    assert code == 0  # it works, only not on the GPU
    assert "onnxruntime and onnxruntime-gpu" in out
    assert "pip uninstall" in out


def test_processor_has_a_name() -> None:
    assert doctor.processor().strip()


@pytest.mark.parametrize(
    ("packages", "display", "lines"),
    [
        (
            set(),
            ":0",
            ["window: no (--preview); run: pip install", "web viewer: no (--serve); run: pip install"],
        ),
        ({"opencv-python", "opencv-python-headless"}, ":0", ["window: may fail", "run: pip uninstall -y"]),
        ({"opencv-python"}, "", ["window: no screen here"]),
        (
            {"opencv-python", "websockets"},
            ":7",
            ["window: opencv-python 1, screen :7", "web viewer: websockets 1"],
        ),
    ],
)
def test_what_can_show_pictures(
    monkeypatch: pytest.MonkeyPatch, packages: set[str], display: str, lines: list[str]
) -> None:
    monkeypatch.setattr(doctor, "installed", lambda name: "1" if name in packages else None)
    monkeypatch.setenv("DISPLAY", display)
    text = "\n".join(finding.text for finding in doctor._viewers())
    assert all(line in text for line in lines)
    assert not any(finding.fatal for finding in doctor._viewers())


def test_cameras_and_extras_are_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "video0").touch()
    found = [
        CameraDevice(str(tmp_path / "video0"), "Lamp Cam", captures=True, plays=False),
        CameraDevice("/dev/video9999", "Closed Cam", captures=True, plays=False),
    ]
    monkeypatch.setattr("rtvideo.media.camera.devices", lambda: found)
    line = doctor._cameras().text
    assert "video0 (Lamp Cam), /dev/video9999 (Closed Cam); not allowed: /dev/video9999" in line
    monkeypatch.setattr("rtvideo.media.camera.devices", list)
    assert doctor._cameras().text == "cameras: none"
    monkeypatch.setattr(doctor, "installed", lambda name: "9.9" if name == "rawpy" else None)
    photos, raw, completion = (finding.text for finding in doctor._extras())
    assert raw == "raw photographs: rawpy 9.9"
    assert "pip install 'rtvideo[photos]'" in photos and "rtvideo[completion]" in completion


def test_other_systems_are_told_what_they_lack(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.system", lambda: "Windows")
    assert "not on Windows" in doctor._cameras().text


def test_decoders_that_are_missing_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "hevc" in doctor._decoders().text and "missing" not in doctor._decoders().text
    monkeypatch.setattr(doctor, "_CODECS", ("h264", "no-such-codec"))
    assert doctor._decoders().text == "decoders: h264; missing: no-such-codec"
