"""Which files are images, by their names: known without loading what reads and writes them."""

from __future__ import annotations

from pathlib import Path

#: Suffixes of each format, in lower case, by Pillow's name of it.
SUFFIXES = {
    "PNG": (".png", ".apng"),
    "JPEG": (".jpg", ".jpeg", ".jpe", ".jfif"),
    "TIFF": (".tif", ".tiff"),
    "WEBP": (".webp",),
    "AVIF": (".avif",),
    "HEIF": (".heic", ".heif", ".hif"),
    "GIF": (".gif",),
    "BMP": (".bmp",),
}

#: Pillow's name of a format, by suffix.
NAMES = {suffix: name for name, suffixes in SUFFIXES.items() for suffix in suffixes}

#: What makes an image that can be read of one that cannot, by its suffix.
CONVERTERS = {
    ".jxl": "djxl {} photo.png",
    **dict.fromkeys((".exr", ".hdr", ".psd", ".jp2", ".j2k", ".tga", ".ppm", ".pgm"), "magick {} photo.png"),
}

#: Raw photographs, which are read and not written; what they become.
RAW = (".dng", ".arw", ".cr2", ".cr3", ".nef", ".raf", ".orf", ".rw2", ".pef", ".srw")
DEVELOPED = ".tif"


def is_raw(path: Path) -> bool:
    """Return whether the name says that this is a raw photograph."""
    return path.suffix.lower() in RAW


def is_image(path: Path) -> bool:
    """Return whether the name says that this is an image of a format that is read and written."""
    return path.suffix.lower() in NAMES
