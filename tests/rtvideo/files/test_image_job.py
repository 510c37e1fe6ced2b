"""Images and animations from file to file: every picture is enhanced, and time and loop stay."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from rtvideo.cli import main
from rtvideo.errors import UsageError
from rtvideo.files.image_job import enhance_image, sessions_for
from rtvideo.media import images
from rtvideo.media.images.metadata import Part, PartKind
from rtvideo.media.images.picture import Picture
from rtvideo.options import Options, Report

MILLISECONDS = [40, 50, 60, 200, 80]


def dark(step: int, height: int = 48, width: int = 64) -> Image.Image:
    """Return a dark square on a darker ground, which moves with each step."""
    pixels = np.full((height, width, 3), 12, np.uint8)
    pixels[10:30, 4 + 6 * step : 24 + 6 * step] = (30, 20, 10)
    return Image.fromarray(pixels)


def animation(path: Path, plays: int | None = 3, *, holes: bool = False, **options: object) -> Path:
    frames = [dark(step) for step in range(len(MILLISECONDS))]
    if holes:
        for frame in frames:
            mask = Image.new("L", frame.size, 255)
            mask.paste(0, (0, 0, 64, 8))
            frame.putalpha(mask)
    if plays is not None:
        options["loop"] = plays
    kind = {".apng": "PNG", ".png": "PNG", ".gif": "GIF", ".webp": "WEBP"}[path.suffix]
    if kind == "WEBP":
        options["lossless"] = True
    times = MILLISECONDS[bool(options.get("default_image")) :]
    first, *rest = frames
    first.save(path, kind, save_all=True, append_images=rest, duration=times, **options)
    return path


def enhance(source: Path, target: Path, **options: object) -> Report:
    wanted = Options(threads=1, **options)  # type: ignore[arg-type]
    with closing(sessions_for(wanted)) as sessions:
        return enhance_image(source, target, wanted, sessions)


def frames_of(path: Path) -> Iterator[tuple[np.ndarray, float | None]]:
    with Image.open(path) as image:
        for place in range(image.n_frames):  # type: ignore[attr-defined]
            image.seek(place)
            pixels = np.asarray(image.convert("RGBA"))
            yield pixels, image.info.get("duration")


@pytest.mark.parametrize("source", [".gif", ".png", ".webp"])
@pytest.mark.parametrize("target", [".gif", ".apng", ".webp"])
def test_every_picture_of_an_animation_is_enhanced_at_its_time(
    tmp_path: Path, source: str, target: str
) -> None:
    before, after = animation(tmp_path / f"a{source}"), tmp_path / f"b{target}"
    report = enhance(before, after)
    assert report.frames_out == 5 and report.temporal == 1
    pairs = list(zip(frames_of(before), frames_of(after), strict=True))
    for (dark_pixels, _), (lit_pixels, _) in pairs:
        assert lit_pixels[..., :3].mean() > 1.5 * dark_pixels[..., :3].mean()
        square = np.argwhere(lit_pixels[20, :, 0] > lit_pixels[20, :, 0].mean() + 10)
        assert abs(square.mean() - np.argwhere(dark_pixels[20, :, 0] > 20).mean()) < 2  # nothing lags behind
    assert [time for _, (_, time) in pairs] == MILLISECONDS


@pytest.mark.parametrize(
    ("suffix", "plays"), [(".gif", None), (".gif", 0), (".gif", 4), (".png", 2), (".webp", 7)]
)
def test_an_animation_plays_as_often(tmp_path: Path, suffix: str, plays: int | None) -> None:
    before, after = animation(tmp_path / f"a{suffix}", plays), tmp_path / f"b{suffix}"
    enhance(before, after)
    with Image.open(before) as first, Image.open(after) as second:
        assert first.info.get("loop") == second.info.get("loop") == plays


@pytest.mark.parametrize("suffix", [".gif", ".png", ".webp"])
def test_holes_of_an_animation_stay(tmp_path: Path, suffix: str) -> None:
    before, after = animation(tmp_path / f"a{suffix}", holes=True), tmp_path / f"b{suffix}"
    enhance(before, after)
    for (dark_pixels, _), (lit_pixels, _) in zip(frames_of(before), frames_of(after), strict=True):
        np.testing.assert_array_equal(lit_pixels[..., 3], dark_pixels[..., 3])


def test_the_cover_of_an_animated_png_stays_its_cover(tmp_path: Path) -> None:
    before, after = animation(tmp_path / "a.png", default_image=True), tmp_path / "b.png"
    enhance(before, after)
    with Image.open(after) as image:
        assert image.default_image  # type: ignore[attr-defined]
        assert image.n_frames == 5  # type: ignore[attr-defined]


def test_a_still_takes_the_first_picture_and_says_so(tmp_path: Path) -> None:
    report = enhance(animation(tmp_path / "a.gif"), tmp_path / "b.jpg")
    assert report.frames_out == 1
    assert any("only the first of 5" in warning for warning in report.warnings)


def test_strength_zero_leaves_animations_as_they_are(tmp_path: Path) -> None:
    before, after = animation(tmp_path / "a.png", holes=True), tmp_path / "b.webp"
    enhance(before, after, strength=0.0)
    for (dark_pixels, _), (lit_pixels, _) in zip(frames_of(before), frames_of(after), strict=True):
        seen = dark_pixels[..., 3] > 0
        np.testing.assert_array_equal(lit_pixels[seen], dark_pixels[seen])


def test_stills_are_enhanced_alone_after_an_animation(tmp_path: Path) -> None:
    dark(0).save(tmp_path / "a.png")
    options = Options(threads=1)
    with closing(sessions_for(options)) as sessions:
        enhance_image(tmp_path / "a.png", tmp_path / "first.png", options, sessions)
        enhance_image(animation(tmp_path / "b.gif"), tmp_path / "b.webp", options, sessions)
        enhance_image(tmp_path / "a.png", tmp_path / "second.png", options, sessions)
    assert (tmp_path / "first.png").read_bytes() == (tmp_path / "second.png").read_bytes()


def test_temporal_is_refused_for_stills(tmp_path: Path) -> None:
    dark(0).save(tmp_path / "a.png")
    with pytest.raises(UsageError, match="temporal"):
        enhance(tmp_path / "a.png", tmp_path / "b.png", temporal=0.5)


def test_a_gif_still_becomes_a_video(tmp_path: Path) -> None:
    from rtvideo.api import enhance_file
    from tests.helpers import clips

    report = enhance_file(animation(tmp_path / "a.gif"), tmp_path / "b.mkv", threads=1)
    assert report.frames_out == len(clips.frames(tmp_path / "b.mkv")) == 5


@pytest.mark.parametrize(
    ("name", "command"),
    [("a.jxl", "djxl a.jxl"), ("b.EXR", "magick b.EXR")],
)
def test_photographs_that_are_not_read_name_what_converts_them(
    tmp_path: Path, name: str, command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / name).write_bytes(b"anything")
    assert main(["-i", str(tmp_path / name), "-o", str(tmp_path / "out.png")]) == 3
    (line,) = capsys.readouterr().err.splitlines()
    assert command in line


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_linear_light_is_enhanced_as_srgb_is(tmp_path: Path, dtype: type) -> None:
    """The same picture, stored in linear light and in sRGB, comes out the same."""
    top = np.iinfo(dtype).max
    code = np.asarray(dark(2)) / 255
    light = np.where(code <= 0.04045, code / 12.92, ((code + 0.055) / 1.055) ** 2.4)
    gamma = Part(PartKind.GAMMA, (100_000).to_bytes(4, "big"))
    images.write(Picture((code * top).round().astype(dtype)), tmp_path / "srgb.png")
    images.write(Picture((light * top).round().astype(dtype), parts=[gamma]), tmp_path / "linear.png")
    for name in ("srgb", "linear"):
        enhance(tmp_path / f"{name}.png", tmp_path / f"{name}_lit.png")
    srgb = images.read(tmp_path / "srgb_lit.png").pixels / top
    linear = images.read(tmp_path / "linear_lit.png").pixels / top
    shown = np.where(
        linear <= 0.0031308, 12.92 * linear, 1.055 * np.maximum(linear, 1e-9) ** (1 / 2.4) - 0.055
    )
    assert np.abs(shown - srgb).max() < (0.005 if dtype == np.uint16 else 0.25)  # 8 linear bits are coarse


def test_linear_light_at_strength_zero_stays_bit_for_bit(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 65535, (20, 30, 3), np.uint16)
    gamma = Part(PartKind.GAMMA, (100_000).to_bytes(4, "big"))
    images.write(Picture(pixels, parts=[gamma]), tmp_path / "linear.png")
    enhance(tmp_path / "linear.png", tmp_path / "lit.png", strength=0.0)
    np.testing.assert_array_equal(images.read(tmp_path / "lit.png").pixels, pixels)


@pytest.mark.compile
def test_noise_removal_is_told_of_the_noise(tmp_path: Path) -> None:
    """A photograph without noise keeps its texture, unless all of noise removal is asked for."""
    rng = np.random.default_rng(0)
    clean = 8 + 12 * np.linspace(0, 1, 320)[None] + np.zeros((240, 1))
    clean[:, 160:] += 2 * (np.indices((240, 160)).sum(0) // 3 % 2)
    found = {}
    for name, noise in (("clean", 0.2), ("noisy", 3.0)):
        pixels = np.dstack([clean + rng.normal(0, noise, clean.shape) for _ in range(3)])
        Image.fromarray(np.rint(pixels).astype(np.uint8)).save(tmp_path / f"{name}.png")
        for denoise in (None, 1.0):
            options, target = Options(denoise=denoise), tmp_path / f"{name}_{denoise}.png"
            report = enhance_image(tmp_path / f"{name}.png", target, options, sessions_for(options))
            found[name, denoise] = report.denoise, np.asarray(Image.open(target), float)
    assert found["clean", 1.0][0] == found["noisy", None][0] == found["noisy", 1.0][0] == 1
    assert found["clean", None][0] < 0.6
    np.testing.assert_array_equal(found["noisy", None][1], found["noisy", 1.0][1])
    kept, taken = (np.abs(np.diff(found["clean", d][1][:, 160:], axis=0)).mean() for d in (None, 1.0))
    assert kept > 1.05 * taken
