"""Numbered images in and out: every picture in its place, at its depth, and in its colours."""

from __future__ import annotations

import threading
from contextlib import closing
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from rtvideo.api import enhance_file
from rtvideo.cli import main
from rtvideo.errors import InputError, UsageError
from rtvideo.files.image_job import sessions_for
from rtvideo.files.sequence_job import enhance_sequence
from rtvideo.media import images
from rtvideo.media.images.picture import Picture
from rtvideo.media.images.sequence import is_sequence, members, numbered
from rtvideo.options import Options
from tests.helpers import clips


def scene(step: int, dtype: type = np.uint8) -> np.ndarray:
    """Return a dark square on a darker ground, which moves with each step."""
    pixels = np.full((48, 64, 3), 12, np.uint8)
    pixels[10:30, 4 + 6 * step : 24 + 6 * step] = (30, 20, 10)
    return pixels.astype(dtype) * (257 if dtype == np.uint16 else 1)


def sequence(
    folder: Path, name: str = "img_%04d.png", first: int = 1, count: int = 5, dtype: type = np.uint8
) -> Path:
    folder.mkdir(exist_ok=True)
    for step in range(count):
        images.write(Picture(scene(step, dtype)), numbered(folder / name, first + step))
    return folder / name


@pytest.mark.parametrize(
    ("name", "number", "expected"),
    [("a_%04d.png", 7, "a_0007.png"), ("%d.JPG", 12, "12.JPG"), ("a%3d.tif", 5, "a005.tif")],
)
def test_names(tmp_path: Path, name: str, number: int, expected: str) -> None:
    path = tmp_path / name
    assert is_sequence(path) and numbered(path, number).name == expected
    (tmp_path / expected).touch()
    (tmp_path / "other.png").touch()
    assert members(path) == {number: tmp_path / expected}


@pytest.mark.parametrize("name", ["a.png", "50%.png", "a%04d.mp4", "%d_%d.png", "a%s.png"])
def test_what_is_no_sequence(tmp_path: Path, name: str) -> None:
    assert not is_sequence(tmp_path / name)


def test_a_file_of_that_very_name_is_itself(tmp_path: Path) -> None:
    images.write(Picture(scene(0)), tmp_path / "a%04d.png")
    assert not is_sequence(tmp_path / "a%04d.png")
    assert main(["-i", f"{tmp_path}/a%04d.png", "-o", f"{tmp_path}/b%04d.png", "--strength", "0"]) == 0
    assert (tmp_path / "b%04d.png").is_file()


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize(("source", "target"), [(".png", ".png"), (".png", ".tif"), (".tif", ".png")])
def test_a_sequence_keeps_numbers_and_depth(tmp_path: Path, source: str, target: str, dtype: type) -> None:
    dark = sequence(tmp_path / "in", f"img_%04d{source}", first=8, dtype=dtype)
    (tmp_path / "out").mkdir()
    report = enhance_file(dark, tmp_path / "out" / f"lit_%03d{target}", threads=1)
    assert report.frames_out == 5 and report.temporal == 1 and not report.warnings
    lit = members(tmp_path / "out" / f"lit_%03d{target}")
    assert list(lit) == [8, 9, 10, 11, 12] and lit[8].name == f"lit_008{target}"
    for step, path in enumerate(lit.values()):
        pixels = images.read(path).pixels
        assert pixels.dtype == dtype and pixels.mean() > 1.5 * scene(step, dtype).mean()


def test_strength_zero_is_the_sequence_itself(tmp_path: Path) -> None:
    dark = sequence(tmp_path / "in", dtype=np.uint16)
    assert main(["-i", str(dark), "-o", f"{tmp_path}/out/", "--strength", "0"]) == 0
    for step in range(5):
        pixels = images.read(tmp_path / "out" / f"img_{step + 1:04d}.png").pixels
        np.testing.assert_array_equal(pixels, scene(step, np.uint16))


def test_what_each_image_holds_is_kept(tmp_path: Path) -> None:
    marks = Image.Exif()
    marks[271] = "lamp works"
    for number in (1, 2):
        Image.fromarray(scene(number)).save(tmp_path / f"a{number}.jpg", exif=marks)
    enhance_file(tmp_path / "a%d.jpg", tmp_path / "b%d.jpg", threads=1)
    with Image.open(tmp_path / "b2.jpg") as image:
        assert image.getexif()[271] == "lamp works"


def test_a_loss_is_named_once_for_all_images(tmp_path: Path) -> None:
    dark = sequence(tmp_path / "in", dtype=np.uint16)
    report = enhance_file(dark, tmp_path / "b%d.jpg", threads=1)
    assert len(report.warnings) == 1 and "rounded from 16" in report.warnings[0]


