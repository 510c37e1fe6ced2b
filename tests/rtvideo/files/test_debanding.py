"""``--deband`` on whole files: on where an encoder lost something, off where nothing was lost."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image

from rtvideo.files.image_job import enhance_image, sessions_for
from rtvideo.files.job import enhance_video
from rtvideo.options import Options


def blocks() -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Luma of 96 x 64 pixels whose blocks differ by one code, near black."""
    drawn = np.random.default_rng(0).integers(0, 2, (8, 12))
    return np.kron(18 + drawn, np.ones((8, 8))).astype(np.uint8)


def video(path: Path, codec: str, pix_fmt: str = "yuv420p", **options: str) -> Path:
    with av.open(str(path), "w") as output:
        stream = output.add_stream(codec, rate=25, options=options)
        stream.width, stream.height, stream.pix_fmt = 96, 64, pix_fmt
        for number in range(3):
            planes = np.full((96, 96), 128, np.uint8)
            planes[:64] = blocks()
            frame = av.VideoFrame.from_ndarray(planes, "yuv420p").reformat(format=pix_fmt)
            frame.pts = number
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return path


def mosaic(path: Path) -> float:
    """Mean step between blocks of the last frame, beyond what lies within them."""
    with av.open(str(path)) as container:
        luma = [frame.to_ndarray()[:64, :96].astype(float) for frame in container.decode(video=0)][-1]
    across = np.abs(np.diff(luma, axis=1))
    return float(across[:, 7::8].mean() - across[:, 3::8].mean())


@pytest.mark.parametrize(
    ("codec", "suffix", "pix_fmt", "expected"),
    [
        ("libx264", ".mp4", "yuv420p", 1.0),
        ("mjpeg", ".avi", "yuvj420p", 1.0),
        ("ffv1", ".mkv", "yuv420p", 0.0),
        ("ffv1", ".mkv", "yuv420p10le", 0.0),
        ("rawvideo", ".avi", "yuv420p", 0.0),
    ],
)
def test_auto_is_on_where_something_was_lost(
    tmp_path: Path, codec: str, suffix: str, pix_fmt: str, expected: float
) -> None:
    source = video(tmp_path / f"dark{suffix}", codec, pix_fmt, **({"qp": "1"} if codec == "libx264" else {}))
    report = enhance_video(source, tmp_path / "lit.mkv", Options(denoise=0.0, codec="ffv1"))
    assert report.deband == expected


@pytest.mark.slow
def test_blocks_near_black_are_gone(tmp_path: Path) -> None:
    source = video(tmp_path / "dark.mkv", "ffv1")
    found = {}
    for amount in (0.0, 1.0):
        target = tmp_path / f"lit{amount:g}.mkv"
        enhance_video(source, target, Options(denoise=0.0, deband=amount, codec="ffv1"))
        found[amount] = mosaic(target)
    assert found[0.0] > 3
    assert found[1.0] < found[0.0] / 3


@pytest.mark.parametrize(("suffix", "expected"), [(".jpg", 1.0), (".png", 0.0), (".tif", 0.0), (".bmp", 0.0)])
def test_photographs(tmp_path: Path, suffix: str, expected: float) -> None:
    source = tmp_path / f"dark{suffix}"
    Image.fromarray(np.dstack([blocks() - 16] * 3)).save(source)
    options = Options()
    report = enhance_image(source, tmp_path / "lit.png", options, sessions_for(options))
    assert report.deband == expected
