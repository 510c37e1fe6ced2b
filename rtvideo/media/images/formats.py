"""The image formats: a row each says what a format holds, and which file lists and stores its parts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from rtvideo.media.images import bmp, gif, heif, jpeg, png, tiff, webp
from rtvideo.media.images.metadata import Part, PartKind


@dataclass(frozen=True)
class ImageFormat:
    """A format.

    Attributes:
        name: Pillow's name of it, which messages use too.
        suffixes: of its files, in lower case.
        holds: kinds of parts besides the pixels, and at most how many bytes of one.
        parts: lists the parts of a file.
        deep: it stores 16 bits a sample.
        alpha: it stores transparency.
        lossless: pixels come back as they were; None where that depends on the file.
        turned: files may hold pictures that lie on their side, and readers turn them upright.
        animated: it stores several frames and their times.
    """

    name: str
    suffixes: tuple[str, ...]
    holds: Mapping[PartKind, int]
    parts: Callable[[bytes], list[Part]]
    deep: bool = False
    alpha: bool = True
    lossless: bool | None = True
    turned: bool = True
    animated: bool = False


FORMATS = (
    ImageFormat("PNG", (".png", ".apng"), png.HOLDS, png.parts, deep=True, animated=True),
    ImageFormat(
        "JPEG", (".jpg", ".jpeg", ".jpe", ".jfif"), jpeg.HOLDS, jpeg.parts, alpha=False, lossless=False
    ),
    ImageFormat("TIFF", (".tif", ".tiff"), tiff.HOLDS, tiff.parts, deep=True),
    ImageFormat("WEBP", (".webp",), webp.HOLDS, webp.parts, lossless=None, animated=True),
    ImageFormat("AVIF", (".avif",), heif.HOLDS, heif.parts, lossless=False, turned=False),
    ImageFormat("HEIF", (".heic", ".heif", ".hif"), heif.HOLDS, heif.parts, lossless=False, turned=False),
    ImageFormat("GIF", (".gif",), gif.HOLDS, gif.parts, turned=False, animated=True),
    ImageFormat("BMP", (".bmp",), bmp.HOLDS, bmp.parts, alpha=False, turned=False),
)

#: What makes an image that can be read of one that cannot, by its suffix.
CONVERTERS = {
    ".jxl": "djxl {} photo.png",
    **dict.fromkeys((".exr", ".hdr", ".psd", ".jp2", ".j2k", ".tga", ".ppm", ".pgm"), "magick {} photo.png"),
    **dict.fromkeys(
        (".dng", ".arw", ".cr2", ".cr3", ".nef", ".raf", ".orf", ".rw2", ".pef", ".srw"),
        "darktable-cli {} photo.tif",
    ),
}

#: By suffix and by name.
BY_SUFFIX = {suffix: form for form in FORMATS for suffix in form.suffixes}
BY_NAME = {form.name: form for form in FORMATS}


def is_image(path: Path) -> bool:
    """Return whether the name says that this is an image."""
    return path.suffix.lower() in BY_SUFFIX


def holds_animation(path: Path) -> bool:
    """Return whether a file of this name may hold several pictures and their times."""
    return is_image(path) and BY_SUFFIX[path.suffix.lower()].animated
