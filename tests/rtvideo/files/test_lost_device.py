"""A GPU that is gone in the middle of a run: exit code 7, and a playable file of what was done."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("onnxruntime", reason="plays the networks")
pytest.importorskip("torch", reason="the stand-in for a device comes with the tests against torch")

from rtvideo.cli import entry as cli
from rtvideo.engines.gpu.tensorrt import package
from rtvideo.errors import OutputError, UnavailableError
from rtvideo.files.job import enhance_video
from rtvideo.frame import Planes
from rtvideo.kernels import cache
from rtvideo.live.job import enhance_live
from rtvideo.options import LiveOptions, Options
from tests.helpers import clips
from tests.helpers.doubles import FakeSession, opening
from tests.rtvideo.engines.fake_runtimes import FakeTensorRT
from tests.rtvideo.kernels.cuda.fake_cuda import FakeCuda, Status, install

LOST_AT = 6


class Lost(FakeSession):
    """An engine whose device is lost at a frame."""

    def submit(self, planes: Planes, out: Planes, time: float | None = None) -> None:
        if len(self.times) == self._fail_at:
            raise UnavailableError("device 'cuda:0' failed: cuEventSynchronize: CUDA_ERROR_LAUNCH_FAILED")
        super().submit(planes, out, time)


@pytest.fixture
def cuda(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[FakeCuda]:
    """A device with TensorRT that is lost after some frames."""
    fake = install(monkeypatch)
    monkeypatch.setattr(cache, "default_cache", lambda: tmp_path / "cache/kernels")
    trt = FakeTensorRT(fake)
    for name in package.MODULES:
        monkeypatch.setitem(sys.modules, name, trt if name == "tensorrt" else None)
    wait = fake._EventSynchronize

    def until_lost(event: Any) -> None:
        wait(event)
        if fake.calls["cuEventSynchronize"] == LOST_AT:
            for function in (
                "cuEventSynchronize",
                "cuMemcpyHtoDAsync",
                "cuGraphLaunch",
                "cuStreamSynchronize",
            ):
                fake.fail[function] = Status.CUDA_ERROR_LAUNCH_FAILED

    monkeypatch.setattr(fake, "_EventSynchronize", until_lost, raising=False)
    package.load.cache_clear()
    yield fake
    package.load.cache_clear()


def test_what_was_done_is_finalised(
    cuda: FakeCuda, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source, target = clips.write(tmp_path / "in.mp4", frames=20), tmp_path / "out.mp4"
    arguments = ["--input", str(source), "--out", str(target), "--denoise", "off", "--engine", "tensorrt"]
    assert cli.main(arguments) == 7
    error = capsys.readouterr().err
    assert "error: device 'cuda:0' failed: cuMemcpyHtoDAsync: CUDA_ERROR_LAUNCH_FAILED\n" in error
    assert "ends where the device was lost; --resume goes on from there" in error
    assert len(clips.frames(target)) == LOST_AT


def test_a_device_lost_before_the_first_frame_leaves_nothing(tmp_path: Path) -> None:
    source, target = clips.write(tmp_path / "in.mp4", frames=5), tmp_path / "out.mp4"
    with pytest.raises(UnavailableError, match="LAUNCH_FAILED"):
        enhance_video(source, target, Options(), open_engine=opening(Lost(fail_at=0)))
    assert [path.name for path in tmp_path.iterdir()] == ["in.mp4"]


def test_a_run_can_go_on_from_there(tmp_path: Path) -> None:
    source, target = clips.write(tmp_path / "in.mp4", frames=20), tmp_path / "out.mp4"
    with pytest.raises(UnavailableError):
        enhance_video(source, target, Options(resume=True), open_engine=opening(Lost(fail_at=12)))
    report = enhance_video(source, target, Options(resume=True), open_engine=opening(Lost()))
    assert len(clips.frames(target)) == report.frames_out == 20


def test_an_output_that_fails_too_is_not_published(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from rtvideo.media.output import EncodedOutput

    def full(self: EncodedOutput) -> None:
        raise OutputError("disk full")

    monkeypatch.setattr(EncodedOutput, "finish", full)
    source, target = clips.write(tmp_path / "in.mp4", frames=9), tmp_path / "out.mp4"
    with pytest.raises(UnavailableError):
        enhance_video(source, target, Options(), open_engine=opening(Lost(fail_at=5)))
    assert not target.exists()


@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
def test_a_live_recording_is_finalised(
    cuda: FakeCuda, tmp_path: Path, capsys: pytest.CaptureFixture[str], suffix: str
) -> None:
    target = tmp_path / f"out.{suffix}"
    camera = "testsrc2=size=64x48:rate=50,realtime"
    arguments = ["--input", camera, "--input-format", "lavfi", "--out", str(target), "--no-adapt"]
    assert cli.main([*arguments, "--denoise", "off", "--engine", "tensorrt"]) == 7
    errors = [line for line in capsys.readouterr().err.splitlines() if "error:" in line]
    assert len(errors) == 1 and "device 'cuda:0' failed: " in errors[0] and "LAUNCH_FAILED" in errors[0]
    assert 0 < len(clips.frames(target)) <= LOST_AT


def test_nobody_waits_for_an_engine_that_is_gone(tmp_path: Path) -> None:
    source, target = clips.write(tmp_path / "in.mkv", frames=40), tmp_path / "out.mkv"
    how, lost = LiveOptions(adapt=False), opening(Lost(fail_at=7))
    before = set(threading.enumerate())
    with pytest.raises(UnavailableError, match="LAUNCH_FAILED"):
        enhance_live(str(source), [str(target)], Options(), how, open_engine=lost)
    assert len(clips.frames(target)) == 7
    assert set(threading.enumerate()) <= before
