"""Every form of TIFF, PNG, JPEG, WebP, AVIF, BMP and GIF that Pillow, tifffile and FFmpeg write.

Each is read as another reader reads it, or refused by one line: never black, scrambled, or halved in depth. A
seeded sample of the forms is tried; ``RTVIDEO_MATRIX=all`` tries all of them, which takes minutes.
"""

from __future__ import annotations

import itertools
import os
import random
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image, features

from rtvideo.errors import InputError
from rtvideo.media import images

tifffile = pytest.importorskip("tifffile", reason="tifffile writes and reads TIFF files of all forms")
imagecodecs = pytest.importorskip("imagecodecs", reason="imagecodecs is another decoder of most formats")

#: Forms of one family that are tried.
SAMPLE = 120

HEIGHT, WIDTH = 37, 45

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Form:
    """One way to store a picture.

    Attributes:
        write: makes a file; raises if there is no such form.
        expect: what another reader finds in it; None if the form must be refused.
        tolerance: how far samples may be from that.
        refusable: it may be refused instead.
    """

    name: str
    write: Callable[[Path], None]
    expect: Callable[[Path], Array] | None
    tolerance: float = 0
    refusable: bool = False


def check(forms: Iterator[Form], tmp_path: Path) -> None:
    """Try (a sample of) the forms, and show which are wrong."""
    tried = list(forms)
    if os.environ.get("RTVIDEO_MATRIX") != "all" and len(tried) > SAMPLE:
        tried = random.Random(0).sample(tried, SAMPLE)
    wrong, written = [], 0
    for form in tried:
        path = tmp_path / "form"
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                form.write(path)
        except Exception:  # there is no such form
            continue
        written += 1
        problem = problem_of(form, path)
        if problem:
            wrong.append(f"{form.name}: {problem}")
    assert not wrong, f"{len(wrong)} of {written} forms:\n" + "\n".join(wrong[:20])
    assert written > len(tried) / 5


def problem_of(form: Form, path: Path) -> str:
    try:
        found = images.read(path).interleaved
    except InputError as error:
        allowed = form.refusable or form.expect is None
        return "" if allowed and "\n" not in str(error) else f"refused: {error}"
    if form.expect is None:
        return "read, though its samples have no place in 16 bits"
    expected = form.expect(path)
    if (found.dtype, found.shape) != (expected.dtype, expected.shape):
        return f"{found.dtype}{found.shape} for {expected.dtype}{expected.shape}"
    difference = np.abs(found.astype(float) - expected).max()
    return f"differs by {difference:g}" if difference > form.tolerance else ""


def noise(*shape: int, dtype: Any = np.uint8) -> Array:
    chance = np.random.default_rng(sum(shape))
    if np.issubdtype(dtype, np.integer):
        return chance.integers(np.iinfo(dtype).min, np.iinfo(dtype).max, shape, dtype, endpoint=True)
    return chance.random(shape).astype(dtype)


def smooth(*shape: int) -> npt.NDArray[np.uint8]:
    """Return what survives compression with loss."""
    rows, columns = np.mgrid[0 : shape[0], 0 : shape[1]]
    planes = [rows * 2 + columns * (3 - c % 3) + 6 * c for c in range(shape[2] if shape[2:] else 1)]
    return np.stack(planes, axis=2).reshape(shape).astype(np.uint8)


LOSSLESS = (None, "zlib", "deflate", "lzw", "packbits", "lzma", "zstd")
LOSSY = ("jpeg", "webp", "jpeg2000", "jpegxl", "lerc", "png", "jpegxr")


