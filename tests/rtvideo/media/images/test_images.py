"""Still images: what is read is what was stored, and what is written keeps what the format can hold."""

from __future__ import annotations

import os
import struct
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms, ImageOps

from rtvideo.errors import InputError, OutputError, UsageError
from rtvideo.media import images
from rtvideo.media.images import Picture
from rtvideo.media.images.metadata import Part, PartKind, density, first

ICC = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
ORIENTATION, MAKER, STRIP_OFFSETS, EXIF_IFD, TAKEN = 274, 271, 273, 0x8769, 0x9003


def noise(*shape: int, dtype: type = np.uint8) -> npt.NDArray[np.generic]:
    return np.random.default_rng(0).integers(0, np.iinfo(dtype).max, shape, dtype, endpoint=True)


def exif() -> Image.Exif:
    tags = Image.Exif()
    tags[ORIENTATION], tags[MAKER] = 6, "lamp works"
    tags.get_ifd(EXIF_IFD)[TAKEN] = "2021:06:19 23:00:00"
    return tags


def exif_data() -> bytes:
    return exif().tobytes().removeprefix(b"Exif\0\0")


def decode_with_ffmpeg(path: Path, form: str) -> npt.NDArray[np.generic]:
    with path.open("rb") as file, av.open(file) as container:
        frame = next(container.decode(video=0))
        assert frame.format.name == form
        return frame.to_ndarray()


