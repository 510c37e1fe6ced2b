"""HEIC and AVIF in and out, as phones write them; without the package one line says how to get it."""

from __future__ import annotations

import io
import struct
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from rtvideo.errors import UnavailableError
from rtvideo.media import images
from rtvideo.media.images import heif
from rtvideo.media.images.picture import Picture
from tests.rtvideo.media.images.test_metadata import XMP, exif, scene

ICC = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


@pytest.fixture
def heic() -> None:
    pytest.importorskip("pillow_heif", reason="pillow_heif reads HEIC")
    heif.require("HEIF")


def photo(suffix: str, **options: object) -> bytes:
    with io.BytesIO() as file:
        name = {".heic": "HEIF", ".avif": "AVIF"}[suffix]
        Image.fromarray(scene(64, 96)).save(file, name, quality=95, **options)
        return file.getvalue()


@pytest.mark.usefixtures("heic")
@pytest.mark.parametrize("source", [".heic", ".avif"])
@pytest.mark.parametrize("target", [".heic", ".avif", ".jpg", ".png"])
def test_photographs_of_phones(tmp_path: Path, source: str, target: str) -> None:
    packet = XMP % b""
    data = photo(source, exif=b"Exif\0\0" + exif(), xmp=packet, icc_profile=ICC)
    (tmp_path / f"a{source}").write_bytes(data)
    picture = images.read(tmp_path / f"a{source}")
    assert np.abs(picture.pixels.astype(int) - scene(64, 96)).max() < 24
    path = tmp_path / f"b{target}"
    assert picture.warnings + images.losses(picture, path) == []
    images.write(picture, path)
    with Image.open(path) as image:
        assert image.info["icc_profile"] == ICC
        tags = image.getexif()
        assert tags[271] == "lamp works" and tags.get_ifd(0x8825)[1] == "N"
        assert np.abs(np.asarray(image.convert("RGB")).astype(int) - scene(64, 96)).max() < 32
    assert packet in path.read_bytes()


@pytest.mark.usefixtures("heic")
@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", [".heic", ".avif"])
def test_orientation(tmp_path: Path, suffix: str, orientation: int) -> None:
    (tmp_path / f"a{suffix}").write_bytes(photo(suffix, exif=b"Exif\0\0" + exif(orientation)))
    picture = images.read(tmp_path / f"a{suffix}")
    images.write(picture, tmp_path / "b.png")
    images.write(picture, tmp_path / f"c{suffix}")
    stored = Image.fromarray(scene(64, 96))
    method = {2: 0, 3: 3, 4: 1, 5: 5, 6: 4, 7: 6, 8: 2}.get(orientation)
    expected = np.asarray(stored if method is None else stored.transpose(Image.Transpose(method)))
    for name in ("b.png", f"c{suffix}"):
        with Image.open(tmp_path / name) as image:
            assert image.getexif().get(274, 1) == 1
            shown = np.asarray(image.convert("RGB")).astype(int)
        assert shown.shape == expected.shape and np.abs(shown - expected).max() < 24, name


@pytest.mark.usefixtures("heic")
def test_alpha_and_grey(tmp_path: Path) -> None:
    pixels = scene(64, 96)
    for suffix in (".heic", ".avif"):
        images.write(Picture(pixels, pixels[..., 2]), tmp_path / f"a{suffix}")
        back = images.read(tmp_path / f"a{suffix}")
        assert back.alpha is not None and np.abs(back.alpha.astype(int) - pixels[..., 2]).max() < 24
        images.write(Picture(pixels[..., 0]), tmp_path / f"b{suffix}")
        grey = images.read(tmp_path / f"b{suffix}").pixels
        assert np.abs(grey.reshape(64, 96, -1).astype(int) - pixels[..., :1]).max() < 24


@pytest.mark.usefixtures("heic")
def test_a_heic_that_is_called_jpg(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(photo(".heic"))
    assert images.read(tmp_path / "a.jpg").format == "HEIF"


def test_without_pillow_heif(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    brand = struct.pack(">I", 24) + b"ftypheic" + bytes(4) + b"mif1heic"
    for name in ("a.heic", "b.jpg"):
        (tmp_path / name).write_bytes(brand + bytes(100))
        with pytest.raises(UnavailableError, match=r"pip install 'rtvideo\[photos\]'") as caught:
            images.read(tmp_path / name)
        assert "\n" not in str(caught.value)
    with pytest.raises(UnavailableError, match="photos"):
        images.check_target(tmp_path / "b.jpg", tmp_path / "c.heic", overwrite=False)


def test_an_old_pillow_without_avif(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.avif").write_bytes(struct.pack(">I", 24) + b"ftypavif" + bytes(12) + bytes(100))
    monkeypatch.setattr("PIL.features.check", lambda name: False)
    with pytest.raises(UnavailableError, match="--upgrade"):
        images.read(tmp_path / "a.avif")
