"""Numbered images that make up a video: ``img_%04d.png``, as FFmpeg writes such names."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from rtvideo.errors import InputError
from rtvideo.media.images.suffixes import is_image
from rtvideo.media.orientation import turned

#: Frames a second of a sequence, where nothing else is said: FFmpeg's own default.
RATE = 25.0

_NUMBER = re.compile(r"%(?:0?(\d+))?d")


def is_sequence(path: Path) -> bool:
    """Return whether a name stands for numbered images. One that exists stands for itself."""
    return is_image(path) and len(_NUMBER.findall(path.name)) == 1 and not path.exists()


def numbered(path: Path, number: int) -> Path:
    """Return the name of one image of a sequence."""
    digits = _NUMBER.search(path.name)
    assert digits is not None
    return path.with_name(_NUMBER.sub(str(number).zfill(int(digits[1] or 0)), path.name))


def members(path: Path, *, required: bool = True) -> dict[int, Path]:
    """Return the images of a sequence that exist, in the order of their numbers.

    Raises:
        InputError: there are none, though some are required.
    """
    before, _, after = _NUMBER.split(path.name)
    pattern = re.compile(re.escape(before) + r"(\d+)" + re.escape(after))
    found = {}
    try:
        for entry in path.absolute().parent.iterdir():
            match = pattern.fullmatch(entry.name)
            if match and numbered(path, int(match[1])).name == entry.name:
                found[int(match[1])] = path.with_name(entry.name)
    except OSError as error:
        raise InputError(f"{path.parent}: cannot be read: {error.strerror}") from None
    if required and not found:
        raise InputError(f"{path}: no such image, {numbered(path, 1).name} for example")
    return dict(sorted(found.items()))


class RawFrames:
    """The pictures of a sequence as FFmpeg reads raw video: samples without a header, one picture at a time.

    Attributes:
        options: what its demuxer must be told.
    """

    def __init__(self, path: Path, rate: float) -> None:
        """Read the first image.

        Args:
            rate: frames a second.

        Raises:
            InputError: there is none, or it cannot be read.
        """
        self._images = list(members(path).values())
        self.count = len(self._images)
        self._clear: bool | None = None
        first = self._pixels(self._images[0])
        self._shape, self._type = first.shape, first.dtype
        channels = first.shape[2] if first.ndim == 3 else 1
        names = {
            1: {1: "gray", 2: "ya8", 3: "rgb24", 4: "rgba"},
            2: {1: "gray16le", 2: "ya16le", 3: "rgb48le", 4: "rgba64le"},
        }
        self.options = {
            "video_size": f"{first.shape[1]}x{first.shape[0]}",
            "pixel_format": names[first.itemsize][channels],
            "framerate": str(rate),
        }
        self._rest = self._bytes(self._images)
        self._held = memoryview(b"")

    def read(self, size: int) -> bytes:
        """Return the next bytes, as a file does.

        Raises:
            InputError: an image cannot be read, or is of another size or kind than the first.
        """
        if not self._held:
            self._held = memoryview(next(self._rest, b""))
        data, self._held = bytes(self._held[:size]), self._held[size:]
        return data

    def _bytes(self, paths: Sequence[Path]) -> Iterator[bytes]:
        for path in paths:
            pixels = self._pixels(path)
            if (pixels.shape, pixels.dtype) != (self._shape, self._type):
                raise InputError(f"{path}: is of another size or kind than the first image of the sequence")
            yield pixels.tobytes()

    def _pixels(self, path: Path) -> np.ndarray[tuple[int, ...], np.dtype[np.generic]]:
        from rtvideo.media.images.reading import read

        picture = read(path)
        if self._clear is None:
            self._clear = picture.alpha is not None
        if self._clear and picture.alpha is None:
            opaque = np.iinfo(picture.pixels.dtype).max
            alpha = np.full(picture.pixels.shape[:2], opaque, picture.pixels.dtype)
            picture = replace(picture, alpha=alpha)
        return turned(picture.interleaved, picture.orientation)
