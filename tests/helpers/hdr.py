"""A night in linear light, and the signals of SDR, HLG and PQ that a display shows as it (BT.2100)."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

from rtvideo.colour import Coding, Matrix
from rtvideo.engines.rgb import RgbConverter
from rtvideo.frame import Geometry
from rtvideo.media.planes import views

Light = np.ndarray[Any, Any]

#: Where SDR is white, and the peaks of HLG and PQ, in cd/m2.
WHITE, HLG, PQ = 203.0, 1000.0, 10_000.0

_FROM_BT709 = np.linalg.inv(
    [[1.6605, -0.5876, -0.0728], [-0.1246, 1.1329, -0.0083], [-0.0182, -0.1006, 1.1187]]
)
_LUMA = np.array([0.2627, 0.6780, 0.0593])

#: H.273: matrix, primaries and transfer.
TAGS = {"sdr": (1, 1, 1), "hlg": (9, 9, 18), "pq": (9, 9, 16)}

#: Colours of lamps, and how light they are.
LAMPS = (((1, 0.55, 0.15), 3.5), ((0.3, 0.5, 1), 1.6), ((1, 0.2, 0.1), 2.5), ((1, 0.95, 0.8), 4.5))


def night(width: int = 256, height: int = 160) -> Light:
    """Return light of BT.709's red, green and blue, (height, width, 3), 1 being the white of SDR."""
    y, x = np.mgrid[0:height, 0:width]
    chance = np.random.default_rng(3)
    light = (0.004 + 0.02 * (x * y) / (width * height))[..., None] * np.array([1.1, 1, 0.8])
    for _ in range(25):
        left, top = chance.integers(0, width - 20), chance.integers(0, height - 20)
        colour = chance.uniform(0.2, 1, 3) * chance.uniform(0.004, 0.08)
        light[top : top + 18, left : left + 14] = colour
    for k, (colour, peak) in enumerate(LAMPS):
        far = (x - width * (k + 1) / 5) ** 2 + (y - height * (k + 1) / 5) ** 2
        light += (np.exp(-far / 18) + 0.02 * np.exp(-far / 600))[..., None] * np.array(colour) * peak
    return light


def signal(light: Light, kind: str) -> Light:
    """Return the signal, 0..1, in the colours that `TAGS` names; SDR clips at white."""
    if kind == "sdr":
        return np.clip(light, 0, 1) ** (1 / 2.4)
    wide = np.maximum(light @ _FROM_BT709.T, 0) * WHITE
    if kind == "pq":
        power = (wide / PQ) ** (2610 / 16384)
        return ((0.8359375 + 18.8515625 * power) / (1 + 18.6875 * power)) ** 78.84375
    shown = wide / HLG
    scene = shown * np.maximum(shown @ _LUMA, 1e-12)[..., None] ** (-0.2 / 1.2)
    upper = 0.17883277 * np.log(np.maximum(12 * scene - 0.28466892, 1e-9)) + 0.55991073
    return np.where(scene <= 1 / 12, np.sqrt(3 * scene), upper)


def light(signal: Light, kind: str) -> Light:
    """Return the light of a signal; the inverse of `signal`."""
    if kind == "sdr":
        return signal**2.4
    if kind == "pq":
        power = signal ** (1 / 78.84375)
        shown = (np.maximum(power - 0.8359375, 0) / (18.8515625 - 18.6875 * power)) ** (16384 / 2610) * PQ
    else:
        upper = (np.exp((signal - 0.55991073) / 0.17883277) + 0.28466892) / 12
        scene = np.where(signal <= 0.5, signal**2 / 3, upper)
        shown = scene * (scene @ _LUMA)[..., None] ** 0.2 * HLG
    return shown / WHITE @ np.linalg.inv(_FROM_BT709).T


def coding(kind: str, *, curve: bool = True) -> Coding:
    """Return how samples of a kind are coded; without its curve, RGB is the signal."""
    hdr = kind != "sdr"
    return Coding(Matrix.BT2020_NCL if hdr else Matrix.BT709, False, kind if hdr and curve else "")


def geometry(
    kind: str, size: tuple[int, int], *, curve: bool = True, chroma: tuple[int, int] = (0, 0)
) -> Geometry:
    """Return that of frames of (width, height), 10 bits."""
    return Geometry(*size, "yuv", 10, coding(kind, curve=curve), chroma)


