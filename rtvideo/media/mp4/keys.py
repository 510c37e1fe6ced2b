"""QuickTime's metadata, a box ``meta`` of keys and values: that of the input, with what the muxer adds to it.

FFmpeg's muxer writes such a box where FFmpeg alone looks for it, and its reader takes the keys of one only.
"""

from __future__ import annotations

from rtvideo.media.mp4.boxes import Box, parse

#: Bytes before the entries of ``keys``: version, flags and how many there are.
_HEAD = 8


def add_metadata(moov: Box, meta: Box) -> None:
    """Put metadata of the input into a new index, with those keys of the muxer that it lacks."""
    user_data = moov.find(b"udta")
    boxes = [] if user_data is None else parse(bytes(user_data.data), nested=False)
    written = next((box for box in boxes if box.name == b"meta" and _is_quicktime(box)), None)
    if user_data is not None and written is not None:
        user_data.data = bytearray(b"".join(bytes(box) for box in boxes if box is not written))
        meta = _with_keys_of(meta, written)
    moov.boxes.append(meta)


def _is_quicktime(meta: Box) -> bool:
    handler = _content(meta).find(b"hdlr")
    return handler is not None and handler.data[8:12] == b"mdta"


def _with_keys_of(meta: Box, other: Box) -> Box:
    """Return metadata with the keys of another that it lacks, and their values."""
    content, added = _content(meta), _content(other)
    keys, values = content.find(b"keys"), content.find(b"ilst")
    more_keys, more_values = added.find(b"keys"), added.find(b"ilst")
    if keys is None or values is None or more_keys is None or more_values is None:
        return meta
    known = [bytes(key) for key in parse(bytes(keys.data[_HEAD:]), nested=False)]
    names = [bytes(key) for key in parse(bytes(more_keys.data[_HEAD:]), nested=False)]
    there = set(known)
    for item in parse(bytes(more_values.data), nested=False):
        number = int.from_bytes(item.name, "big")
        if 0 < number <= len(names) and names[number - 1] not in there:
            known.append(names[number - 1])
            values.data += bytes(Box(len(known).to_bytes(4, "big"), item.data))
    keys.data = keys.data[:4] + len(known).to_bytes(4, "big") + b"".join(known)
    head = meta.data[: _place(meta)]
    return Box(b"meta", head + b"".join(map(bytes, content.boxes)))


def _content(meta: Box) -> Box:
    return Box(b"meta", boxes=parse(bytes(meta.data[_place(meta) :]), nested=False))


def _place(meta: Box) -> int:
    """Return where its boxes begin: QuickTime leaves out the version that other files have before them."""
    return 0 if meta.data[4:8] == b"hdlr" else 4
