"""All colour knowledge: from tags to matrix, range and transfer, and to the numbers that kernels use.

Tag values are those of ITU-T H.273, which FFmpeg's enums repeat. Nothing here needs PyAV.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from rtvideo import transfer
from rtvideo.errors import InputError


class Matrix(IntEnum):
    """Matrix coefficients (H.273 table 4) that occur in practice."""

    RGB = 0
    BT709 = 1
    UNSPECIFIED = 2
    FCC = 4
    BT470BG = 5
    SMPTE170M = 6
    SMPTE240M = 7
    BT2020_NCL = 9


#: Kr and Kb of each matrix: luma = Kr R + (1 - Kr - Kb) G + Kb B.
LUMA_WEIGHTS: dict[Matrix, tuple[float, float]] = {
    Matrix.BT709: (0.2126, 0.0722),
    Matrix.FCC: (0.30, 0.11),
    Matrix.BT470BG: (0.299, 0.114),
    Matrix.SMPTE170M: (0.299, 0.114),
    Matrix.SMPTE240M: (0.212, 0.087),
    Matrix.BT2020_NCL: (0.2627, 0.0593),
}


@dataclass(frozen=True)
class Coding:
    """How samples of a frame become RGB in 0..1.

    Attributes:
        matrix: a key of `LUMA_WEIGHTS` (or ``RGB`` for frames that are RGB already).
        full_range: samples use all codes (0..255 in 8 bit) instead of 16..235 and 16..240.
        curve: of `rtvideo.transfer.CURVES`, where RGB is not what networks take; else empty.
    """

    matrix: Matrix
    full_range: bool
    curve: str = ""

    @property
    def wide(self) -> bool:
        """Whether colours with a curve are those of BT.2020; nothing tells those of RGB."""
        return self.matrix in (Matrix.BT2020_NCL, Matrix.RGB)


def coding_of(
    matrix_tag: int, range_tag: int, transfer_tag: int, height: int, *, full_by_format: bool = False
) -> Coding:
    """Return the coding of a stream from its tags.

    Untagged input follows the usual rule: BT.601 below 720 lines, BT.709 from there, limited range.

    Args:
        matrix_tag, transfer_tag: H.273 codes; 2 (or 0 for the transfer) is unspecified.
        range_tag: FFmpeg's AVColorRange: 0 unspecified, 1 limited, 2 full.
        height: lines of the picture, which decide where nothing is tagged.
        full_by_format: the pixel format implies full range (``yuvj420p``).

    Raises:
        InputError: a matrix that is not linear in RGB; the message says which.
    """
    if matrix_tag == Matrix.UNSPECIFIED:
        matrix = Matrix.BT709 if height >= 720 else Matrix.SMPTE170M
    elif matrix_tag in LUMA_WEIGHTS or matrix_tag == Matrix.RGB:
        matrix = Matrix(matrix_tag)
    else:
        known = ", ".join(f"{m.value} ({m.name})" for m in LUMA_WEIGHTS)
        raise InputError(f"colour matrix {matrix_tag} is not supported; allowed: {known}")
    return Coding(matrix, full_range=range_tag == 2 or full_by_format, curve=transfer.of_tag(transfer_tag))


@dataclass(frozen=True)
class Levels:
    """Offsets and scales that take integer samples to luma in 0..1 and chroma in -0.5..0.5.

    ``luma = (Y - black) / luma_scale`` and ``chroma = (C - zero) / chroma_scale``, sample values as integers.
    """

    black: float
    luma_scale: float
    zero: float
    chroma_scale: float


def levels(coding: Coding, depth: int) -> Levels:
    """Return the levels of a coding at a bit depth (ITU-R BT.709 section 4, BT.2100 table 9)."""
    unit = 1 << (depth - 8)
    if coding.full_range:
        top = float((1 << depth) - 1)
        return Levels(0.0, top, float(1 << (depth - 1)), top)
    return Levels(16.0 * unit, 219.0 * unit, 128.0 * unit, 224.0 * unit)
