"""Files made wrong with their structure in mind: sizes, counts, times and places rather than pixels."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

#: Values that programs forget about.
INTERESTING = (0, 1, 2, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF)

#: What begins the structures of MP4, Matroska, AVI, MPEG-TS, H.264, JPEG, PNG, TIFF, WebP, and of models.
MARKS = (
    *(b"moov", b"mvhd", b"tkhd", b"elst", b"mdhd", b"stsd", b"stts", b"ctts", b"stsz", b"stco", b"stsc"),
    *(b"avc1", b"avcC", b"mp4a", b"esds", b"tx3g", b"trun", b"tfhd", b"mdat", b"ftyp", b"udta", b"ilst"),
    *(
        b"\x1a\x45\xdf\xa3",
        b"\x18\x53\x80\x67",
        b"\x15\x49\xa9\x66",
        b"\x16\x54\xae\x6b",
        b"\x1f\x43\xb6\x75",
    ),
    *(b"\xa3", b"\x44\x89", b"\x2a\xd7\xb1", b"\xe0", b"\xb0", b"\xba"),
    *(b"avih", b"strh", b"strf", b"idx1", b"movi", b"LIST", b"RIFF"),
    *(b"\x47\x40", b"\x00\x00\x01", b"\x00\x00\x00\x01"),
    *(b"\xff\xc0", b"\xff\xda", b"\xff\xdb", b"\xff\xe1", b"IHDR", b"IDAT", b"tRNS", b"iCCP", b"eXIf"),
    *(b"II*\x00", b"VP8 ", b"VP8L", b"VP8X", b'"shape"', b'"data_offsets"', b'"stages"', b'"genotype"'),
)

Mutation = Callable[[bytearray, random.Random, Sequence[bytes]], None]


def mutate(data: bytes, chance: random.Random, others: Sequence[bytes] = ()) -> bytes:
    """Return ``data`` with one to six things wrong.

    Args:
        others: files from which pieces may come.
    """
    wrong = bytearray(data)
    for _ in range(chance.choice((1, 1, 2, 3, 6))):
        if wrong:
            chance.choice(_MUTATIONS)(wrong, chance, others)
    return bytes(wrong)


def _place(data: bytearray, chance: random.Random) -> int:
    """Choose a place: near the beginning of a structure, in the head, or anywhere."""
    kind = chance.random()
    if kind < 0.6:
        found = [at for mark in chance.sample(MARKS, 8) if (at := data.find(mark)) >= 0]
        if found:
            return min(len(data) - 1, max(0, chance.choice(found) + chance.randrange(-8, 48)))
    if kind < 0.8:
        return chance.randrange(min(len(data), 512))
    return chance.randrange(len(data))


def _flip(data: bytearray, chance: random.Random, others: Sequence[bytes]) -> None:
    data[_place(data, chance)] ^= 1 << chance.randrange(8)


def _number(data: bytearray, chance: random.Random, others: Sequence[bytes]) -> None:
    place, size = _place(data, chance), chance.choice((1, 2, 4, 8))
    value = chance.choice(INTERESTING) & ((1 << 8 * size) - 1)
    order = chance.choice(("big", "little"))
    data[place : place + size] = value.to_bytes(size, order)  # type: ignore[arg-type]


def _nudge(data: bytearray, chance: random.Random, others: Sequence[bytes]) -> None:
    place = _place(data, chance)
    data[place] = (data[place] + chance.choice((-2, -1, 1, 2))) % 256


def _delete(data: bytearray, chance: random.Random, others: Sequence[bytes]) -> None:
    place = _place(data, chance)
    del data[place : place + chance.choice((1, 4, 8, 188, 1000))]


def _repeat(data: bytearray, chance: random.Random, others: Sequence[bytes]) -> None:
    place = _place(data, chance)
    data[place:place] = data[place : place + chance.choice((1, 4, 8, 188, 1000))]


def _noise(data: bytearray, chance: random.Random, others: Sequence[bytes]) -> None:
    place, size = _place(data, chance), chance.choice((4, 16, 200))
    data[place : place + size] = chance.randbytes(size)


def _truncate(data: bytearray, chance: random.Random, others: Sequence[bytes]) -> None:
    del data[chance.randrange(1, len(data) + 1) :]


def _swap(data: bytearray, chance: random.Random, others: Sequence[bytes]) -> None:
    size = min(chance.choice((4, 64, 188, 1000)), len(data) // 2)
    one, two = chance.randrange(len(data) - size + 1), chance.randrange(len(data) - size + 1)
    data[one : one + size], data[two : two + size] = data[two : two + size], data[one : one + size]


def _splice(data: bytearray, chance: random.Random, others: Sequence[bytes]) -> None:
    if others:
        other = chance.choice(others)
        start = chance.randrange(len(other))
        data[_place(data, chance) :] = other[start:]


_MUTATIONS: tuple[Mutation, ...] = (
    *(_flip, _number, _number, _number, _nudge, _nudge),
    *(_delete, _repeat, _noise, _truncate, _swap, _splice),
)