def planes(light: Light, kind: str, chroma: tuple[int, int] = (0, 0)) -> list[Any]:
    """Return a picture as samples."""
    plain = geometry(kind, light.shape[1::-1], curve=False, chroma=chroma)
    made, rgb = plain.empty(), signal(light, kind).transpose(2, 0, 1)
    RgbConverter(plain).from_rgb(np.ascontiguousarray(rgb, np.float32), made)
    return made


def shown(planes: list[Any], kind: str, chroma: tuple[int, int] = (0, 0)) -> Light:
    """Return the light of samples."""
    plain = geometry(kind, planes[0].shape[::-1], curve=False, chroma=chroma)
    rgb = np.empty((3, *planes[0].shape), np.float32)
    RgbConverter(plain).to_rgb(planes, rgb)
    return light(rgb.transpose(1, 2, 0).astype(np.float64), kind)


def frame(light: Light, kind: str) -> av.VideoFrame:
    """Return a picture as a frame of 10 bits, 4:2:0, with the tags of its kind."""
    height, width = light.shape[:2]
    made = av.VideoFrame(width, height, "yuv420p10le")
    samples = views(made, geometry(kind, (width, height), chroma=(1, 1)))
    for plane, given in zip(samples, planes(light, kind, (1, 1)), strict=True):
        plane[:] = given
    made.colorspace, made.color_primaries, made.color_trc = TAGS[kind]
    made.color_range = 1
    return made


def write(
    path: Path,
    kind: str,
    codec: str = "libx265",
    options: dict[str, str] | None = None,
    *,
    transfer: int | None = None,
    before: bytes = b"",
    after: bytes = b"",
) -> Path:
    """Write a clip of `night`, three frames of 10 bits, with the tags of its kind.

    Args:
        transfer: another tag.
        before, after: units of the stream that stand around each picture.
    """
    picture = night(128, 80)
    with av.open(str(path), "w") as out:
        video = out.add_stream(codec, rate=25, width=128, height=80, pix_fmt="yuv420p10le")
        context = video.codec_context
        context.options = options or {"preset": "ultrafast", "x265-params": "log-level=none:lossless=1"}
        context.colorspace, context.color_primaries, context.color_trc = TAGS[kind]
        context.color_range = 1
        if transfer is not None:
            context.color_trc = transfer
        for index in range(3):
            shown = frame(picture, kind)
            shown.pts, shown.time_base = index, Fraction(1, 25)
            out.mux([_around(packet, before, after) for packet in video.encode(shown)])
        out.mux([_around(packet, before, after) for packet in video.encode(None)])
    return path


def _around(packet: Any, before: bytes, after: bytes) -> Any:
    if not before and not after:
        return packet
    start = b"\0\0\0\1"
    made = av.Packet((start + before) * bool(before) + bytes(packet) + (start + after) * bool(after))
    made.pts, made.dts, made.time_base = packet.pts, packet.dts, packet.time_base
    made.is_keyframe, made.stream = packet.is_keyframe, packet.stream
    return made


def dolby_vision(profile: int, compatible: int) -> bytes:
    """Return the configuration record of a base layer with RPU (Dolby Vision within ISO media files, 3.2)."""
    flags = profile << 9 | 3 << 3 | 0b101  # level 3
    return bytes([1, 0]) + flags.to_bytes(2, "big") + bytes([compatible << 4]) + bytes(19)


#: A unit of type 62 that begins as an RPU does.
RPU = bytes.fromhex("7c0119080940") + bytes(range(1, 40)) + b"\x80"


def hdr10_plus() -> bytes:
    """Return a message of ST 2094-40 for one window, as a unit of HEVC."""
    fields = [(1, 2), (1000, 27), (0, 1), *[(5000, 17)] * 3, (800, 17), (0, 4), (10, 10), (0, 3)]
    bits = "".join(f"{value:0{width}b}" for value, width in fields)
    bits = bits.ljust(-(-len(bits) // 8) * 8, "0")
    message = bytes.fromhex("b5003c00010401") + int(bits, 2).to_bytes(len(bits) // 8, "big")
    unit = bytes([4, len(message)]) + message + b"\x80"
    for zeros in (b"\0\0\0", b"\0\0\1", b"\0\0\2"):
        unit = unit.replace(zeros, zeros[:2] + b"\3" + zeros[2:])
    return b"\x4e\x01" + unit
