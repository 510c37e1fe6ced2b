"""Transfer curves of HDR and log video, and the values that a network sees instead of their codes.

Networks are trained on SDR: a code there is light to the power 1 / 2.4 (ITU-R BT.1886), and 1 is white. A
curve says what light its codes stand for. That light, over the light of SDR's white, to a power of
`Curve.power`, is what a network sees. So a scene looks the same to it, however it was coded. Light above
white is set aside: a network sees it as white, and it is put back afterwards.

To multiply such values is to multiply linear light: the gain that a network finds is one of the source's own
light, the same for red, green and blue, and keeps the hue.

White is 203 cd/m2, which is 75 % of the HLG signal (ITU-R BT.2408, table 1). Networks know the colours of
BT.709. A matrix of the values makes those of BT.2020, and what HLG's system gamma does to colours: exact for
greys and, to first order, near them, and undone by its inverse, so that no gamut is lost.
"""

from __future__ import annotations

import math
import re
from argparse import ArgumentTypeError
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

from rtvideo.values import did_you_mean

Array = npt.NDArray[np.float64]
_Function = Callable[[Array], Array]

#: Steps of a table of codes, and of one of the roots of light.
STEPS = 1 << 14

#: Light of a display, in cd/m2: where SDR is white, where HLG ends (BT.2100, table 5), where PQ ends.
WHITE, HLG_PEAK, PQ_PEAK = 203.0, 1000.0, 10000.0

#: Light of red, green and blue of BT.2020 in those of BT.709 (BT.2407, section 2.2), and their luminance.
TO_BT709 = np.array([[1.6605, -0.5876, -0.0728], [-0.1246, 1.1329, -0.0083], [-0.0182, -0.1006, 1.1187]])
BT2020_LUMA = np.array([0.2627, 0.6780, 0.0593])

#: Of a display for SDR (BT.1886), and from the light of a scene to that of the display (BT.2100, note 5f).
_DISPLAY_GAMMA, _SYSTEM_GAMMA = 2.4, 1.2


@dataclass(frozen=True)
class Curve:
    """One transfer curve.

    Attributes:
        name: as ``--transfer`` takes it. title: for people.
        light: takes codes, 0 (black) to 1 (white, or the end of the range), to linear light, 1 being the
            white of SDR; 0 and more.
        code: the inverse.
        power: of light, for what a network sees.
        tag: of H.273 (table 3); 2 where there is none.
        hdr: it is made for HDR displays, and not to be graded.
    """

    name: str
    title: str
    light: _Function
    code: _Function
    power: float = _SYSTEM_GAMMA / _DISPLAY_GAMMA
    tag: int = 2
    hdr: bool = False

    @property
    def peak(self) -> float:
        """The largest value: that of code 1."""
        return float(self.seen(np.ones(1))[0])

    def seen(self, codes: Array) -> Array:
        """Return what a network sees of codes, where it does not end at 1."""
        return np.maximum(self.light(codes), 0.0) ** self.power

    def coded(self, values: Array) -> Array:
        """Return the codes of such values, 0 to 1."""
        return np.clip(self.code(np.maximum(values, 0.0) ** (1 / self.power)), 0.0, 1.0)


def _hlg_light(code: Array) -> Array:
    """BT.2100, table 5: the inverse OETF, light of the scene."""
    scene: Array = np.where(code <= 0.5, code**2 / 3, (np.exp((code - _C) / _A) + _B) / 12) / _HLG_WHITE
    return scene


def _hlg_code(light: Array) -> Array:
    scene = light * _HLG_WHITE
    return np.where(scene <= 1 / 12, np.sqrt(3 * scene), _A * np.log(np.maximum(12 * scene - _B, 1e-9)) + _C)


_A = 0.17883277
_B, _C = 1 - 4 * _A, 0.5 - _A * math.log(4 * _A)
_HLG_WHITE: float = (WHITE / HLG_PEAK) ** (1 / _SYSTEM_GAMMA)

#: BT.2100, table 4 (SMPTE ST 2084).
_M1, _M2 = 2610 / 16384, 2523 / 4096 * 128
_C1, _C2, _C3 = 3424 / 4096, 2413 / 4096 * 32, 2392 / 4096 * 32