def tiff_by_tifffile() -> Iterator[Form]:
    for dtype, count, photometric, tile, planar, order, big, compression, predictor in itertools.product(
        [np.uint8, np.uint16, np.int8, np.int16, np.uint32, np.float16, np.float32],
        [1, 2, 3, 4, 5],
        ["minisblack", "miniswhite", "rgb"],
        [None, (16, 32)],
        ["contig", "separate"],
        "<>",
        [False, True],
        LOSSLESS + LOSSY,
        [None, 2, 3],
    ):
        extra = count - (3 if photometric == "rgb" else 1)
        if (
            extra < 0
            or (planar == "separate" and count == 1)
            or (predictor and compression in (None, *LOSSY))
        ):
            continue
        how = {
            "photometric": photometric,
            "tile": tile,
            "rowsperstrip": None if tile else 10,
            "planarconfig": planar if count > 1 else None,
            "byteorder": order,
            "bigtiff": big,
            "compression": compression,
            "predictor": predictor,
            "extrasamples": {0: None, 1: ["unassalpha"]}.get(extra, ["unspecified"] * extra),
        }
        shape = (HEIGHT, WIDTH, count)[: 2 + (count > 1)]

        def write(path: Path, shape: Any = shape, dtype: Any = dtype, how: dict[str, Any] = how) -> None:
            lossy = how["compression"] in LOSSY
            data = smooth(*shape).astype(dtype) if lossy else noise(*shape, dtype=dtype)
            stored = np.moveaxis(data, -1, 0) if how["planarconfig"] == "separate" else data
            tifffile.imwrite(path, stored, metadata=None, **how)

        whole = dtype in (np.uint8, np.uint16)
        yield Form(
            " ".join(map(str, (np.dtype(dtype), count, *how.values()))),
            write,
            by_tifffile if whole else None,
            tolerance=3 if compression in LOSSY else 0,
            refusable=compression in LOSSY or predictor == 3,
        )


def by_tifffile(path: Path) -> Array:
    """Return colour and alpha as tifffile reads them."""
    with tifffile.TiffFile(path) as file:
        page = file.pages[0]
        data, extra = page.asarray(), tuple(map(int, page.extrasamples))
        if page.planarconfig == 2 and data.ndim == 3:
            data = np.moveaxis(data, 0, -1)
        data = data.reshape(*data.shape[:2], -1)
        if page.photometric == 0:
            data = np.concatenate([np.iinfo(data.dtype).max - data[..., :1], data[..., 1:]], axis=2)
    data = data[..., : data.shape[2] - len(extra) + (extra == (2,))]
    return data if data.shape[2] > 1 else data[..., 0]


def tiff_by_pillow() -> Iterator[Form]:
    compressions = (
        *(None, "tiff_ccitt", "group3", "group4", "jpeg", "tiff_adobe_deflate", "tiff_deflate", "tiff_lzw"),
        *("packbits", "lzma", "zstd", "webp", "tiff_thunderscan"),
    )
    modes = (
        *("1", "L", "LA", "La", "P", "PA", "I;16", "I;16B", "I", "F", "RGB", "RGBX", "RGBA", "RGBa"),
        *("CMYK", "YCbCr", "LAB"),
    )
    for mode, compression, orientation, big in itertools.product(
        modes, compressions, [None, 6], [False, True]
    ):
        if (mode, compression) == ("LAB", "jpeg"):  # hues wrap around, and are lost where they do
            continue
        lossy = compression in ("jpeg", "webp")

        def write(
            path: Path,
            mode: str = mode,
            compression: Any = compression,
            orientation: Any = orientation,
            big: bool = big,
        ) -> None:
            tags = Image.Exif()
            if orientation:
                tags[274] = orientation
            of_mode(mode).save(path, "TIFF", compression=compression, exif=tags, big_tiff=big)

        expect: Any = by_tifffile if mode.startswith("I;16") else lambda path, mode=mode: expected_of(mode)
        rounded = {"LAB": 3, "YCbCr": 2, "La": 1, "RGBa": 1}.get(mode, 0)
        yield Form(
            f"{mode} {compression} {orientation} {big}",
            write,
            None if mode in ("I", "F") else expect,
            tolerance=6 if lossy else rounded,
            refusable=lossy or (mode == "I;16B" and big),  # Pillow 13 writes no strip offsets there
        )