@pytest.mark.parametrize("suffix", [".png", ".tiff"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [0, 1, 3, 4], ids=["grey", "grey+alpha", "rgb", "rgba"])
@pytest.mark.parametrize("size", [(1, 1), (5, 7), (64, 33)])
def test_lossless_formats_are_bit_exact(
    tmp_path: Path, suffix: str, dtype: type, channels: int, size: tuple[int, int]
) -> None:
    pixels = noise(*size, 3, dtype=dtype) if channels >= 3 else noise(*size, dtype=dtype)
    alpha = noise(*size, dtype=dtype) if channels in (1, 4) else None
    target = tmp_path / f"a{suffix}"
    assert images.losses(Picture(pixels, alpha), target) == []
    images.write(Picture(pixels, alpha), target)
    back = images.read(target)
    np.testing.assert_array_equal(back.pixels, pixels)
    assert back.pixels.dtype == dtype
    if alpha is None:
        assert back.alpha is None
    else:
        np.testing.assert_array_equal(back.alpha, alpha)


@pytest.mark.slow
@settings(deadline=None, derandomize=True, max_examples=30)
@given(st.integers(1, 40), st.integers(1, 40), st.booleans(), st.integers(0, 2**32 - 1))
def test_deep_colour_round_trip(
    tmp_path_factory: pytest.TempPathFactory, h: int, w: int, alpha: bool, seed: int
) -> None:
    pixels = np.random.default_rng(seed).integers(0, 65535, (h, w, 3), np.uint16, endpoint=True)
    for suffix in (".png", ".tif"):
        target = tmp_path_factory.mktemp("deep") / f"a{suffix}"
        images.write(
            Picture(pixels, pixels[..., 0] if alpha else None, parts=[Part(PartKind.ICC, ICC)]), target
        )
        back = images.read(target)
        np.testing.assert_array_equal(back.pixels, pixels)
        assert (back.alpha is not None) == alpha
        assert first(back.parts, PartKind.ICC) == ICC


@pytest.mark.parametrize(("suffix", "form"), [(".png", "rgb48be"), (".tiff", "rgb48be")])
def test_other_readers_understand_deep_colour(tmp_path: Path, suffix: str, form: str) -> None:
    pixels = noise(9, 11, 3, dtype=np.uint16)
    target = tmp_path / f"a{suffix}"
    parts = [Part(PartKind.ICC, ICC), Part(PartKind.EXIF, exif_data()), density(1, 72, 72)]
    images.write(Picture(pixels, format="PNG" if suffix == ".png" else "TIFF", parts=parts), target)
    np.testing.assert_array_equal(decode_with_ffmpeg(target, form), pixels)
    with Image.open(target) as image:
        assert ImageOps.exif_transpose(image).size == (9, 11)


def test_a_percent_sign_is_part_of_the_name(tmp_path: Path) -> None:
    pixels = noise(3, 4, 3, dtype=np.uint16)
    target = tmp_path / "night%03d.png"
    images.write(Picture(pixels), target)
    np.testing.assert_array_equal(images.read(target).pixels, pixels)


@pytest.mark.parametrize(
    ("source", "deep"),
    [(".png", False), (".png", True), (".jpg", False), (".tiff", False), (".tiff", True), (".webp", False)],
)
@pytest.mark.parametrize("target", [".png", ".jpg", ".tiff", ".webp"])
def test_profile_exif_and_orientation_are_kept(tmp_path: Path, source: str, target: str, deep: bool) -> None:
    before_path, after_path = tmp_path / f"a{source}", tmp_path / f"b{target}"
    if deep:
        images.write(
            Picture(
                noise(20, 30, 3, dtype=np.uint16),
                parts=[Part(PartKind.ICC, ICC), Part(PartKind.EXIF, exif_data())],
            ),
            before_path,
        )
    else:
        Image.fromarray(noise(20, 30, 3)).save(before_path, exif=exif().tobytes(), icc_profile=ICC)
    picture = images.read(before_path)
    images.write(picture, after_path)
    with Image.open(before_path) as image:
        before = ImageOps.exif_transpose(image)
    with Image.open(after_path) as image:
        after = ImageOps.exif_transpose(image)
        assert after.size == before.size == (20, 30)
        if {source, target}.isdisjoint({".jpg", ".webp"}) and not deep:
            np.testing.assert_array_equal(np.asarray(after), np.asarray(before))
        assert image.info["icc_profile"] == ICC
        tags = image.getexif()
        assert tags[MAKER] == "lamp works"
        if target != ".tiff":
            assert STRIP_OFFSETS not in tags  # where the pixels of the old file lay
        assert tags.get_ifd(EXIF_IFD)[TAKEN] == "2021:06:19 23:00:00"


@pytest.mark.parametrize("subsampling", [0, 1, 2])
def test_jpeg_keeps_colour_and_subsampling(tmp_path: Path, subsampling: int) -> None:
    rows, columns = np.mgrid[0:61, 0:83].astype(np.float64)
    smooth = np.stack([rows * 3, columns * 2, 200 - rows], axis=2).astype(np.uint8)
    first, second = tmp_path / "a.jpg", tmp_path / "b.jpg"
    Image.fromarray(smooth).save(first, quality=90, subsampling=subsampling)
    picture = images.read(first)
    images.write(picture, second)
    back = images.read(second)
    assert back.sampling == subsampling
    shift = back.pixels.astype(float).mean((0, 1)) - picture.pixels.astype(float).mean((0, 1))
    assert np.abs(shift).max() < 0.3
    assert np.abs(back.pixels.astype(int) - picture.pixels).max() <= 12


def test_lossless_input_stays_lossless_in_webp(tmp_path: Path) -> None:
    pixels = noise(17, 19, 3)
    images.write(Picture(pixels, noise(17, 19)), tmp_path / "a.webp")
    picture = images.read(tmp_path / "a.webp")
    assert picture.lossless
    np.testing.assert_array_equal(picture.pixels, pixels)
    Image.fromarray(pixels).save(tmp_path / "lossy.webp", quality=50, icc_profile=ICC)
    assert not images.read(tmp_path / "lossy.webp").lossless


def test_palette_and_bilevel_are_expanded(tmp_path: Path) -> None:
    pixels = noise(8, 9, 3) // 128 * 255
    palette = Image.fromarray(pixels).quantize(8)
    palette.save(tmp_path / "p.png")
    np.testing.assert_array_equal(images.read(tmp_path / "p.png").pixels, np.asarray(palette.convert("RGB")))
    palette.save(tmp_path / "t.png", transparency=0)
    see_through = images.read(tmp_path / "t.png")
    np.testing.assert_array_equal(see_through.alpha == 0, np.asarray(palette) == 0)
    Image.fromarray(pixels[..., 0] > 0).save(tmp_path / "b.png")
    np.testing.assert_array_equal(images.read(tmp_path / "b.png").pixels, pixels[..., 0])


def test_what_the_format_cannot_hold_is_named(tmp_path: Path) -> None:
    deep = Picture(np.full((4, 4, 3), 0x8080, np.uint16), np.full((4, 4), 0x1010, np.uint16))
    notes = images.losses(deep, tmp_path / "a.jpg")
    images.write(deep, tmp_path / "a.jpg")
    told = [("rounded from 16" in note, "transparency" in note) for note in notes]
    assert told == [(True, False), (False, True)]
    np.testing.assert_allclose(images.read(tmp_path / "a.jpg").pixels, 0x80, atol=1)
    images.write(deep, tmp_path / "a.webp")
    np.testing.assert_array_equal(images.read(tmp_path / "a.webp").pixels, 0x80)
    np.testing.assert_array_equal(images.read(tmp_path / "a.webp").alpha, 0x10)


def test_more_than_one_page_is_named(tmp_path: Path) -> None:
    pages = [Image.fromarray(noise(4, 4, 3)) for _ in range(3)]
    pages[0].save(tmp_path / "a.tiff", save_all=True, append_images=pages[1:])
    assert "3 images" in images.read(tmp_path / "a.tiff").warnings[0]


def test_cmyk_becomes_rgb(tmp_path: Path) -> None:
    Image.new("CMYK", (8, 8), (0, 0, 0, 0)).save(tmp_path / "a.jpg")
    np.testing.assert_array_equal(images.read(tmp_path / "a.jpg").pixels, 255)


@pytest.mark.parametrize(
    "content", [b"", b"hello\n", b"\x89PNG\r\n\x1a\n", None], ids=["empty", "text", "stub", "missing"]
)
def test_what_is_not_an_image(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "a.png"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=r"a\.png: ") as caught:
        images.read(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tiff", ".webp"])
def test_truncated(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    Image.fromarray(noise(64, 64, 3)).save(path)
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(InputError, match=r"cannot be read|not a"):
        images.read(path)


def test_truncated_deep_colour(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    images.write(Picture(noise(64, 64, 3, dtype=np.uint16)), path)
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(InputError, match="cannot be read"):
        images.read(path)


def test_absurd_size(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    Image.fromarray(noise(2, 2, 3)).save(path)
    data = bytearray(path.read_bytes())
    data[16:24] = struct.pack(">II", 100_000, 100_000)
    import zlib

    data[29:33] = struct.pack(">I", zlib.crc32(data[12:29]))
    path.write_bytes(data)
    with pytest.raises(InputError, match="megapixels"):
        images.read(path)


def test_other_pixel_kinds_are_refused(tmp_path: Path) -> None:
    Image.fromarray(np.ones((4, 4), np.float32)).save(tmp_path / "a.tiff")
    with pytest.raises(InputError, match="floating-point"):
        images.read(tmp_path / "a.tiff")


def test_targets_that_are_refused(tmp_path: Path) -> None:
    source, other, link, hard = (tmp_path / name for name in ("a.png", "b.png", "link.png", "hard.png"))
    for path in (source, other):
        images.write(Picture(noise(2, 2)), path)
    link.symlink_to(source)
    os.link(source, hard)
    for target in (source, link, hard):
        with pytest.raises(UsageError, match="is the input"):
            images.check_target(source, target, overwrite=True)
    with pytest.raises(UsageError, match="--overwrite"):
        images.check_target(source, other, overwrite=False)
    images.check_target(source, other, overwrite=True)
    with pytest.raises(UsageError, match=r"\.xyz"):
        images.check_target(source, tmp_path / "a.xyz", overwrite=True)
    with pytest.raises(OutputError, match="no such folder"):
        images.check_target(source, tmp_path / "none" / "a.png", overwrite=True)


def test_a_failed_write_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wide = Picture(np.zeros((1, 70_000), np.uint8))
    with pytest.raises(OutputError, match="cannot be written"):
        images.write(wide, tmp_path / "a.jpg")

    def full(source: Path, target: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OutputError, match="No space left"):
        images.write(wide, tmp_path / "a.png")
    assert list(tmp_path.iterdir()) == []
