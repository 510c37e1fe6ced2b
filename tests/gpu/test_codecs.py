"""Frames that stay on a real device between its decoder, the engine and its encoder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch", reason="the tests of the device need it")
pytest.importorskip("av", reason="decodes and encodes")

import av

from rtvideo.errors import UsageError
from rtvideo.files.job import enhance_video
from rtvideo.media.file_input import FileInput
from rtvideo.media.gpu.decode import open_input
from rtvideo.media.gpu.surfaces import downloaded
from rtvideo.options import Options
from tests.helpers import clips

pytestmark = pytest.mark.gpu

CLIP: dict[str, Any] = {"width": 320, "height": 240, "frames": 30, "matrix": 1, "range": 1}


def decoded(source: FileInput) -> list[Any]:
    frames = [downloaded(event) for event in source.read() if isinstance(event, av.VideoFrame)]
    source.close()
    return [clips.planes(frame.reformat(format="nv12")) for frame in frames]


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    path = clips.write(tmp_path / "in.mp4", **CLIP)
    source = open_input(path, 0, "cuda")
    there = source.hardware
    source.close()
    if not there:
        pytest.skip("no hardware decoder")
    return path


def test_the_decoders_frames_are_those_of_the_processor(clip: Path) -> None:
    there, here = decoded(open_input(clip, 0, "cuda")), decoded(FileInput(clip))
    assert len(there) == len(here) == 30
    for one, other in zip(there, here, strict=True):
        assert all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


def test_a_file_is_the_same_whoever_decodes(clip: Path, tmp_path: Path) -> None:
    lossless = {"engine": "cuda", "denoise": 0.0, "temporal": 0.0, "crf": 0.0}
    enhance_video(clip, tmp_path / "a.mp4", Options(device="cuda", **lossless))
    enhance_video(clip, tmp_path / "b.mp4", Options(**lossless))  # auto decodes on the processor
    for a, b in zip(clips.frames(tmp_path / "a.mp4"), clips.frames(tmp_path / "b.mp4"), strict=True):
        assert np.abs(clips.planes(a)[0].astype(int) - clips.planes(b)[0]).max() <= 1


@pytest.mark.parametrize("codec", ["h264_nvenc", "hevc_nvenc"])
def test_results_go_to_the_encoder_on_the_device(
    clip: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture, codec: str
) -> None:
    caplog.set_level("INFO", "rtvideo")
    try:
        options = Options(device="cuda", engine="cuda", denoise=0.0, temporal=0.0, codec=codec)
        enhance_video(clip, tmp_path / "out.mp4", options)
    except UsageError as error:
        pytest.skip(f"no encoder: {error}")
    assert "takes frames on the device" in caplog.text
    enhance_video(clip, tmp_path / "ref.mp4", Options(engine="cuda", denoise=0.0, temporal=0.0, crf=0.0))
    made, wanted = clips.frames(tmp_path / "out.mp4"), clips.frames(tmp_path / "ref.mp4")
    for one, other in zip(made, wanted, strict=True):
        off = clips.planes(one)[0].astype(float) - clips.planes(other)[0]
        assert np.square(off).mean() < 40  # 32 dB
