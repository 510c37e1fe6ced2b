"""HEIC and AVIF of 10 and 12 bits, in and out, against readers that are not those of the program."""

from __future__ import annotations

import io
import shutil
import struct
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image, ImageCms

from rtvideo.errors import InputError
from rtvideo.media import images
from rtvideo.media.images import avif, heif
from rtvideo.media.images.metadata import Part, PartKind, first
from rtvideo.media.images.picture import Picture
from tests.rtvideo.media.images.test_metadata import XMP, exif, tags

pillow_heif = pytest.importorskip("pillow_heif", reason="pillow_heif reads HEIC")

ICC = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()

#: A display of P3, 1000 to 0.005 cd/m2, and a picture of 800 cd/m2 at most.
MASTERING = struct.pack(">8H2I", 34000, 16000, 13250, 34500, 7500, 3000, 15635, 16450, 10000000, 50)
LIGHT = struct.pack(">II", 800 * 10_000, 100 * 10_000)


def ramp(height: int = 64, width: int = 96) -> npt.NDArray[np.uint16]:
    """A gradient of codes of which 8 bits hold a quarter."""
    y, x = np.mgrid[0:height, 0:width]
    return np.stack([20000 + 60 * x, 30000 + 60 * y, 25000 + 30 * (x + y)], -1).astype(np.uint16)


def seen(path: Path, size: tuple[int, int]) -> npt.NDArray[Any]:
    """Return RGB, 0..1, of a size, as another program reads it: imagecodecs (libavif) or FFmpeg."""
    if path.suffix == ".avif":
        codecs = pytest.importorskip("imagecodecs", reason="imagecodecs reads AVIF")
        samples = codecs.avif_decode(path.read_bytes())[..., :3]
        return np.asarray(samples / (1023 if samples.dtype == np.uint16 else 255))
    with av.open(path) as container:
        frame = next(container.decode(video=0))
    made = frame.reformat(format="rgb48le", src_colorspace=frame.colorspace, src_color_range=2)
    return made.to_ndarray()[: size[1], : size[0]] / 65535  # FFmpeg cuts odd sizes as little as HEVC does


@pytest.mark.parametrize("bits", [10, 12])
@pytest.mark.parametrize("suffix", [".heic", ".avif"])
def test_every_bit_is_read(tmp_path: Path, suffix: str, bits: int) -> None:
    codes, path = ramp() >> (16 - bits), tmp_path / f"a{suffix}"
    if suffix == ".avif":
        codecs = pytest.importorskip("imagecodecs", reason="imagecodecs writes AVIF of 12 bits")
        path.write_bytes(codecs.avif_encode(codes, level=98, bitspersample=bits))
    else:
        mode, size = f"RGB;{bits}", (codes.shape[1], codes.shape[0])
        made = pillow_heif.from_bytes(mode, size, codes.tobytes())
        made.save(path, quality=98, bit_depth=bits, chroma=444)
    picture = images.read(path)
    assert (picture.pixels.dtype, picture.bits, picture.warnings) == (np.uint16, bits, [])
    wrong = picture.pixels / 65535 - codes / ((1 << bits) - 1)
    assert np.abs(wrong).max() < 8 / 1023 and np.sqrt(np.square(wrong).mean()) < 2 / 1023


@pytest.mark.parametrize("transparent", [False, True])
@pytest.mark.parametrize("grey", [False, True])
@pytest.mark.parametrize("suffix", [".heic", ".avif"])
def test_ten_bits_are_written(tmp_path: Path, suffix: str, grey: bool, transparent: bool) -> None:
    pixels, path = ramp(65, 97), tmp_path / f"a{suffix}"
    shown = pixels[..., :1].repeat(3, axis=2) if grey else pixels
    alpha = pixels[..., 2] if transparent else None
    picture = Picture(pixels[..., 0] if grey else pixels, alpha, bits=10)
    assert images.losses(picture, path) == []
    images.write(picture, path)
    assert heif.depth(path.read_bytes()) == 10
    if not (grey and suffix == ".heic"):
        assert np.abs(seen(path, (97, 65)) - shown / 65535).max() < 10 / 1023
    back = images.read(path)
    assert (back.pixels.dtype, back.bits) == (np.uint16, 10)
    assert np.abs(back.pixels.reshape(65, 97, -1) / 65535 - shown / 65535).max() < 10 / 1023
    assert (back.alpha is None) == (alpha is None)
    if alpha is not None and back.alpha is not None:
        assert np.abs(back.alpha / 65535 - alpha / 65535).max() < 6 / 1023


