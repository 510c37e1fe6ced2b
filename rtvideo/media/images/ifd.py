"""Directories of TIFF files, and of EXIF data, which is built like one; entries are kept bit for bit.

TIFF 6.0, section 2; BigTIFF by Adobe's draft, as libtiff writes it.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

#: Bytes of one value, by the type's number.
SIZES = {
    1: 1,
    2: 1,
    3: 2,
    4: 4,
    5: 8,
    6: 1,
    7: 1,
    8: 2,
    9: 4,
    10: 8,
    11: 4,
    12: 8,
    13: 4,
    16: 8,
    17: 8,
    18: 8,
}

#: Integer types, as `struct` writes them.
_INTEGERS = {1: "B", 3: "H", 4: "I", 6: "b", 8: "h", 9: "i", 13: "I", 16: "Q", 17: "q", 18: "Q"}

_SHORT, _LONG, _LONG8, _RATIONAL = 3, 4, 16, 5

#: Tags of directories that hang below another: EXIF, GPS, and interoperability below EXIF.
POINTERS = (0x8769, 0x8825, 0xA005)


@dataclass(frozen=True)
class Entry:
    """The values of a tag.

    Attributes:
        type: 3 is 16 bits, 4 is 32 bits, 5 is two of 32 bits, and so on: see `SIZES`.
        data: the values, in the byte order of the directory.
        place: where ``data`` was found; -1 in a new entry.
    """

    type: int
    data: bytes
    place: int = -1

    @property
    def count(self) -> int:
        """Number of values."""
        return len(self.data) // SIZES[self.type]


@dataclass
class Directory:
    """The entries of one directory.

    Attributes:
        order: ``<`` or ``>``, as `struct` writes byte orders.
        entries: by tag.
        damaged: tags whose values lie beyond the end of the file, or are of an unknown type.
        next: where the next directory is, 0 if there is none; link: where that number is stored.
    """

    order: str
    entries: dict[int, Entry] = field(default_factory=dict)
    damaged: list[int] = field(default_factory=list)
    next: int = 0
    link: int = 0

    def numbers(self, tag: int) -> tuple[int, ...]:
        """Return the integers of a tag; none if it is missing or holds something else."""
        entry = self.entries.get(tag)
        if entry is None or entry.type not in _INTEGERS:
            return ()
        return struct.unpack(f"{self.order}{entry.count}{_INTEGERS[entry.type]}", entry.data)

    def number(self, tag: int, default: int = 0) -> int:
        """Return the first integer of a tag."""
        return next(iter(self.numbers(tag)), default)

    def rational(self, tag: int) -> float | None:
        """Return the first fraction of a tag."""
        entry = self.entries.get(tag)
        if entry is None or entry.type != _RATIONAL or not entry.count:
            return None
        top, bottom = struct.unpack_from(f"{self.order}2I", entry.data)
        return top / bottom if bottom else None

    def set(self, tag: int, *numbers: int) -> None:
        """Store integers, in as many bits as they need."""
        kind = _SHORT if max(numbers) < 1 << 16 else _LONG if max(numbers) < 1 << 32 else _LONG8
        self.entries[tag] = Entry(kind, struct.pack(f"{self.order}{len(numbers)}{_INTEGERS[kind]}", *numbers))

    def set_rational(self, tag: int, value: float) -> None:
        """Store a fraction, to a ten-thousandth."""
        self.entries[tag] = Entry(_RATIONAL, struct.pack(f"{self.order}2I", round(value * 10_000), 10_000))


def header(data: bytes) -> tuple[str, int, bool]:
    """Return the byte order, the place of the first directory, and whether this is a BigTIFF.

    Raises:
        ValueError: not a TIFF header.
    """
    order = {b"II": "<", b"MM": ">"}.get(data[:2], "")
    if len(data) < 8 or not order:
        raise ValueError("no TIFF header")
    (version,) = struct.unpack_from(f"{order}H", data, 2)
    if version == 43 and len(data) >= 16:
        return order, struct.unpack_from(f"{order}Q", data, 8)[0], True
    if version != 42:
        raise ValueError(f"TIFF version {version} is not known")
    return order, struct.unpack_from(f"{order}I", data, 4)[0], False


def read(data: bytes, place: int, order: str, *, big: bool = False) -> Directory:
    """Return the directory at ``place``.

    Raises:
        ValueError: it does not lie in the data.
    """
    directory = Directory(order)
    head, size, room = (f"{order}Q", 20, 8) if big else (f"{order}H", 12, 4)
    start = place + struct.calcsize(head)
    if not place > 0 or start > len(data):
        raise ValueError(f"no TIFF directory at byte {place}")
    (count,) = struct.unpack_from(head, data, place)
    directory.link = start + count * size
    if directory.link > len(data):
        raise ValueError(f"the TIFF directory at byte {place} is cut short")
    for at in range(start, directory.link, size):
        tag, kind, values = struct.unpack_from(f"{order}HH{'Q' if big else 'I'}", data, at)
        length, value = values * SIZES.get(kind, 0), at + size - room
        if length > room:
            (value,) = struct.unpack_from(f"{order}{'Q' if big else 'I'}", data, value)
        if kind not in SIZES or value + length > len(data):
            directory.damaged.append(tag)
        else:
            directory.entries[tag] = Entry(kind, bytes(data[value : value + length]), value)
    if directory.link + room <= len(data):
        (directory.next,) = struct.unpack_from(f"{order}{'Q' if big else 'I'}", data, directory.link)
    return directory


def chain(data: bytes) -> Iterator[Directory]:
    """Yield the directories of a file in turn, each once.

    Raises:
        ValueError: the first is damaged; later ones end the chain.
    """
    order, place, big = header(data)
    seen: set[int] = set()
    while place and place not in seen:
        seen.add(place)
        try:
            directory = read(data, place, order, big=big)
        except ValueError:
            if len(seen) == 1:
                raise
            return
        yield directory
        place = directory.next


def stored(directory: Directory, place: int, *, big: bool = False, next: int = 0) -> bytes:
    """Return a directory as it is stored at ``place``, with the values behind it."""
    order, entries = directory.order, sorted(directory.entries.items())
    head, size, room = (f"{order}Q", 20, 8) if big else (f"{order}H", 12, 4)
    number = f"{order}{'Q' if big else 'I'}"
    table = struct.pack(head, len(entries))
    end = place + len(table) + size * len(entries) + room
    values = b""
    for tag, entry in entries:
        value = entry.data.ljust(room, b"\0")
        if len(entry.data) > room:
            value = struct.pack(number, end + len(values))
            values += entry.data + b"\0" * (len(entry.data) % 2)
        table += struct.pack(f"{order}HH{number[1:]}", tag, entry.type, entry.count) + value
    return table + struct.pack(number, next) + values


def signature(order: str, place: int, *, big: bool = False) -> bytes:
    """Return the header of a file whose first directory is at ``place``."""
    name = b"II" if order == "<" else b"MM"
    return name + (
        struct.pack(f"{order}HHHQ", 43, 8, 0, place) if big else struct.pack(f"{order}HI", 42, place)
    )


def with_branches(directory: Directory, branches: Mapping[int, Directory]) -> bytes:
    """Return data of a directory and those below it, each under the tag in `POINTERS` that leads to it."""
    body = b""
    main = Directory(directory.order, dict(directory.entries))
    # Interoperability first: the EXIF directory, which is smaller in number, leads to it.
    below = {tag: Directory(branch.order, dict(branch.entries)) for tag, branch in branches.items()}
    for tag in sorted(below, reverse=True):
        parent = below.get(POINTERS[0], main) if tag == POINTERS[2] else main
        place = 8 + len(body)
        body += stored(below[tag], place)
        parent.entries[tag] = Entry(_LONG, struct.pack(f"{main.order}I", place))
    return signature(main.order, 8 + len(body)) + body + stored(main, 8 + len(body))


def narrow(entry: Entry, order: str) -> Entry:
    """Return an entry with integers of at most 32 bits, as files other than BigTIFF have them."""
    if entry.type not in (16, 17, 18):
        return entry
    numbers = struct.unpack(f"{order}{entry.count}{_INTEGERS[entry.type]}", entry.data)
    kind = _LONG if entry.type != 17 else 9
    return Entry(kind, struct.pack(f"{order}{len(numbers)}{_INTEGERS[kind]}", *numbers))
