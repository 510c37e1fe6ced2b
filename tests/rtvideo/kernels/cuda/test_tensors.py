"""Kernels between frames and tensors: they compile for real devices, within their budget of registers."""

from __future__ import annotations

import re

import pytest

from rtvideo.colour import Coding, Matrix
from rtvideo.errors import UnavailableError
from rtvideo.frame import Geometry
from rtvideo.kernels.cuda import nvrtc, tensors
from rtvideo.kernels.structs import format_of

pytestmark = pytest.mark.compile

BT709 = Coding(Matrix.BT709, False)


@pytest.mark.parametrize("capability", [(7, 5), (9, 0), (12, 0)], ids=lambda c: f"sm{c[0]}{c[1]}")
@pytest.mark.parametrize(
    "geometry",
    [Geometry(64, 48, "nv", 10, BT709, msb=True), Geometry(64, 48, "rgb", 8, Coding(Matrix.RGB, True))],
    ids=lambda g: g.layout,
)
def test_they_compile_without_spills(capability: tuple[int, int], geometry: Geometry) -> None:
    try:
        nvrtc.bindings()
    except UnavailableError as error:
        pytest.skip(str(error))
    report = nvrtc.compile_source(tensors.source(format_of(geometry)).text, capability).report
    registers = [int(n) for n in re.findall(r"Used (\d+) registers", report)]
    assert len(registers) == 4 and max(registers) <= 64
    assert set(re.findall(r"(\d+) bytes (?:stack frame|spill stores|spill loads)", report)) == {"0"}