@pytest.mark.parametrize("suffix", [".heic", ".avif"])
def test_what_lies_beside_deep_pixels(tmp_path: Path, suffix: str) -> None:
    parts = [
        *(Part(PartKind.EXIF, exif(6)), Part(PartKind.XMP, XMP % b""), Part(PartKind.CICP, b"\x09\x10\0\1")),
        *(Part(PartKind.MASTERING, MASTERING), Part(PartKind.LIGHT, LIGHT)),
    ]
    path = tmp_path / f"a{suffix}"
    picture = Picture(ramp(), format="PNG", bits=10, curve="pq", parts=parts)
    assert images.losses(picture, path) == []
    images.write(picture, path)
    back = images.read(path)
    assert back.pixels.shape == (96, 64, 3) and back.orientation == 1 and back.curve == "pq"
    for kind in (PartKind.XMP, PartKind.CICP, PartKind.MASTERING, PartKind.LIGHT):
        assert first(back.parts, kind) == first(parts, kind), kind
    images.write(back, tmp_path / "b.png")
    assert {part.kind for part in images.read(tmp_path / "b.png").parts} >= {part.kind for part in parts}
    with av.open(path) as container:
        frame = next(container.decode(video=0))
    assert (frame.color_primaries, frame.color_trc, frame.colorspace, frame.color_range) == (9, 16, 9, 2)
    if shutil.which("exiftool") is None:
        pytest.skip("no exiftool")
    read = tags(path)
    assert read["IFD0:Make"] == "lamp works" and read["GPS:GPSLatitudeRef"] == "N"
    assert (read["QuickTime:ColorPrimaries"], read["QuickTime:TransferCharacteristics"]) == (9, 16)


@pytest.mark.parametrize("suffix", [".heic", ".avif"])
def test_a_profile_beside_deep_pixels(tmp_path: Path, suffix: str) -> None:
    picture, path = Picture(ramp(), bits=10, parts=[Part(PartKind.ICC, ICC)]), tmp_path / f"a{suffix}"
    images.write(picture, path)
    heif.require("HEIF")
    with Image.open(path) as image:
        assert image.info["icc_profile"] == ICC
    assert [part.kind for part in images.read(path).parts] == [PartKind.ICC]


def test_wide_gamut_by_code_points_stays(tmp_path: Path) -> None:
    """Display P3 without a profile, 8 bits, as some phones and browsers write it."""
    heif.require("HEIF")
    points = Part(PartKind.CICP, bytes((12, 13, 0, 1)))
    for suffix in (".heic", ".avif"):
        path = tmp_path / f"a{suffix}"
        images.write(Picture((ramp() >> 8).astype(np.uint8), parts=[points]), path)
        back = images.read(path)
        assert back.pixels.dtype == np.uint8 and first(back.parts, PartKind.CICP) == points.data
        images.write(back, tmp_path / "b.jpg")
        with Image.open(tmp_path / "b.jpg") as image:
            assert image.info["icc_profile"]


def test_what_ten_and_twelve_bits_cannot_hold_is_said(tmp_path: Path) -> None:
    deep, tiny = Picture(ramp()), Picture(ramp(2, 3))
    for picture, name, bits in ((deep, "a.heic", 12), (deep, "a.avif", 10), (tiny, "a.avif", 8)):
        (line,) = images.losses(picture, tmp_path / name)
        assert f"holds {bits} bits a sample; rounded from 16" in line
    images.write(tiny, tmp_path / "a.avif")
    assert images.read(tmp_path / "a.avif").pixels.shape == (2, 3, 3)


def test_a_picture_of_tiles_is_read_in_8_bits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    images.write(Picture(ramp(), bits=10), tmp_path / "a.avif")
    monkeypatch.setattr(avif, "read", lambda data, size: None)  # no encoder here makes tiles
    picture = images.read(tmp_path / "a.avif")
    assert picture.pixels.dtype == np.uint8 and "10 bits a sample are read as 8" in picture.warnings[0]
    monkeypatch.undo()
    assert avif.read((tmp_path / "a.avif").read_bytes(), (192, 64)) is None


def test_damaged_deep_files(tmp_path: Path) -> None:
    for suffix in (".heic", ".avif"):
        images.write(Picture(ramp(), bits=10), tmp_path / f"a{suffix}")
        data = (tmp_path / f"a{suffix}").read_bytes()
        for end in range(40, len(data), len(data) // 7):
            (tmp_path / f"b{suffix}").write_bytes(data[:end])
            with pytest.raises(InputError):
                images.read(tmp_path / f"b{suffix}")


def test_light_properties_that_are_not_written_are_named() -> None:
    heif.require("HEIF")
    with io.BytesIO() as file:
        made = pillow_heif.from_bytes("RGB;10", (96, 64), (ramp() >> 6).tobytes())
        ambient = {"ambient_illumination": 3140000, "ambient_light_x": 15635, "ambient_light_y": 16450}
        made.save(file, ambient_viewing_environment=ambient)
        data = file.getvalue()
    assert "ambient viewing environment" in map(str, heif.parts(data))
