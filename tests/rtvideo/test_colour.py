from __future__ import annotations

import pytest

from rtvideo.colour import LUMA_WEIGHTS, Coding, Levels, Matrix, coding_of, levels
from rtvideo.errors import InputError


@pytest.mark.parametrize(
    ("height", "matrix"), [(719, Matrix.SMPTE170M), (720, Matrix.BT709), (1, Matrix.SMPTE170M)]
)
def test_untagged_input_follows_its_height(height: int, matrix: Matrix) -> None:
    assert coding_of(2, 0, 2, height) == Coding(matrix, full_range=False)


@pytest.mark.parametrize("matrix", [*LUMA_WEIGHTS, Matrix.RGB])
def test_tags_outrank_the_height(matrix: Matrix) -> None:
    assert coding_of(matrix, 1, 1, 100) == Coding(matrix, full_range=False)
    assert coding_of(matrix, 2, 1, 2000) == Coding(matrix, full_range=True)


def test_a_full_range_format_is_full_range() -> None:
    assert coding_of(2, 0, 0, 100, full_by_format=True).full_range


@pytest.mark.parametrize(("transfer", "curve"), [(16, "pq"), (18, "hlg"), (1, ""), (14, "")])
def test_hdr_is_known_by_its_transfer(transfer: int, curve: str) -> None:
    assert coding_of(9, 1, transfer, 2160) == Coding(Matrix.BT2020_NCL, False, curve)


@pytest.mark.parametrize("matrix", [3, 8, 10, 14, 255])
def test_other_matrices_are_refused_with_the_allowed_ones(matrix: int) -> None:
    with pytest.raises(InputError, match=rf"colour matrix {matrix} .*1 \(BT709\)"):
        coding_of(matrix, 1, 1, 1080)


@pytest.mark.parametrize(
    ("depth", "full", "expected"),
    [
        (8, False, Levels(16, 219, 128, 224)),
        (8, True, Levels(0, 255, 128, 255)),
        (10, False, Levels(64, 876, 512, 896)),
        (10, True, Levels(0, 1023, 512, 1023)),
        (16, False, Levels(4096, 56064, 32768, 57344)),
    ],
)
def test_levels_are_the_standards(depth: int, full: bool, expected: Levels) -> None:
    assert levels(Coding(Matrix.BT709, full), depth) == expected