def _pq_light(code: Array) -> Array:
    power = np.maximum(code, 0.0) ** (1 / _M2)
    light: Array = (np.maximum(power - _C1, 0) / (_C2 - _C3 * power)) ** (1 / _M1) * (PQ_PEAK / WHITE)
    return np.asarray(light)


def _pq_code(light: Array) -> Array:
    power = (np.maximum(light, 0.0) * (WHITE / PQ_PEAK)) ** _M1
    return ((_C1 + _C2 * power) / (1 + _C3 * power)) ** _M2


def _of_data(light: _Function, code: _Function) -> tuple[_Function, _Function]:
    """Return functions of the video signal, black at 64 and white at 940, for those of codes over 1023."""
    return (
        lambda signal: light((64 + 876 * signal) / 1023),
        lambda scene: (code(scene) * 1023 - 64) / 876,
    )


def _log_curve(
    log: Callable[[Array], Array], power: Callable[[Array], Array],
    scale: float, a: float, b: float, shift: float, slope: float, rise: float, cut: float,
) -> tuple[_Function, _Function]:  # fmt: skip
    """Return functions for ``code = scale log(a light + b) + shift`` from light ``cut`` on, else a line."""

    def code_of(scene: Array) -> Array:
        upper = scale * log(np.maximum(a * scene + b, 1e-9)) + shift
        return np.where(scene >= cut, upper, slope * scene + rise)

    def light_of(code: Array) -> Array:
        upper = (power((code - shift) / scale) - b) / a
        return np.where(code >= slope * cut + rise, upper, (code - rise) / slope)

    return light_of, code_of


def _ten(exponent: Array) -> Array:
    return np.asarray(10.0**exponent)


def _apple_light(code: Array) -> Array:
    """Apple Log Profile White Paper (2023)."""
    root = np.sqrt(np.maximum(code, 0.0) / 47.28711236) - 0.05641088
    at_cut = 47.28711236 * (0.01 + 0.05641088) ** 2
    return np.where(code >= at_cut, np.exp2((code - 0.69336945) / 0.08550479) - 0.00964052, root)


def _apple_code(light: Array) -> Array:
    square = 47.28711236 * np.maximum(light + 0.05641088, 0.0) ** 2
    return np.where(
        light >= 0.01, 0.08550479 * np.log2(np.maximum(light + 0.00964052, 1e-9)) + 0.69336945, square
    )


def _nlog_light(code: Array) -> Array:
    """N-Log Specification Document (Nikon)."""
    codes = code * 1023
    return np.where(codes < 452, (codes / 650) ** 3 - 0.0075, np.exp((codes - 619) / 150))


def _nlog_code(light: Array) -> Array:
    upper = 150 * np.log(np.maximum(light, 1e-9)) + 619
    return np.where(light < 0.328, 650 * np.cbrt(light + 0.0075), upper) / 1023


def _h273_log(decades: float) -> tuple[_Function, _Function]:
    """H.273, table 3, codes 9 and 10: so many powers of ten of light."""

    def code_of(light: Array) -> Array:
        return np.maximum(1 + np.log10(np.maximum(light, 1e-9)) / decades, 0.0)

    return lambda code: np.where(code > 0, 10.0 ** ((code - 1) * decades), 0.0), code_of