def test_resume_goes_on_behind_the_last_image(tmp_path: Path) -> None:
    dark, stop = sequence(tmp_path / "in"), threading.Event()
    options = Options(threads=1, resume=True)
    with closing(sessions_for(options)) as sessions:

        def stop_after_two(done: int, total: int | None) -> None:
            assert total == 5
            if done == 2:
                stop.set()

        target = tmp_path / "b%d.png"
        first = enhance_sequence(dark, target, options, sessions, on_progress=stop_after_two, stop=stop)
        assert first.incomplete == "interrupted" and len(members(target)) == 2
        stamp = (tmp_path / "b1.png").stat().st_ino
        assert enhance_sequence(dark, target, options, sessions).frames_out == 3
        assert (tmp_path / "b1.png").stat().st_ino == stamp and len(members(target)) == 5
        assert "complete" in enhance_sequence(dark, target, options, sessions).warnings[0]


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("name", ["img_%04d.png", "img_%04d.tif", "img_%d.webp"])
def test_a_sequence_becomes_a_video(tmp_path: Path, name: str, dtype: type) -> None:
    if dtype == np.uint16 and name.endswith("webp"):
        pytest.skip("WebP holds 8 bits")
    dark = sequence(tmp_path / "in", name, dtype=dtype)
    words = [
        "-i",
        str(dark),
        "-o",
        f"{tmp_path}/a.mkv",
        "--strength",
        "0",
        "--framerate",
        "10",
        "--codec",
        "ffv1",
    ]
    assert main(words) == 0
    assert clips.times(tmp_path / "a.mkv") == [Fraction(step, 10) for step in range(5)]
    for step, frame in enumerate(clips.frames(tmp_path / "a.mkv")):
        assert (frame.format.components[0].bits > 8) == (dtype == np.uint16)
        shown = frame.to_ndarray(format="rgb24").astype(int)
        assert np.abs(shown - scene(step)).max() <= 3


def test_a_sequence_has_25_frames_a_second_if_nothing_is_said(tmp_path: Path) -> None:
    enhance_file(sequence(tmp_path / "in"), tmp_path / "a.mp4", threads=1)
    assert clips.times(tmp_path / "a.mp4") == [Fraction(step, 25) for step in range(5)]


def test_part_of_a_sequence(tmp_path: Path) -> None:
    words = ["-i", str(sequence(tmp_path / "in")), "-o", f"{tmp_path}/a.mkv", "--strength", "0"]
    assert main([*words, "--start", "0.08", "--frames", "2", "--codec", "ffv1"]) == 0
    shown = clips.first(tmp_path / "a.mkv").to_ndarray(format="rgb24").astype(int)
    assert np.abs(shown - scene(2)).max() <= 3
    assert len(clips.frames(tmp_path / "a.mkv")) == 2
    assert main([*words, "--duration", "0.12", "-y"]) == 0
    assert len(clips.frames(tmp_path / "a.mkv")) == 3


@pytest.mark.parametrize(("pix_fmt", "dtype"), [("yuv420p", np.uint8), ("yuv420p10le", np.uint16)])
@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_a_video_becomes_images(tmp_path: Path, suffix: str, pix_fmt: str, dtype: type) -> None:
    clip = clips.write(tmp_path / "a.mkv", frames=4, codec="ffv1", pix_fmt=pix_fmt)
    report = enhance_file(clip, tmp_path / f"b_%03d{suffix}", strength=0.0)
    assert report.frames_out == 4
    assert [path.name for path in members(tmp_path / f"b_%03d{suffix}").values()] == [
        f"b_{number:03d}{suffix}" for number in range(1, 5)
    ]
    scale = 257 if dtype == np.uint16 else 1
    for path, frame in zip(members(tmp_path / f"b_%03d{suffix}").values(), clips.frames(clip), strict=True):
        pixels = images.read(path).pixels
        assert pixels.dtype == dtype
        expected = frame.to_ndarray(format="rgb24").astype(int)
        assert np.abs(pixels / scale - expected).mean() < 1.5


def test_sound_is_named_and_a_rotation_applied(tmp_path: Path) -> None:
    clip = clips.write(tmp_path / "a.mp4", frames=2, width=64, height=48, audio=1, rotation=90)
    report = enhance_file(clip, tmp_path / "b%d.png", strength=0.0)
    assert any("left out: 1 of audio" in warning for warning in report.warnings)
    assert images.read(tmp_path / "b1.png").pixels.shape == (64, 48, 3)


def test_existing_images_are_not_overwritten(tmp_path: Path) -> None:
    dark = sequence(tmp_path / "in")
    clip = clips.write(tmp_path / "a.mp4", frames=2)
    (tmp_path / "b3.png").write_bytes(b"precious")
    for source in (dark, clip):
        with pytest.raises(UsageError, match="overwrite=True"):
            enhance_file(source, tmp_path / "b%d.png", threads=1)
    assert (tmp_path / "b3.png").read_bytes() == b"precious" and not (tmp_path / "b1.png").exists()
    with pytest.raises(UsageError, match="is the input"):
        enhance_file(dark, dark, threads=1, overwrite=True)


def test_errors_are_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["-i", f"{tmp_path}/none%d.png", "-o", f"{tmp_path}/a.mp4"]) == 3
    dark = sequence(tmp_path / "in")
    assert main(["-i", str(dark), "-o", f"{tmp_path}/b%d.png", "--crf", "3"]) == 2
    clip = clips.write(tmp_path / "a.mp4", frames=2)
    assert main(["-i", str(clip), "-o", f"{tmp_path}/b.mp4", "--framerate", "5"]) == 2
    assert main(["-i", str(clip), "-o", f"{tmp_path}/b%d.png", "--crf", "3"]) == 2
    images.write(Picture(scene(0)[:40]), tmp_path / "in" / "img_0003.png")
    assert main(["-i", str(dark), "-o", f"{tmp_path}/b.mp4"]) == 3
    said = capsys.readouterr().err.splitlines()
    assert [line.startswith("rtvideo: error: ") for line in said] == [True] * 5
    assert "img_0003.png: is of another size" in said[-1]
    with pytest.raises(InputError):
        enhance_file(dark, tmp_path / "c.mp4", threads=1)
    assert not list(tmp_path.glob("[bc].*"))
