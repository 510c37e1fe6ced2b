"""Dither in whole files: where the result is kept as it is, and not before a lossy encoder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image

from rtvideo.files.image_job import enhance_image, sessions_for
from rtvideo.files.job import enhance_video
from rtvideo.files.sequence_job import enhance_to_images
from rtvideo.options import Options

Luma = np.ndarray[Any, np.dtype[Any]]

WIDTH, HEIGHT = 256, 64


def slope() -> Luma:
    """A dark sky: luma above black, the same in all rows."""
    return np.rint(np.linspace(2, 9, WIDTH))[None].repeat(HEIGHT, 0).astype(np.uint8)


def video(path: Path, codec: str) -> Path:
    with av.open(str(path), "w") as output:
        stream = output.add_stream(codec, rate=25)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        planes = np.full((3 * HEIGHT // 2, WIDTH), 128, np.uint8)
        planes[:HEIGHT] = 16 + slope()
        for number in range(3):
            frame = av.VideoFrame.from_ndarray(planes, "yuv420p")
            frame.pts = number
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return path


def lumas(path: Path) -> list[Luma]:
    with av.open(str(path)) as container:
        return [frame.to_ndarray()[:HEIGHT].astype(float) for frame in container.decode(video=0)]


def pattern(luma: Luma) -> float:
    """How many samples differ from the one below them, though all rows are alike."""
    return float((np.diff(luma, axis=0) != 0).mean())


@pytest.mark.parametrize(
    ("name", "codec", "crf", "dithered"),
    [("lit.mkv", "ffv1", None, True), ("lit.mp4", "libx264", 0.0, True), ("lit.mp4", "libx264", 1.0, False)],
)
def test_videos(tmp_path: Path, name: str, codec: str, crf: float | None, dithered: bool) -> None:
    options = Options(denoise=0.0, temporal=0.0, deband=1.0, codec=codec, crf=crf)
    enhance_video(video(tmp_path / "dark.mkv", "ffv1"), tmp_path / name, options)
    first, *others = lumas(tmp_path / name)
    assert (pattern(first) > 0.1) == dithered
    if dithered:
        for other in others:
            np.testing.assert_array_equal(first, other)  # it stands still


@pytest.mark.parametrize(("suffix", "dithered"), [(".png", True), (".jpg", False)])
def test_images_of_a_video(tmp_path: Path, suffix: str, dithered: bool) -> None:
    source = video(tmp_path / "dark.mkv", "ffv1")
    options = Options(denoise=0.0, temporal=0.0, deband=1.0)
    enhance_to_images(source, tmp_path / f"lit_%04d{suffix}", options)
    with Image.open(tmp_path / f"lit_0001{suffix}") as image:
        assert (pattern(np.asarray(image.convert("L"), float)) > 0.1) == dithered


@pytest.mark.parametrize(("suffix", "dithered"), [(".png", True), (".bmp", True), (".jpg", False)])
def test_photographs(tmp_path: Path, suffix: str, dithered: bool) -> None:
    source, target = tmp_path / "dark.jpg", tmp_path / f"lit{suffix}"
    Image.fromarray(np.dstack([slope()] * 3)).save(source, quality=100, subsampling=0)
    options = Options(denoise=0.0)
    report = enhance_image(source, target, options, sessions_for(options))
    assert report.deband == 1
    with Image.open(target) as image:
        assert (pattern(np.asarray(image.convert("L"), float)) > 0.1) == dithered