#: By the names that ``--transfer`` takes. Where a maker gives codes of 10 bits, they are those of the data.
CURVES = {
    curve.name: curve
    for curve in (
        Curve("hlg", "HLG (BT.2100)", _hlg_light, _hlg_code, tag=18, hdr=True),
        Curve("pq", "PQ (BT.2100, HDR10)", _pq_light, _pq_code, 1 / _DISPLAY_GAMMA, tag=16, hdr=True),
        Curve("log100", "logarithmic, 100:1 (H.273)", *_h273_log(2.0), tag=9),
        Curve("log316", "logarithmic, 316:1 (H.273)", *_h273_log(2.5), tag=10),
        # Technical Summary for S-Gamut3.Cine/S-Log3 and S-Gamut3/S-Log3 (Sony, 2014).
        Curve("slog3", "Sony S-Log3", *_of_data(*_log_curve(
            np.log10, _ten, 261.5 / 1023, 1 / 0.19, 0.01 / 0.19, 420 / 1023,
            (171.2102946929 - 95) / 0.01125 / 1023, 95 / 1023, 0.01125,
        ))),
        # V-Log/V-Gamut Reference Manual (Panasonic, 2014).
        Curve("vlog", "Panasonic V-Log", *_of_data(*_log_curve(
            np.log10, _ten, 0.241514, 1.0, 0.00873, 0.598206, 5.6, 0.125, 0.01,
        ))),
        # White Paper on D-Log and D-Gamut of DJI Cinema Color System (DJI, 2017).
        Curve("dlog", "DJI D-Log", *_of_data(*_log_curve(
            np.log10, _ten, 0.256663, 0.9892, 0.0108, 0.584555, 6.025, 0.0929, 0.0078,
        ))),
        # F-Log2 Data Sheet (Fujifilm, 2022) and F-Log Data Sheet (2016).
        Curve("flog2", "Fujifilm F-Log2", *_of_data(*_log_curve(
            np.log10, _ten, 0.245281, 5.555556, 0.064829, 0.384316, 8.799461, 0.092864, 0.000889,
        ))),
        Curve("flog", "Fujifilm F-Log", *_of_data(*_log_curve(
            np.log10, _ten, 0.344676, 0.555556, 0.009468, 0.790453, 8.735631, 0.092864, 0.00089,
        ))),
        Curve("nlog", "Nikon N-Log", *_of_data(_nlog_light, _nlog_code)),
        Curve("applelog", "Apple Log", _apple_light, _apple_code),
    )
}  # fmt: skip

#: What ``--transfer`` takes for video that is SDR whatever its tags say.
SDR = "sdr"

#: Curves that people know and whose makers have published no formula.
_SECRET = {"dlogm": "D-Log M", "goprolog": "GoPro Log"}


def named(text: str) -> str:
    """Return the name of a curve, `SDR` for none.

    Raises:
        ArgumentTypeError: there is none of this name.
    """
    name = re.sub(r"[-_ ]", "", text.lower())
    allowed = [SDR, *CURVES]
    if name in _SECRET:
        raise ArgumentTypeError(
            f"{text!r}: no formula of {_SECRET[name]} is published; convert the video with its maker's LUT "
            "first: ffmpeg -i in.mp4 -vf lut3d=file.cube -c:a copy out.mp4"
        )
    if name not in allowed:
        raise ArgumentTypeError(
            f"{text!r} is not known; allowed: {', '.join(allowed)}{did_you_mean(name, allowed)}"
        )
    return name


def of_tag(tag: int) -> str:
    """Return the name of the curve that H.273 numbers so; empty where networks can see codes as they are."""
    return next((curve.name for curve in CURVES.values() if curve.tag == tag != 2), "")


@dataclass(frozen=True, eq=False)
class Tables:
    """A curve as kernels take it, both ways in `STEPS` steps; arrays of float32 of ``STEPS + 1``.

    Attributes:
        seen: what a network sees of code ``k / STEPS``.
        coded: the code of the value ``peak (k / STEPS)^2``; the square is finer where it is dark.
        peak: the largest value.
        to_view: makes of such red, green and blue the colours that networks know; from_view: its inverse.
    """

    seen: npt.NDArray[np.float32]
    coded: npt.NDArray[np.float32]
    peak: float
    to_view: Array
    from_view: Array


@cache
def tables(name: str, *, wide: bool) -> Tables:
    """Return the tables of a curve; ``wide``: for colours of BT.2020."""
    curve, steps = CURVES[name], np.linspace(0.0, 1.0, STEPS + 1)
    seen, coded = curve.seen(steps), curve.coded(curve.peak * steps**2)
    view = _view(name, wide)
    back = np.asarray(np.linalg.inv(view), dtype=np.float64)
    return Tables(seen.astype(np.float32), coded.astype(np.float32), curve.peak, view, back)


def _view(name: str, wide: bool) -> Array:
    view = TO_BT709 / TO_BT709.sum(1, keepdims=True) if wide else np.eye(3)
    if name != "hlg":
        return view
    # A display shows the light of the scene times a power of luminance (BT.2100, table 5).
    return np.asarray((view + (_SYSTEM_GAMMA - 1) * BT2020_LUMA) / _SYSTEM_GAMMA)
