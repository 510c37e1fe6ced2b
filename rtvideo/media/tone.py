"""HDR and log video to SDR: one table of colours for FFmpeg's ``lut3d``, worked out by the standards.

Light of the display (BT.2100) becomes BT.709; what is outside that gamut is clipped. The largest of red,
green and blue then follows the curve of BT.2390 (section 5.4.1) from the peak of the source to the white of
SDR, and the others keep their share of it, so hues stay. Eight bits are dithered.
"""

from __future__ import annotations

import tempfile
from fractions import Fraction
from functools import cache
from pathlib import Path

import av
import av.filter
import numpy as np

from rtvideo.colour import Coding, Matrix
from rtvideo.errors import InputError
from rtvideo.transfer import BT2020_LUMA, CURVES, HLG_PEAK, PQ_PEAK, TO_BT709, WHITE, Array

#: Colours along each side of the table.
_SIDE = 33

#: FFmpeg's names of matrices, where they are not those of the enum.
_MATRIX_NAMES = {Matrix.BT2020_NCL: "bt2020", Matrix.FCC: "fcc", Matrix.SMPTE240M: "smpte240m"}


def sdr_of(codes: Array, curve_name: str, *, wide: bool) -> Array:
    """Return the SDR codes (BT.1886) of codes by a curve, both of shape (..., 3) in 0..1.

    Args:
        wide: the colours are those of BT.2020; else of BT.709, or of a camera, and stay as they are.
    """
    light = _shown(codes, curve_name)
    if wide:
        light = light @ TO_BT709.T
    light = np.maximum(light, 0.0)
    largest = light.max(-1, keepdims=True)
    peak = min(CURVES[curve_name].peak ** 2.4, PQ_PEAK / WHITE)
    share = np.divide(rolled_off(largest, peak), largest, out=np.ones_like(largest), where=largest > 0)
    toned: Array = np.clip(light * share, 0.0, 1.0) ** (1 / 2.4)
    return toned


def _shown(codes: Array, curve_name: str) -> Array:
    """Return the light that a display shows, 1 being the white of SDR."""
    curve = CURVES[curve_name]
    if curve_name != "hlg":
        return curve.seen(codes) ** 2.4
    # BT.2100, table 5: the OOTF of a display of 1000 cd/m2 goes by luminance.
    scene = curve.light(codes) * (WHITE / HLG_PEAK) ** (1 / 1.2)
    luminance = (scene @ BT2020_LUMA)[..., None]
    return np.asarray(luminance**0.2 * scene * (HLG_PEAK / WHITE))


def rolled_off(light: Array, peak: float) -> Array:
    """Return light, up to ``peak``, as a display shows it that ends at 1 (BT.2390, section 5.4.1)."""
    if peak <= 1:
        return light
    pq = CURVES["pq"]
    top = float(pq.code(np.array(peak)))
    signal = np.minimum(pq.code(light) / top, 1.0)
    most = float(pq.code(np.array(1.0))) / top
    knee = 1.5 * most - 0.5
    t = np.maximum((signal - knee) / (1 - knee), 0.0)
    bend = 3 * t**2 - 2 * t**3
    spline = (1 - bend) * knee + (t**3 - 2 * t**2 + t) * (1 - knee) + bend * most
    return pq.light(np.where(signal < knee, signal, spline) * top)


@cache
def _table(curve_name: str, wide: bool) -> str:
    """Return the text of a ``.cube`` file."""
    steps = np.linspace(0.0, 1.0, _SIDE)
    blue, green, red = np.meshgrid(steps, steps, steps, indexing="ij")  # red varies fastest
    made = sdr_of(np.stack([red, green, blue], -1), curve_name, wide=wide)
    return f"LUT_3D_SIZE {_SIDE}\n" + "%.6f %.6f %.6f\n" * _SIDE**3 % tuple(made.ravel().tolist())


class ToneMapper:
    """Converts frames with a transfer curve to SDR in BT.709, of one format and size."""

    def __init__(self, pix_fmt: str, width: int, height: int, target: Coding) -> None:
        self._target = (pix_fmt, width, height, target)
        self._graph: av.filter.Graph | None = None
        self._made_for: tuple[object, ...] = ()

    def __call__(self, frame: av.VideoFrame, coding: Coding) -> av.VideoFrame:
        """Return the frame, whose samples are coded as ``coding``, converted, with no times of use.

        Raises:
            InputError: FFmpeg cannot convert its format.
        """
        made_for = (frame.format.name, frame.width, frame.height, coding)
        if self._graph is None or made_for != self._made_for:
            self._graph, self._made_for = self._new_graph(frame, coding), made_for
        self._graph.push(frame)
        made = self._graph.pull()
        assert isinstance(made, av.VideoFrame)
        return made

    def _new_graph(self, frame: av.VideoFrame, coding: Coding) -> av.filter.Graph:
        pix_fmt, width, height, target = self._target
        graph = av.filter.Graph()
        with tempfile.TemporaryDirectory() as folder:
            cube = Path(folder) / "sdr.cube"
            cube.write_text(_table(coding.curve, coding.wide))
            deep = pix_fmt.replace("yuvj", "yuv") + "16le" if pix_fmt.startswith("yuv") else pix_fmt
            size, source = f"{width}:{height}", f"in_color_matrix={_name(coding)}:in_range={_range(coding)}"
            wanted = f"out_color_matrix={_name(target)}:out_range={_range(target)}"
            steps = [
                graph.add_buffer(
                    width=frame.width,
                    height=frame.height,
                    format=frame.format,
                    time_base=frame.time_base or Fraction(1, 1000),
                ),
                graph.add("scale", f"{size}:{source}"),
                graph.add("format", "gbrpf32le"),
                graph.add("lut3d", f"file={cube}:interp=tetrahedral"),
                graph.add("scale", wanted),
                graph.add("format", deep),  # from 16 bits to 8 swscale dithers, from floats it does not
                graph.add("scale", wanted),
                graph.add("format", pix_fmt),
                graph.add("buffersink"),
            ]
            graph.link_nodes(*steps)
            try:
                graph.configure()
            except (av.FFmpegError, ValueError) as error:
                name = frame.format.name
                raise InputError(f"pixel format {name} cannot become {pix_fmt} in SDR: {error}") from None
        return graph


def _name(coding: Coding) -> str:
    return _MATRIX_NAMES.get(coding.matrix, "bt709" if coding.matrix == Matrix.BT709 else "bt601")


def _range(coding: Coding) -> str:
    return "full" if coding.full_range else "limited"
