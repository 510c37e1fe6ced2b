"""Bytes of a file by their places."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from rtvideo.errors import InputError


@contextlib.contextmanager
def read_errors(path: Path) -> Iterator[None]:
    """Turn system errors while an input is read into one line."""
    try:
        yield
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None


def read(file: BinaryIO, place: int, size: int) -> bytes:
    """Return bytes of a file, fewer at its end."""
    file.seek(place)
    return file.read(size)


def is_blank(file: BinaryIO, start: int, end: int) -> bool:
    """Whether all bytes between two places are zero."""
    while start < end:
        data = read(file, start, min(1 << 16, end - start))
        if not data or any(data):
            return not data
        start += len(data)
    return True
