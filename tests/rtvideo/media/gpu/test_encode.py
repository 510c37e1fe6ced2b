"""Frames that an engine leaves on the device for its encoder; an encoder that reads main memory stands in."""

from __future__ import annotations

import gc
import logging
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

pytest.importorskip("torch", reason="the stand-in for a device comes with the tests against torch")

from rtvideo.colour import Coding, Matrix
from rtvideo.engines.gpu.cuda import CudaSession
from rtvideo.engines.session import Settings
from rtvideo.files import job
from rtvideo.files.job import enhance_video
from rtvideo.frame import Geometry
from rtvideo.media.codecs import Encoding
from rtvideo.media.gpu import dlpack
from rtvideo.media.gpu.encode import DeviceFrames, device_frames_for
from rtvideo.media.gpu.pinned import pinned_frames_for
from rtvideo.media.planes import FrameFormat, views
from rtvideo.media.tags import Tags
from rtvideo.models import find
from rtvideo.options import Options
from tests.conftest import has_gpu
from tests.helpers import clips
from tests.helpers.doubles import FakeSession
from tests.rtvideo.engines.geometries import planes
from tests.rtvideo.kernels.cuda.fake_cuda import FakeCuda, install

BT709 = Coding(Matrix.BT709, False)
NV12 = Geometry(64, 48, "nv", 8, BT709)
P010 = Geometry(34, 22, "nv", 10, BT709, msb=True)
TAGS = Tags(1, 1, 1, 1)
ENCODING = Encoding(
    "h264_nvenc", "nv12", 64, 48, Fraction(25), Fraction(1, 25), None, TAGS, BT709, {"preset": "p5"}
)


@pytest.fixture
def cuda(monkeypatch: pytest.MonkeyPatch) -> FakeCuda:
    return install(monkeypatch)


@pytest.fixture
def session(cuda: FakeCuda) -> Iterator[CudaSession]:
    made = CudaSession(find("night"), NV12, Settings())
    yield made
    made.close()
    assert cuda.alive == {}


def samples(frame: av.VideoFrame, geometry: Geometry) -> list[np.ndarray]:
    kind = np.uint8 if geometry.depth == 8 else np.uint16
    rows = [
        np.frombuffer(plane, kind).reshape(-1, plane.line_size // kind().itemsize) for plane in frame.planes
    ]
    return [row[:h, :w] for row, (h, w) in zip(rows, geometry.shapes(), strict=True)]


@pytest.mark.compile
@pytest.mark.parametrize(("geometry", "form"), [(NV12, "nv12"), (P010, "p010le")], ids=["nv12", "p010"])
def test_the_engine_writes_what_the_encoder_reads(cuda: FakeCuda, geometry: Geometry, form: str) -> None:
    session = CudaSession(find("night"), geometry, Settings())
    pool = DeviceFrames(session, geometry, form, dlpack.CPU)
    frame, target = pool.take()
    assert (frame.format.name, frame.width, frame.height) == (form, geometry.width, geometry.height)
    session.submit_on_device(dark := planes(geometry, 1), target)
    session.submit(dark, wanted := geometry.empty())
    session.flush()
    assert session.receive() is target and session.receive() is wanted
    assert all(np.array_equal(a, b) for a, b in zip(samples(frame, geometry), wanted, strict=True))
    assert cuda.calls["cuMemcpyDtoHAsync"] == 1
    del frame, target
    pool.close()
    session.close()
    assert cuda.alive == {}


@pytest.mark.compile
@pytest.mark.parametrize("form", ["nv12", "yuv420p10le"])
def test_results_come_down_into_the_frame_itself(cuda: FakeCuda, form: str) -> None:
    working = FrameFormat(form, 38, 22, BT709)
    geometry = working.geometry
    session = CudaSession(find("night"), geometry, Settings())
    pool = pinned_frames_for(session, working)
    assert pool is not None
    slots = list(session._free)
    frame = pool.take()
    session.submit(dark := planes(geometry, 1), out := views(frame, geometry))
    session.submit(dark, wanted := geometry.empty())
    session.flush()
    assert session.receive() is out and session.receive() is wanted
    assert [bool(np.all(slot.down == 0xEE)) for slot in slots] == [True, False]
    place = out[0].ctypes.data
    del out
    session.close()
    pool.close()
    assert [*cuda.alive] == [place]  # the encoder may still read it
    assert all(np.array_equal(a, b) for a, b in zip(samples(frame, geometry), wanted, strict=True))
    del frame
    gc.collect()
    assert cuda.alive == {}


@pytest.mark.slow
def test_memory_is_used_again_when_nobody_refers_to_it(session: CudaSession) -> None:
    pool = DeviceFrames(session, NV12, "nv12", dlpack.CPU)
    held = [pool.take() for _ in range(3)]
    places = [there.planes[0].address for _, there in held]
    assert len(set(places)) == 3
    del held[1]
    gc.collect()
    held.append(pool.take())
    assert held[-1][1].planes[0].address == places[1]
    assert len(dlpack._in_use) == 3 * 2  # two planes each
    held.clear()
    gc.collect()
    assert dlpack._in_use == {}
    pool.close()


@pytest.mark.slow
def test_a_file_is_encoded_from_the_device(
    cuda: FakeCuda, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clip = clips.write(tmp_path / "in.mp4", pix_fmt="nv12", frames=9, matrix=1, range=1)

    def pool(source: Any, encoding: Encoding, session: Any, options: Options) -> DeviceFrames:
        return DeviceFrames(session, NV12, encoding.pix_fmt, dlpack.CPU)

    choose = job.choose
    monkeypatch.setattr(job, "choose", lambda picture, *rest: choose(replace(picture, pix_fmt="nv12"), *rest))
    options = Options(engine="cuda", denoise=0.0, temporal=0.0, crf=0.0)
    enhance_video(clip, tmp_path / "a.mp4", options)
    copies = cuda.calls["cuMemcpyDtoHAsync"]
    assert copies == 9
    monkeypatch.setattr(job, "_results_on_device", pool)
    report = enhance_video(clip, tmp_path / "b.mp4", options)
    assert report.frames_out == 9 and cuda.calls["cuMemcpyDtoHAsync"] == copies
    assert clips.times(tmp_path / "a.mp4") == clips.times(tmp_path / "b.mp4")
    for one, other in zip(clips.frames(tmp_path / "a.mp4"), clips.frames(tmp_path / "b.mp4"), strict=True):
        assert (one.colorspace, one.color_range) == (other.colorspace, other.color_range) == (1, 1)
        pairs = zip(clips.planes(one), clips.planes(other), strict=True)
        assert all(np.array_equal(a, b) for a, b in pairs)
    gc.collect()
    assert cuda.alive == {} and dlpack._in_use == {}


@pytest.mark.skipif(has_gpu(), reason="there is a GPU")
def test_an_encoder_that_does_not_open_gets_frames_in_main_memory(
    session: CudaSession, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "rtvideo")
    assert device_frames_for(ENCODING, NV12, session, dlpack.CPU) is None
    assert "codec h264_nvenc takes frames from main memory: " in caplog.text


def test_what_takes_none_is_not_asked(session: CudaSession) -> None:
    assert device_frames_for(replace(ENCODING, codec="libx264"), NV12, session) is None
    assert device_frames_for(ENCODING, NV12, FakeSession()) is None
    assert device_frames_for(ENCODING, replace(NV12, layout="yuv"), session) is None
    assert device_frames_for(replace(ENCODING, width=128), NV12, session) is None
