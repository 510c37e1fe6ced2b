"""A colour profile from chromaticities and a transfer curve, for formats that hold nothing else of that kind.

ICC.1:2001-04 (version 2): a matrix and a curve. The white point is adapted to D50 by Bradford's method.
"""

from __future__ import annotations

import struct
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

#: x and y of white, red, green and blue.
Chromaticities = tuple[float, float, float, float, float, float, float, float]

BT709: Chromaticities = (0.3127, 0.3290, 0.640, 0.330, 0.300, 0.600, 0.150, 0.060)

#: By H.273's code points (table 2).
PRIMARIES: dict[int, Chromaticities] = {
    1: BT709,
    5: (0.3127, 0.3290, 0.640, 0.330, 0.290, 0.600, 0.150, 0.060),
    6: (0.3127, 0.3290, 0.630, 0.340, 0.310, 0.595, 0.155, 0.070),
    7: (0.3127, 0.3290, 0.630, 0.340, 0.310, 0.595, 0.155, 0.070),
    9: (0.3127, 0.3290, 0.708, 0.292, 0.170, 0.797, 0.131, 0.046),
    11: (0.314, 0.351, 0.680, 0.320, 0.265, 0.690, 0.150, 0.060),
    12: (0.3127, 0.3290, 0.680, 0.320, 0.265, 0.690, 0.150, 0.060),
}

Curve = Callable[[npt.NDArray[np.float64]], npt.NDArray[np.float64]]

_D50 = np.array([0.9642, 1.0, 0.8249])
_BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])


def srgb(code: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the light of sRGB code values, both 0..1 (IEC 61966-2-1)."""
    return np.where(code <= 0.04045, code / 12.92, ((code + 0.055) / 1.055) ** 2.4)


def bt709(code: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the light of BT.709 code values, both 0..1."""
    return np.where(code < 0.081, code / 4.5, ((code + 0.099) / 1.099) ** (1 / 0.45))


#: By H.273's code points (table 3); those of HDR are not here.
CURVES: dict[int, Curve | float] = {
    1: bt709,
    4: 2.2,
    5: 2.8,
    6: bt709,
    8: 1.0,
    13: srgb,
    14: bt709,
    15: bt709,
}


def profile(chromaticities: Chromaticities, curve: Curve | float) -> bytes:
    """Return a display profile.

    Args:
        curve: code value to light, both 0..1; or the exponent that does this.

    Raises:
        ValueError: chromaticities that no display has.
    """
    matrix = _to_d50(chromaticities)
    tags = {b"desc": _description("RGB of the image"), b"cprt": b"text\0\0\0\0none\0", b"wtpt": _xyz(_D50)}
    tags |= {name: _xyz(column) for name, column in zip((b"rXYZ", b"gXYZ", b"bXYZ"), matrix.T, strict=True)}
    tags |= dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), _curve(curve))
    table, body, place = struct.pack(">I", len(tags)), b"", 128 + 4 + 12 * len(tags)
    stored: dict[bytes, int] = {}
    for name, data in tags.items():
        if data not in stored:
            stored[data] = place + len(body)
            body += data + b"\0" * (-len(data) % 4)
        table += struct.pack(">4sII", name, stored[data], len(data))
    size = 128 + len(table) + len(body)
    head = struct.pack(">I4sI4s4s4s", size, b"\0" * 4, 0x02400000, b"mntr", b"RGB ", b"XYZ ")
    head += struct.pack(">6H4s", 2000, 1, 1, 0, 0, 0, b"acsp") + b"\0" * 28 + _xyz(_D50)[8:]
    return head.ljust(128, b"\0") + table + body


def transfer(data: bytes) -> int:
    """Return the transfer code point that a profile names (ICC.1:2022, cicpType), 2 (unspecified) if none."""
    tag = _tag(data, b"cicp")
    return tag[9] if len(tag) >= 12 else 2


def curve_of(data: bytes) -> Curve | None:
    """Return a profile's curve for red, or for grey; None where it has none, or one of several dimensions."""
    tag = _tag(data, b"rTRC") or _tag(data, b"kTRC")
    if tag[:4] == b"curv" and len(tag) >= 12:
        (count,) = struct.unpack_from(">I", tag, 8)
        numbers = np.frombuffer(tag[12 : 12 + 2 * count], ">u2")
        if count > 1 and len(numbers) == count:
            return lambda code: np.interp(code, np.linspace(0, 1, count), numbers / 65535)
        return power(float(numbers[0]) / 256 if count and len(numbers) else 1.0)
    if tag[:4] == b"para" and len(tag) >= 16:
        # g, a, b, c and d (section 10.18): light is (a code + b)^g from d on, and c code below.
        count = {0: 1, 1: 3, 2: 4, 3: 5, 4: 7}.get(tag[9], 0)
        if count and len(tag) >= 12 + 4 * count:
            g, *rest = (number / 65536 for number in struct.unpack_from(f">{count}i", tag, 12))
            a, b, c, d = (*rest, 1.0, 0.0, 0.0, 0.0)[:4] if count != 1 else (1.0, 0.0, 0.0, 0.0)
            if count in (5, 7):
                return lambda code: np.where(code >= d, np.maximum(a * code + b, 0) ** g, c * code)
            return lambda code: np.maximum(a * code + b, 0) ** g
    return None


def power(exponent: float) -> Curve:
    """Return a curve that is a power."""
    return lambda code: code**exponent


def _tag(data: bytes, wanted: bytes) -> bytes:
    if len(data) >= 132:
        (count,) = struct.unpack_from(">I", data, 128)
        for place in range(132, min(132 + 12 * count, len(data) - 11), 12):
            name, at, size = struct.unpack_from(">4sII", data, place)
            if name == wanted:
                return data[at : at + size]
    return b""


def _to_d50(chromaticities: Chromaticities) -> npt.NDArray[np.float64]:
    """Return the matrix from linear RGB to XYZ under D50, a column for each of red, green and blue."""
    pairs = np.array(chromaticities).reshape(4, 2)
    if (pairs[:, 1] <= 0).any():
        raise ValueError(f"chromaticities {chromaticities} have a y of zero")
    white, *primaries = (np.array([x / y, 1.0, (1 - x - y) / y]) for x, y in pairs)
    columns = np.stack(primaries, axis=1)
    if abs(np.linalg.det(columns)) < 1e-6:
        raise ValueError(f"chromaticities {chromaticities} lie on a line")
    scaled = columns * np.linalg.solve(columns, white)
    adapted = np.diag(_BRADFORD @ _D50 / (_BRADFORD @ white))
    return np.asarray(np.linalg.inv(_BRADFORD) @ adapted @ _BRADFORD @ scaled)


def _xyz(values: npt.NDArray[np.float64]) -> bytes:
    return b"XYZ \0\0\0\0" + struct.pack(">3i", *(round(float(value) * 65536) for value in values))


def _curve(curve: Curve | float) -> bytes:
    if callable(curve):
        light = np.round(curve(np.linspace(0, 1, 1024)) * 65535).astype(">u2")
        return b"curv\0\0\0\0" + struct.pack(">I", len(light)) + light.tobytes()
    return b"curv\0\0\0\0" + struct.pack(">IH", 1, min(65535, round(curve * 256)))


def _description(text: str) -> bytes:
    data = text.encode() + b"\0"
    return b"desc\0\0\0\0" + struct.pack(">I", len(data)) + data + b"\0" * 78
