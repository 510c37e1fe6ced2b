"""Frames that stay on the device from a hardware decoder on, with stand-ins for decoder and driver."""

from __future__ import annotations

import gc
import logging
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

pytest.importorskip("torch", reason="the stand-in for a device comes with the tests against torch")

from rtvideo import processor
from rtvideo.cli import entry as cli
from rtvideo.colour import Coding, Matrix
from rtvideo.engines.fused import FusedSession
from rtvideo.engines.gpu.cuda import CudaSession
from rtvideo.engines.gpu.frame import DeviceFrame
from rtvideo.engines.session import Settings
from rtvideo.files.job import enhance_video
from rtvideo.frame import Geometry
from rtvideo.kernels.cuda.network import DevicePlane
from rtvideo.media import file_input as source
from rtvideo.media.file_input import FileInput
from rtvideo.media.gpu import decode as device_frames
from rtvideo.media.gpu import path as device_path
from rtvideo.media.gpu import surfaces
from rtvideo.media.timing import Packet
from rtvideo.models import find
from rtvideo.options import Options
from tests.helpers import clips
from tests.rtvideo.engines.geometries import planes
from tests.rtvideo.kernels.cuda.fake_cuda import FakeCuda, install

NV12 = Geometry(64, 48, "nv", 8, Coding(Matrix.BT709, False))


@pytest.fixture
def cuda(monkeypatch: pytest.MonkeyPatch) -> FakeCuda:
    return install(monkeypatch)


class Surface:
    """Marks a frame that is on the device."""


class Decoder:
    """Plays NVDEC: decoded frames are nv12 "on the device", whose samples come when it gets there.

    Attributes:
        stops_at: the frame from which on it decodes in software, as FFmpeg does where a stream changes.
        downloads: frames that were brought down.
    """

    def __init__(self, cuda: FakeCuda, monkeypatch: pytest.MonkeyPatch) -> None:
        self.cuda, self.stops_at, self.count, self.downloads = cuda, 10**9, 0, 0
        self.asked: list[Any] = []
        decode = FileInput._decode

        def decoded(this: FileInput, packet: Packet) -> Iterator[av.VideoFrame]:
            for frame in decode(this, packet):
                on_device = self.asked and self.count < self.stops_at
                self.count += 1
                yield self.surface(frame) if on_device else frame

        def downloaded(frame: av.VideoFrame) -> av.VideoFrame:
            if software_format(frame) is None:
                return frame
            self.downloads += 1
            self.cuda.catch_up(0)
            copy = frame.reformat(format="yuv420p").reformat(format="nv12")  # the same samples
            copy.opaque = None
            return copy

        def software_format(frame: av.VideoFrame) -> str | None:
            return "nv12" if isinstance(frame.opaque, Surface) else None

        monkeypatch.setattr(FileInput, "_decode", decoded)
        monkeypatch.setattr(source, "_open", self.opened(source._open))
        for module in (source, processor):
            monkeypatch.setattr(module, "downloaded", downloaded)
        for module in (source, device_path, surfaces):
            monkeypatch.setattr(module, "software_format", software_format)

    def opened(self, real: Any) -> Any:
        def open_(path: Path, decoder: Any) -> Any:
            if decoder is not None:
                self.asked.append(decoder)
            else:
                self.asked.clear()
            return real(path, None)

        return open_

    def surface(self, frame: av.VideoFrame) -> av.VideoFrame:
        made = frame.reformat(format="nv12")
        samples = [bytes(plane) for plane in made.planes]
        for plane in made.planes:
            plane.update(b"\xee" * plane.buffer_size)
        made.opaque = Surface()

        def arrive() -> None:
            for plane, content in zip(made.planes, samples, strict=True):
                plane.update(content)

        self.cuda.later(0, arrive)
        return made


@pytest.fixture
def decoder(cuda: FakeCuda, monkeypatch: pytest.MonkeyPatch) -> Decoder:
    return Decoder(cuda, monkeypatch)


def luma(path: Path) -> list[np.ndarray]:
    return [clips.planes(frame)[0].astype(int) for frame in clips.frames(path)]


CLIP: dict[str, Any] = {"frames": 6, "matrix": 1, "range": 1, "primaries": 1, "transfer": 1, "audio": 1}


def test_a_file_is_enhanced_from_the_decoders_memory(
    decoder: Decoder, cuda: FakeCuda, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "rtvideo")
    clip = clips.write(tmp_path / "in.mp4", **CLIP)
    common = ["--input", str(clip), "--denoise", "off", "--temporal", "off", "--crf", "0", "-q"]
    assert cli.main([*common, "--engine", "cuda", "--device", "cuda", "--out", str(tmp_path / "a.mp4")]) == 0
    assert cuda.calls["cuMemcpyHtoDAsync"] == 2 + 6, "weights with and without debanding, then records alone"
    assert decoder.downloads == 1, "the first, by which everything is chosen"
    assert cuda.alive == {} and "where frames stay" in caplog.text
    assert cli.main([*common, "--engine", "fused", "--out", str(tmp_path / "b.mp4")]) == 0
    there, here = luma(tmp_path / "a.mp4"), luma(tmp_path / "b.mp4")
    assert len(there) == len(here) == 6
    assert max(np.abs(a - b).max() for a, b in zip(there, here, strict=True)) <= 3
    assert clips.times(tmp_path / "a.mp4") == clips.times(tmp_path / "b.mp4")
    first = clips.first(tmp_path / "a.mp4")
    assert (first.colorspace, first.color_primaries, first.color_trc) == (1, 1, 1)
    assert [s.type for s in clips.streams(tmp_path / "a.mp4")] == ["video", "audio"]


