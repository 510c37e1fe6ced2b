"""Fragments of MP4, one per frame, complete as soon as the frame is encoded.

FFmpeg's muxer writes the header, but it holds each frame back until the next one reveals its duration. Here a
frame's time slot ends when the frame is encoded, instead of starting then. So no frame waits, and the slots
follow each other without gaps, at which browsers stop. Box layouts: ISO/IEC 14496-12, section 8.8.
"""

from __future__ import annotations

import re
import struct

#: Ticks per second of all times here.
TIMESCALE = 1000

#: ISO/IEC 14496-10, annex B: a NAL unit never holds this itself.
_START_CODE = re.compile(rb"\x00?\x00\x00\x01")

_SYNC_SAMPLE, _OTHER_SAMPLE = 0x02000000, 0x01010000
_BASE_IS_MOOF = 0x020000
_DATA_OFFSET, _FIRST_FLAGS, _DURATION, _SIZE = 0x1, 0x4, 0x100, 0x200


def fragment(number: int, time: int, duration: int, packet: bytes, *, key: bool) -> bytes:
    """Return one frame of track 1 as ``moof`` and ``mdat``.

    Args:
        number: of the fragment, from 1.
        time, duration: in ticks of `TIMESCALE`.
        packet: H.264 in annex B form, as encoders give it.
        key: whether decoding can begin here.
    """
    sample = _length_prefixed(packet)

    def moof(offset: int) -> bytes:
        return _box(
            b"moof",
            _box(b"mfhd", struct.pack(">II", 0, number)),
            _box(
                b"traf",
                _box(b"tfhd", struct.pack(">II", _BASE_IS_MOOF, 1)),
                _box(b"tfdt", struct.pack(">IQ", 1 << 24, time)),
                _box(
                    b"trun",
                    struct.pack(">III", _DATA_OFFSET | _FIRST_FLAGS | _DURATION | _SIZE, 1, offset),
                    struct.pack(">III", _SYNC_SAMPLE if key else _OTHER_SAMPLE, duration, len(sample)),
                ),
            ),
        )

    return moof(len(moof(0)) + 8) + _box(b"mdat", sample)


def codec_name(extradata: bytes) -> str:
    """Return the codec string of RFC 6381, such as ``avc1.42c01e``: profile and level.

    Args:
        extradata: of the encoder, in annex B form; the first NAL unit is the sequence parameter set.
    """
    parameters = _START_CODE.split(extradata)[1]
    return f"avc1.{parameters[1:4].hex()}"


def _length_prefixed(packet: bytes) -> bytes:
    units = [unit for unit in _START_CODE.split(packet) if unit]
    return b"".join(struct.pack(">I", len(unit)) + unit for unit in units)


def _box(kind: bytes, *parts: bytes) -> bytes:
    content = b"".join(parts)
    return struct.pack(">I", 8 + len(content)) + kind + content