def of_mode(mode: str) -> Image.Image:
    """Return a picture of one of Pillow's modes."""
    if mode.startswith("I;16"):
        return Image.frombytes(mode, (WIDTH, HEIGHT), noise(HEIGHT, WIDTH, dtype=np.uint16).tobytes())
    if mode in ("I", "F"):
        return Image.fromarray(noise(HEIGHT, WIDTH, dtype={"I": np.int32, "F": np.float32}[mode]))
    if mode in ("P", "PA"):
        return Image.fromarray(smooth(HEIGHT, WIDTH, 3)).quantize(64).convert(mode)
    if mode == "1":
        return Image.fromarray(smooth(HEIGHT, WIDTH) > 90)
    bands = {"L": 1, "LA": 2, "La": 2, "RGB": 3, "YCbCr": 3, "LAB": 3}.get(mode, 4)
    data = smooth(HEIGHT, WIDTH, bands)
    if mode in ("La", "RGBa"):
        data[..., :-1] = data[..., :-1].astype(int) * data[..., -1:] // 255
    data = data[..., 0] if bands == 1 else data
    return Image.frombytes(mode, (WIDTH, HEIGHT), data.tobytes())


def expected_of(mode: str) -> Array:
    image = of_mode(mode)
    if mode == "LAB":
        from PIL import ImageCms

        transform = ImageCms.buildTransform(
            ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB"), "LAB", "RGB"
        )
        return np.asarray(ImageCms.applyTransform(image, transform))
    target = {
        "1": "L",
        "P": "RGB",
        "PA": "RGBA",
        "La": "LA",
        "RGBa": "RGBA",
        "RGBX": "RGB",
        "CMYK": "RGB",
        "YCbCr": "RGB",
    }
    return np.asarray(image.convert(target.get(mode, mode)))


def png_by_pillow() -> Iterator[Form]:
    for mode, bits, transparency, level, optimize in itertools.product(
        ["1", "L", "LA", "P", "I;16", "RGB", "RGBA"], [None, 1, 2, 4, 8], [None, 0, 3], [0, 6], [False, True]
    ):
        if (bits and mode != "P") or (transparency is not None and mode in ("LA", "RGBA")):
            continue
        key: Any = transparency
        if transparency is not None and mode == "RGB":
            key = (transparency + 20, 20 * transparency, 80)

        def write(
            path: Path,
            mode: str = mode,
            bits: Any = bits,
            key: Any = key,
            level: int = level,
            optimize: bool = optimize,
        ) -> None:
            image = of_mode(mode).quantize(2**bits) if bits and mode == "P" and bits < 6 else of_mode(mode)
            options = {"bits": bits} if bits else {}
            if key is not None:
                options["transparency"] = key
            image.save(path, "PNG", compress_level=level, optimize=optimize, **options)

        yield Form(f"{mode} {bits} {key} {level} {optimize}", write, by_imagecodecs("png_decode"))


def by_imagecodecs(decode: str) -> Callable[[Path], Array]:
    """Return a reader; CMYK and grey with alpha become RGB as Pillow makes it."""

    def read(path: Path) -> Array:
        data = np.asarray(getattr(imagecodecs, decode)(path.read_bytes()))
        if decode == "jpeg8_decode" and data.ndim == 3 and data.shape[2] == 4:  # Adobe's CMYK is inverted
            return (data[..., :3].astype(int) * data[..., 3:] / 255).round().astype(np.uint8)
        if decode == "avif_decode" and data.ndim == 3 and data.shape[2] == 2:
            return np.dstack([data[..., :1]] * 3 + [data[..., 1:]])
        return data

    return read


