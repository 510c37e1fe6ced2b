"""Text in PNG files: a keyword and what is said of it (PNG, third edition, section 11.3.3).

Some programs keep whole records there, in hexadecimal under a keyword that begins with "Raw profile type".
"""

from __future__ import annotations

import re
import zlib

#: The keyword of an XMP packet.
XMP = "XML:com.adobe.xmp"

#: Before the name of a record.
RAW = "Raw profile type "


def read(chunk: bytes) -> tuple[str, str]:
    """Return keyword and text of a chunk.

    Args:
        chunk: its name (``tEXt``, ``zTXt`` or ``iTXt``) and its body.

    Raises:
        ValueError: it is damaged.
    """
    keyword, zero, rest = chunk[4:].partition(b"\0")
    compressed, encoding = chunk[:4] == b"zTXt", "latin-1"
    if chunk[:4] == b"zTXt":
        rest = rest[1:]
    elif chunk[:4] == b"iTXt":
        compressed, encoding = rest[:1] == b"\1", "utf-8"
        rest = rest[2:].split(b"\0", 2)[-1]
    if not zero:
        raise ValueError("PNG text has no keyword")
    try:
        text = zlib.decompress(rest) if compressed else rest
    except zlib.error:
        raise ValueError("PNG text cannot be decompressed") from None
    return keyword.decode("latin-1"), text.decode(encoding, "replace")


def chunk(keyword: str, text: str) -> bytes:
    """Return the name and the body of a chunk."""
    if text.isascii():
        return b"tEXt" + keyword.encode() + b"\0" + text.encode()
    return b"iTXt" + keyword.encode() + b"\0\0\0\0\0" + text.encode()


def raw(name: str, record: bytes) -> bytes:
    """Return the name and the body of a chunk with a record in hexadecimal, as ImageMagick began it."""
    lines = re.sub("(.{72})", r"\1\n", record.hex())
    text = f"\n{name}\n{len(record):8}\n{lines}\n"
    return b"zTXt" + (RAW + name).encode() + b"\0\0" + zlib.compress(text.encode())


def record(text: str) -> bytes | None:
    """Return the record of a text that `raw` made; None if it is not one."""
    lines = text.strip().split("\n", 2)
    try:
        data = bytes.fromhex(lines[2])
        return data if len(data) == int(lines[1]) else None
    except (IndexError, ValueError):
        return None