def test_a_stream_that_goes_on_in_software_is_not_interrupted(
    decoder: Decoder, cuda: FakeCuda, tmp_path: Path
) -> None:
    decoder.stops_at = 3
    clip = clips.write(tmp_path / "in.mp4", **CLIP)
    options = Options(device="cuda", engine="cuda", denoise=0.0, temporal=0.0)
    report = enhance_video(clip, tmp_path / "out.mp4", options)
    assert report.frames_out == 6 and cuda.calls["cuMemcpyHtoDAsync"] == 2 + 6 + 3
    assert len(clips.frames(tmp_path / "out.mp4")) == 6


def test_a_session_that_cannot_take_them_gets_them_in_main_memory(
    decoder: Decoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fused(geometry: Geometry, fps: float | None) -> Any:
        return FusedSession(find("night"), geometry, Settings(), threads=1)

    clip = clips.write(tmp_path / "in.mp4", **CLIP)
    options = Options(device="cuda", denoise=0.0)
    enhance_video(clip, tmp_path / "out.mp4", options, open_engine=fused)
    assert decoder.downloads == 7 and len(clips.frames(tmp_path / "out.mp4")) == 6


@pytest.mark.parametrize(
    ("changes", "options", "why"),
    [
        ({"interlaced": True}, Options(device="cuda"), "it is interlaced"),
        ({"width": 65, "codec": "ffv1"}, Options(device="cuda"), "odd size 65x48"),
        ({}, Options(device="cuda", compare="side"), ""),
        ({}, Options(device="cpu"), ""),
        ({}, Options(), ""),
    ],
)
def test_what_does_better_in_main_memory_is_decoded_there(
    decoder: Decoder,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    changes: Any,
    options: Options,
    why: str,
) -> None:
    caplog.set_level(logging.INFO, "rtvideo")
    clip = clips.write(tmp_path / "in.mkv", **{"frames": 3, **changes})
    opened = device_frames.open_input(clip, 0, options.device, compare=options.compare)
    assert not opened.hardware and opened.first.format.name == "yuv420p"
    assert why in caplog.text and bool(why) == ("decoded in software" in caplog.text)
    opened.close()


def test_without_a_decoder_the_file_is_opened_in_software(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """FFmpeg's own answer, on machines without a device."""
    if "cuda" not in av.codec.hwaccel.hwdevices_available() or device_exists():
        pytest.skip("FFmpeg has no CUDA, or there is a device")
    caplog.set_level(logging.INFO, "rtvideo")
    opened = device_frames.open_input(clips.write(tmp_path / "in.mp4", frames=3), 0, "cuda:0")
    assert not opened.hardware and "no decoder on cuda:0" in caplog.text
    assert sum(isinstance(event, av.VideoFrame) for event in opened.read()) == 3
    opened.close()


def test_the_decoder_shares_the_context_of_the_engines() -> None:
    asked = surfaces.hardware(1)
    # PyAV makes another of device, options and ownership alone.
    assert asked.options == {"primary_ctx": "1"} and asked.flags == 0
    assert (asked.device_id, asked.is_hw_owned, asked.allow_software_fallback) == (1, True, True)


def device_exists() -> bool:
    from rtvideo.kernels.cuda import driver

    return driver.installed()


class Owner:
    """What device memory belongs to."""


@pytest.mark.slow
def test_a_frame_is_kept_until_the_device_has_read_it(cuda: FakeCuda) -> None:
    session = CudaSession(find("night"), NV12, Settings())
    dark = planes(NV12, 1)
    memory = [np.ascontiguousarray(plane) for plane in dark]
    there = [DevicePlane(plane.ctypes.data, plane.strides[0]) for plane in memory]
    owner = Owner()
    alive = weakref.ref(owner)
    session.submit_on_device(DeviceFrame(there, owner), made := NV12.empty())
    session.submit(dark, wanted := NV12.empty())
    del owner
    gc.collect()
    assert alive() is not None and session.receive() is made
    gc.collect()
    assert alive() is None
    session.flush()
    assert session.receive() is wanted
    assert all(np.array_equal(a, b) for a, b in zip(made, wanted, strict=True))
    session.settings.strength = 0.0
    with pytest.raises(ValueError, match="strength 0"):
        session.submit_on_device(DeviceFrame(there, None), made)
    session.close()
    assert cuda.alive == {}
