"""Subtitles of Blu-ray discs (PGS), which FFmpeg reads and copies but cannot encode."""

from __future__ import annotations

import struct
from collections.abc import Sequence

#: Kinds of segments.
_PALETTE, _OBJECT, _COMPOSITION, _WINDOW, _END = 0x14, 0x15, 0x16, 0x17, 0x80

_WIDTH, _HEIGHT = 16, 8


def sup(times: Sequence[tuple[float, float]]) -> bytes:
    """Return a ``.sup`` file: a small box at each of these times, from and to in seconds."""
    return b"".join(
        _shown(number, begin) + _cleared(number, end) for number, (begin, end) in enumerate(times)
    )


def _shown(number: int, time: float) -> bytes:
    row = bytes([0, 0x80 | _WIDTH, 1, 0, 0])  # so many pixels of colour 1, end of line
    picture = row * _HEIGHT
    composition = struct.pack(">HHBHBBBB", 128, 96, 0x10, 2 * number, 0x80, 0, 0, 1)
    return (
        _segment(time, _COMPOSITION, composition + struct.pack(">HBBHH", 0, 0, 0, 10, 10))
        + _segment(time, _WINDOW, _window())
        + _segment(time, _PALETTE, bytes([0, 0, 1, 200, 128, 128, 255]))
        + _segment(
            time,
            _OBJECT,
            struct.pack(">HBB", 0, 0, 0xC0)
            + (len(picture) + 4).to_bytes(3, "big")
            + struct.pack(">HH", _WIDTH, _HEIGHT)
            + picture,
        )
        + _segment(time, _END)
    )


def _cleared(number: int, time: float) -> bytes:
    composition = struct.pack(">HHBHBBBB", 128, 96, 0x10, 2 * number + 1, 0, 0, 0, 0)
    return (
        _segment(time, _COMPOSITION, composition) + _segment(time, _WINDOW, _window()) + _segment(time, _END)
    )


def _window() -> bytes:
    return b"\1" + struct.pack(">BHHHH", 0, 10, 10, _WIDTH, _HEIGHT)


def _segment(time: float, kind: int, body: bytes = b"") -> bytes:
    return b"PG" + struct.pack(">IIBH", round(time * 90_000), 0, kind, len(body)) + body