def png_by_ffmpeg() -> Iterator[Form]:
    """16 bits and Adam7 interlacing, which Pillow does not write."""
    formats = {
        "gray": 1,
        "ya8": 2,
        "rgb24": 3,
        "rgba": 4,
        "gray16be": 1,
        "ya16be": 2,
        "rgb48be": 3,
        "rgba64be": 4,
    }
    for (form, channels), interlaced, size, prediction in itertools.product(
        formats.items(), [False, True], [(1, 1), (3, 2), (7, 9), (HEIGHT, WIDTH)], ["none", "paeth", "mixed"]
    ):

        def write(
            path: Path,
            form: str = form,
            channels: int = channels,
            interlaced: bool = interlaced,
            size: Any = size,
            prediction: str = prediction,
        ) -> None:
            deep = "be" in form
            data = noise(*size, channels, dtype=np.uint16 if deep else np.uint8)
            frame = av.VideoFrame(size[1], size[0], form)
            plane = frame.planes[0]
            rows = np.frombuffer(memoryview(plane), np.uint8).reshape(size[0], plane.line_size)
            raw = data.astype(">u2" if deep else "u1").reshape(size[0], -1).view(np.uint8)
            rows[:, : raw.shape[1]] = raw
            encoder = av.CodecContext.create("png", "w")
            encoder.width, encoder.height, encoder.pix_fmt = size[1], size[0], form
            encoder.time_base, encoder.options = Fraction(1), {"pred": prediction}
            if interlaced:
                encoder.flags |= av.codec.context.Flags.interlaced_dct
            path.write_bytes(b"".join(map(bytes, [*encoder.encode(frame), *encoder.encode(None)])))

        yield Form(f"{form} {interlaced} {size} {prediction}", write, by_imagecodecs("png_decode"))


def jpeg_by_pillow() -> Iterator[Form]:
    for mode, quality, subsampling, progressive, restart, rgb in itertools.product(
        ["L", "RGB", "CMYK"], [30, 75, 100], [-1, 0, 1, 2], [False, True], [0, 2], [False, True]
    ):
        options = {"quality": quality, "subsampling": subsampling, "progressive": progressive}
        options |= {"restart_marker_blocks": restart, "keep_rgb": rgb}
        yield Form(
            f"{mode} {options}",
            lambda path, mode=mode, options=options: of_mode(mode).save(path, "JPEG", **options),
            by_imagecodecs("jpeg8_decode"),
            tolerance=2,
        )


def webp_by_pillow() -> Iterator[Form]:
    for mode, lossless, quality, method, exact in itertools.product(
        ["L", "RGB", "RGBA", "P"], [False, True], [40, 90], [0, 4, 6], [False, True]
    ):
        options = {"lossless": lossless, "quality": quality, "method": method, "exact": exact}
        yield Form(
            f"{mode} {options}",
            lambda path, mode=mode, options=options: of_mode(mode).save(path, "WEBP", **options),
            by_imagecodecs("webp_decode"),
            tolerance=2,
        )


def avif_by_pillow() -> Iterator[Form]:
    for mode, quality, subsampling, kind in itertools.product(
        ["L", "RGB", "RGBA"], [60, 100], ["4:4:4", "4:2:2", "4:2:0", "4:0:0"], ["full", "limited"]
    ):
        options = {"quality": quality, "subsampling": subsampling, "range": kind, "speed": 10}
        yield Form(
            f"{mode} {options}",
            lambda path, mode=mode, options=options: of_mode(mode).save(path, "AVIF", **options),
            by_imagecodecs("avif_decode"),
            tolerance=3,
        )


def others_by_pillow() -> Iterator[Form]:
    for mode, name, transparent in itertools.product(
        ["1", "L", "P", "RGB", "RGBA"], ["BMP", "GIF"], [False, True]
    ):
        options = {"transparency": 3} if transparent else {}
        yield Form(
            f"{name} {mode} {options}",
            lambda path, mode=mode, name=name, options=options: of_mode(mode).save(path, name, **options),
            by_pillow,
        )


def by_pillow(path: Path) -> Array:
    with Image.open(path) as image:
        grey = "L" if image.mode in ("1", "L") else "RGB"
        return np.asarray(image.convert(grey + "A" * ("transparency" in image.info)))


@pytest.mark.slow
@pytest.mark.parametrize(
    "family",
    [
        tiff_by_tifffile,
        tiff_by_pillow,
        png_by_pillow,
        png_by_ffmpeg,
        jpeg_by_pillow,
        webp_by_pillow,
        avif_by_pillow,
        others_by_pillow,
    ],
)
def test_every_form(family: Callable[[], Iterator[Form]], tmp_path: Path) -> None:
    if family is avif_by_pillow and not features.check("avif"):
        pytest.skip("this Pillow has no AVIF")
    check(family(), tmp_path)
