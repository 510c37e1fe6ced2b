"""Reads images: all that is stored, at its depth, or one line that says why not."""

from __future__ import annotations

import struct
import threading
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image, ImageCms, ImageFile, JpegImagePlugin, UnidentifiedImageError

from rtvideo.errors import InputError, UnavailableError
from rtvideo.media.images import animation, avif, exif, hdr, heic, heif, png, raw, tiff, webp
from rtvideo.media.images.formats import BY_NAME
from rtvideo.media.images.memory import check_room
from rtvideo.media.images.metadata import PartKind, first
from rtvideo.media.images.picture import Picture, Pixels
from rtvideo.media.images.suffixes import is_raw
from rtvideo.media.location import missing

#: What damaged files make Pillow and its kind raise.
_DAMAGE = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    LookupError,
    TypeError,
    OverflowError,
    RuntimeError,
    struct.error,
    zlib.error,
)

#: Pillow's limit of size is one for the whole process.
_limit_lifted = threading.Lock()


def read(path: Path) -> Picture:
    """Read an image, the first if there are several.

    Raises:
        InputError: it is missing, damaged, or of a kind that is not supported.
        UnavailableError: a package that reads it is not installed.
    """
    with _errors(path):
        if is_raw(path):
            return raw.read(path)
        data = path.read_bytes()
        heif.require(heif.name_of(data))
        if data[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
            picture = _tiff(path, data)
        else:
            picture = _opened(path, data)
        picture.curve = hdr.curve_of(picture.parts)
        return picture


@contextmanager
def _errors(path: Path) -> Iterator[None]:
    """Turn what reading raises into one line; `check_room` stands in for Pillow's own limit of size."""
    try:
        with _limit_lifted, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow warns of odd metadata
            limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
            try:
                yield
            finally:
                Image.MAX_IMAGE_PIXELS = limit
    except (InputError, UnavailableError):
        raise
    except FileNotFoundError:
        raise missing(path) from None
    except IsADirectoryError:
        raise InputError(f"{path}: is a directory, not an image") from None
    except UnidentifiedImageError:
        raise InputError(f"{path}: not a {', '.join(BY_NAME)} image that can be read") from None
    except _DAMAGE as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise InputError(f"{path}: cannot be read: {' '.join(str(reason).split())}") from None


def _opened(path: Path, data: bytes) -> Picture:
    Image.init()
    with Image.open(BytesIO(data), formats=[name for name in BY_NAME if name in Image.OPEN]) as image:
        form = BY_NAME["JPEG" if image.format == "MPO" else str(image.format)]
        count = 1 if image.format == "MPO" else getattr(image, "n_frames", 1)  # MPO: previews of one photo
        bits = 16 if png.is_deep(data) else heif.depth(data)
        check_room(path, *image.size, itemsize=1 + (bits > 8), frames=count)
        profile = image.info.get("icc_profile")
        deep = _deep(form.name, data, image.size) if bits > 8 and count == 1 else None
        colour, alpha = _pixels(path, image, profile) if deep is None else _split(deep)
        picture = Picture(colour, alpha, form.name, bits=bits, parts=form.parts(data))
        picture.lossless = webp.is_lossless(data) if form.lossless is None else form.lossless
        if isinstance(image, JpegImagePlugin.JpegImageFile):
            picture.sampling = JpegImagePlugin.get_sampling(image)
        _note_conversion(path, image.mode, picture)
        if count > 1:
            picture.animation = animation.read(image)
    if bits > 8 and picture.pixels.dtype == np.uint8:
        picture.warnings.append(f"{path}: {bits} bits a sample are read as 8")
    return picture


def _deep(name: str, data: bytes, size: tuple[int, int]) -> Pixels | None:
    """Return the samples of a file of more than 8 bits, None where only Pillow reads it."""
    if name == "AVIF":
        return avif.read(data, size)
    return heic.read(data) if name == "HEIF" else png.read_deep(data)


def _tiff(path: Path, data: bytes) -> Picture:
    check_room(path, *tiff.size(data), itemsize=1 + tiff.is_deep(data))
    parts = tiff.parts(data)
    found = tiff.read(data)
    if found is not None:
        colour, alpha, left = found
        picture = Picture(colour, alpha, "TIFF", parts=parts)
        picture.warnings += [f"{path}: {note} left out" for note in left]
    else:  # Pillow would turn it upright, and keep the tag that says to turn it
        with Image.open(BytesIO(exif.upright(data)), formats=("TIFF",)) as image:
            colour, alpha = _pixels(path, image, first(parts, PartKind.ICC))
            picture = Picture(colour, alpha, "TIFF", parts=parts)
            _note_conversion(path, image.mode, picture)
    if tiff.pages(data) > 1:
        picture.warnings.append(f"{path}: holds {tiff.pages(data)} images; only the first is enhanced")
    return picture


def _pixels(path: Path, image: ImageFile.ImageFile, profile: bytes | None) -> tuple[Pixels, Pixels | None]:
    """Return colour and alpha of the first image, 8 bits a sample."""
    transparent = image.mode in ("PA", "La", "RGBa") or "transparency" in image.info
    if image.mode in ("CMYK", "LAB"):
        return np.asarray(_to_rgb(image, profile)), None
    if image.mode == "1":
        grey = np.asarray(image.convert("L"))
        clear = 255 * (image.info.get("transparency", -1) & 1) if transparent else -1
        return grey, np.where(grey == clear, 0, 255).astype(np.uint8) if transparent else None
    if image.mode in ("L", "LA", "La"):
        return _split(np.asarray(image.convert("LA" if transparent or image.mode != "L" else "L")))
    if image.mode in ("P", "PA", "YCbCr", "RGB", "RGBX", "RGBA", "RGBa"):
        return _split(np.asarray(image.convert("RGBA" if transparent or image.mode == "RGBA" else "RGB")))
    allowed = "grey, RGB, CMYK, Lab or palette of 8 or 16 bits"
    raise InputError(f"{path}: pixels of kind {image.mode!r} are not supported; allowed: {allowed}")


def _to_rgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """Return a CMYK or Lab image as sRGB, by its colour profile where it has one."""
    if image.mode != "LAB" and profile is None:
        return image.convert("RGB")
    try:
        given = BytesIO(profile) if profile and image.mode != "LAB" else ImageCms.createProfile("LAB")
        srgb = ImageCms.createProfile("sRGB")
        transform = ImageCms.buildTransform(ImageCms.ImageCmsProfile(given), srgb, image.mode, "RGB")
    except ImageCms.PyCMSError:
        return image.convert("RGB")
    converted = ImageCms.applyTransform(image, transform)
    assert converted is not None
    return converted


def _note_conversion(path: Path, mode: str, picture: Picture) -> None:
    if mode in ("CMYK", "LAB"):
        picture.parts = [part for part in picture.parts if part.kind != PartKind.ICC]
        picture.warnings.append(f"{path}: {mode} is converted to RGB (sRGB, 8 bits)")


def _split(pixels: Pixels) -> tuple[Pixels, Pixels | None]:
    """Part (h, w), (h, w, 2), (h, w, 3) or (h, w, 4) into colour and alpha."""
    if pixels.ndim == 2 or pixels.shape[2] == 3:
        return pixels, None
    colour = pixels[..., 0] if pixels.shape[2] == 2 else pixels[..., :3]
    return colour, pixels[..., -1]
