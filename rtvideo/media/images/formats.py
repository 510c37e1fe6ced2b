"""The image formats: a row each says what a format holds, and which file lists and stores its parts.

`rtvideo.media.images.suffixes` has their suffixes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from rtvideo.media.images import bmp, gif, heif, jpeg, png, tiff, webp
from rtvideo.media.images.metadata import Part, PartKind
from rtvideo.media.images.suffixes import SUFFIXES, is_image


@dataclass(frozen=True)
class ImageFormat:
    """A format.

    Attributes:
        name: Pillow's name of it, which messages use too.
        holds: kinds of parts besides the pixels, and at most how many bytes of one.
        parts: lists the parts of a file.
        bits: the most that it stores of a sample.
        alpha: it stores transparency.
        lossless: pixels come back as they were; None where that depends on the file.
        turned: files may hold pictures that lie on their side, and readers turn them upright.
        animated: it stores several frames and their times.
    """

    name: str
    holds: Mapping[PartKind, int]
    parts: Callable[[bytes], list[Part]]
    bits: int = 8
    alpha: bool = True
    lossless: bool | None = True
    turned: bool = True
    animated: bool = False

    @property
    def suffixes(self) -> tuple[str, ...]:
        """Of its files, in lower case."""
        return SUFFIXES[self.name]


FORMATS = (
    ImageFormat("PNG", png.HOLDS, png.parts, bits=16, animated=True),
    ImageFormat("JPEG", jpeg.HOLDS, jpeg.parts, alpha=False, lossless=False),
    ImageFormat("TIFF", tiff.HOLDS, tiff.parts, bits=16),
    ImageFormat("WEBP", webp.HOLDS, webp.parts, lossless=None, animated=True),
    ImageFormat("AVIF", heif.HOLDS, heif.parts, bits=10, lossless=False, turned=False),
    ImageFormat("HEIF", heif.HOLDS, heif.parts, bits=12, lossless=False, turned=False),
    ImageFormat("GIF", gif.HOLDS, gif.parts, turned=False, animated=True),
    ImageFormat("BMP", bmp.HOLDS, bmp.parts, alpha=False, turned=False),
)

#: By suffix and by name.
BY_SUFFIX = {suffix: form for form in FORMATS for suffix in form.suffixes}
BY_NAME = {form.name: form for form in FORMATS}


def is_lossless(path: Path) -> bool:
    """Return whether a file of this name gives back the very pixels that are written."""
    return BY_SUFFIX[path.suffix.lower()].lossless is True


def holds_animation(path: Path) -> bool:
    """Return whether a file of this name may hold several pictures and their times."""
    return is_image(path) and BY_SUFFIX[path.suffix.lower()].animated
