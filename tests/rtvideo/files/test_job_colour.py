"""With nothing to do, nothing changes: strength 0 and an engine that copies, through lossless codecs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rtvideo.colour import Coding, Matrix
from rtvideo.engines.session import Session
from rtvideo.files.job import enhance_video
from rtvideo.frame import Geometry
from rtvideo.options import Options
from tests.helpers import clips
from tests.helpers.doubles import FakeSession, opening


def largest_difference(first: Path, second: Path) -> int:
    """Return the largest difference of any sample in 1/255 (finer steps of deep video count as such)."""
    worst = 0.0
    for a, b in zip(clips.frames(first), clips.frames(second), strict=True):
        step = 1 << (a.format.components[0].bits - 8)
        for p, q in zip(clips.planes(a), clips.planes(b), strict=True):
            worst = max(worst, np.abs(p - q).max() / step)
    return worst  # type: ignore[return-value]


@pytest.mark.parametrize("engine", [None, "copy"])
@pytest.mark.parametrize("codec", ["libx264", "ffv1", "libx265"])
@pytest.mark.parametrize("pix_fmt", ["yuv420p", "yuv420p10le"])
@pytest.mark.parametrize("range_", [1, 2])
@pytest.mark.parametrize("matrix", [1, 6])
def test_lossless_codecs_give_the_input_back(
    tmp_path: Path, matrix: int, range_: int, pix_fmt: str, codec: str, engine: str | None
) -> None:
    options = {"libx264": {"qp": "0"}, "libx265": {"x265-params": "lossless=1:log-level=none"}, "ffv1": {}}
    source = clips.write(
        tmp_path / "in.mkv",
        codec=codec,
        pix_fmt=pix_fmt,
        matrix=matrix,
        range=range_,
        frames=4,
        options=options[codec],
    )
    crf = None if codec == "ffv1" else 0
    enhance_video(
        source,
        tmp_path / "out.mkv",
        Options(strength=1 if engine else 0, codec=codec, crf=crf),
        open_engine=opening(FakeSession()) if engine else None,  # type: ignore[arg-type]
    )
    assert largest_difference(source, tmp_path / "out.mkv") == 0
    frame = clips.frames(tmp_path / "out.mkv")[0]
    assert (frame.colorspace, frame.color_range) == (matrix, range_)


@pytest.mark.parametrize(
    ("changes", "codec", "limit"),
    [
        ({"codec": "ffv1", "pix_fmt": "yuv422p10le"}, "ffv1", 0),
        ({"codec": "ffv1", "pix_fmt": "yuv444p12le"}, "ffv1", 0),
        ({"codec": "mjpeg", "pix_fmt": "yuvj420p", "range": 2}, "ffv1", 0),
        ({"codec": "rawvideo", "pix_fmt": "nv12"}, "libx264", 0),
        ({"codec": "rawvideo", "pix_fmt": "nv12"}, "ffv1", 0),
        ({"codec": "ffv1", "pix_fmt": "bgr0"}, "libx264", 0),
        ({"codec": "ffv1", "pix_fmt": "bgr0"}, "ffv1", 0),
    ],
    ids=["422 10 bit", "444 12 bit", "jpeg", "nv12", "nv12 to planar", "rgb", "rgb stays"],
)
def test_other_formats(tmp_path: Path, changes: dict[str, Any], codec: str, limit: int) -> None:
    source = clips.write(tmp_path / "in.mkv", frames=2, **changes)
    enhance_video(
        source, tmp_path / "out.mkv", Options(strength=0, codec=codec, crf=None if codec == "ffv1" else 0)
    )
    before, after = (
        f.reformat(format="rgb24").to_ndarray().astype(int)
        for f in (clips.frames(source)[1], clips.frames(tmp_path / "out.mkv")[1])
    )
    # Through RGB, which they do not share, rounding counts; what must not happen is a shift of range or hue.
    assert np.abs(before - after).mean() < 1.5
    assert abs(float((before - after).mean())) < 0.5


def test_limited_range_is_stretched_for_jpeg_and_tagged(tmp_path: Path) -> None:
    source = clips.write(tmp_path / "in.mkv", codec="ffv1", frames=2, range=1, matrix=6)
    enhance_video(source, tmp_path / "out.mkv", Options(strength=0, codec="mjpeg", crf=1))
    before, after = clips.frames(source)[0], clips.frames(tmp_path / "out.mkv")[0]
    assert after.color_range == 2
    wanted = (clips.planes(before)[0] - 16) * 255 / 219
    assert np.abs(wanted - clips.planes(after)[0]).mean() < 2


@pytest.mark.slow
@pytest.mark.parametrize(
    ("changes", "coding"),
    [
        ({"matrix": 1, "range": 1}, Coding(Matrix.BT709, full_range=False)),
        ({"matrix": 6, "range": 2}, Coding(Matrix.SMPTE170M, full_range=True)),
        ({"width": 64, "height": 48}, Coding(Matrix.SMPTE170M, full_range=False)),
        ({"width": 1280, "height": 720, "frames": 2}, Coding(Matrix.BT709, full_range=False)),
    ],
)
def test_the_engine_is_told_what_the_samples_mean(
    tmp_path: Path, changes: dict[str, Any], coding: Coding
) -> None:
    seen: list[Geometry] = []

    def opener(geometry: Geometry, fps: float | None) -> Session:
        seen.append(geometry)
        assert fps is None, "nobody waits for a file"
        return FakeSession()  # type: ignore[return-value]

    enhance_video(
        clips.write(tmp_path / "in.mp4", **changes), tmp_path / "out.mp4", Options(), open_engine=opener
    )
    assert [g.coding for g in seen] == [coding]
    assert seen[0].layout == "yuv" and seen[0].depth == 8
