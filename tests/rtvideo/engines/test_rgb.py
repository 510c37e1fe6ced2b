from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rtvideo.colour import LUMA_WEIGHTS, Coding, Matrix
from rtvideo.engines.rgb import RgbConverter
from rtvideo.errors import UsageError
from rtvideo.frame import Geometry
from tests.rtvideo.engines import reference

CHROMA = [(0, 0), (1, 0), (1, 1), (0, 1), (2, 0), (2, 2)]


@st.composite
def geometries(draw: st.DrawFn) -> Geometry:
    layout = draw(st.sampled_from(["yuv", "nv", "rgb", "gray"]))
    matrix = draw(st.sampled_from([*LUMA_WEIGHTS, Matrix.RGB]))
    if layout == "nv" and matrix == Matrix.RGB:
        matrix = Matrix.BT709
    chroma = (0, 0) if matrix == Matrix.RGB else draw(st.sampled_from(CHROMA))
    return Geometry(
        width=draw(st.integers(1, 40)),
        height=draw(st.integers(1, 40)),
        layout=layout,
        depth=draw(st.integers(8, 16)),
        coding=Coding(matrix, draw(st.booleans())),
        chroma=chroma,
        msb=draw(st.booleans()),
    )


def random_planes(geometry: Geometry, seed: int) -> list[np.ndarray]:
    """Any codes at all, in rows that are not contiguous, as decoders pad them."""
    rng = np.random.default_rng(seed)
    shift = 16 - geometry.depth if geometry.msb and geometry.depth > 8 else 0
    planes = []
    for like in geometry.empty():
        padded = np.zeros((like.shape[0], like.shape[1] + 7), like.dtype)
        plane = padded[:, : like.shape[1]]
        plane[...] = rng.integers(0, 1 << geometry.depth, like.shape) << shift
        planes.append(plane)
    return planes


def convert(geometry: Geometry, rows: int | None = None) -> RgbConverter:
    converter = RgbConverter(geometry)
    if rows:  # small pictures would otherwise be a single strip
        converter._rows = min(converter._rows, rows)
    return converter


@settings(max_examples=150, deadline=None, derandomize=True)
@given(geometries(), st.integers(0, 99))
def test_planes_to_rgb_is_the_reference(geometry: Geometry, seed: int) -> None:
    planes = random_planes(geometry, seed)
    rgb = np.full((3, geometry.height, geometry.width), np.nan, np.float32)
    convert(geometry, rows=8).to_rgb(planes, rgb)
    np.testing.assert_allclose(rgb, reference.to_rgb(geometry, planes), atol=2e-6)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(geometries(), st.integers(0, 99))
def test_rgb_to_planes_is_the_reference_rounded(geometry: Geometry, seed: int) -> None:
    rgb = np.random.default_rng(seed).random((3, geometry.height, geometry.width), np.float32)
    planes = random_planes(geometry, seed)  # strided targets; what they hold must not matter
    convert(geometry, rows=8).from_rgb(rgb, planes)
    # Half a code of rounding, and what f32 leaves of 16 bits.
    slack = 0.5 + 2e-6 * (1 << geometry.depth)
    for part, wanted in zip(
        reference.split(geometry, planes), reference.from_rgb(geometry, rgb.astype(np.float64)), strict=True
    ):
        assert np.abs(part - wanted).max() <= slack
    if geometry.msb and geometry.depth > 8:
        assert all(not (plane & ((1 << (16 - geometry.depth)) - 1)).any() for plane in planes)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(geometries(), st.integers(0, 99))
def test_frames_in_gamut_come_back(geometry: Geometry, seed: int) -> None:
    """Chroma is exact whatever the subsampling, since it is repeated and averaged over the same pixels."""
    rng = np.random.default_rng(seed)
    soft = 0.3 + 0.4 * rng.random((3, geometry.height, geometry.width), np.float32)
    converter = convert(geometry, rows=4)
    first, again = geometry.empty(), geometry.empty()
    if geometry.layout in ("yuv", "nv"):
        soft[:] = soft.mean(0)  # neutral: one chroma for a block of unlike pixels can leave the gamut
    converter.from_rgb(soft, first)
    rgb = np.empty_like(soft)
    converter.to_rgb(first, rgb)
    converter.from_rgb(rgb, again)
    worst = 0 if geometry.depth <= 12 else 1
    for a, b in zip(reference.split(geometry, first), reference.split(geometry, again), strict=True):
        assert np.abs(a - b).max() <= worst


@pytest.mark.parametrize("full_range", [False, True])
@pytest.mark.parametrize("matrix", list(LUMA_WEIGHTS))
def test_every_444_colour_in_gamut_comes_back(matrix: Matrix, full_range: bool) -> None:
    rng = np.random.default_rng(1)
    geometry = Geometry(97, 33, "yuv", 8, Coding(matrix, full_range), (0, 0))
    converter = RgbConverter(geometry)
    first, again = geometry.empty(), geometry.empty()
    # Rounding to codes may leave the gamut by half a code at its border.
    rgb = (0.02 + 0.96 * rng.random((3, 33, 97))).astype(np.float32)
    converter.from_rgb(rgb, first)
    converter.to_rgb(first, rgb)
    converter.from_rgb(rgb, again)
    for a, b in zip(first, again, strict=True):
        np.testing.assert_array_equal(a, b)


def test_known_colours() -> None:
    """The bars of BT.709, limited range: red is (63, 102, 240), from the standard's own equations."""
    geometry = Geometry(2, 2, "yuv", 8, Coding(Matrix.BT709, False), (1, 1))
    planes = geometry.empty()
    red = np.zeros((3, 2, 2), np.float32)
    red[0] = 1
    RgbConverter(geometry).from_rgb(red, planes)
    assert [int(plane[0, 0]) for plane in planes] == [63, 102, 240]


@pytest.mark.slow
def test_pictures_larger_than_a_strip() -> None:
    geometry = Geometry(1921, 1083, "nv", 10, Coding(Matrix.BT2020_NCL, False), (1, 1), msb=True)
    planes = random_planes(geometry, 0)
    rgb = np.empty((3, 1083, 1921), np.float32)
    converter = RgbConverter(geometry)
    assert converter._rows < 1083
    converter.to_rgb(planes, rgb)
    np.testing.assert_allclose(rgb, reference.to_rgb(geometry, planes), atol=2e-6)


def test_what_does_not_exist_is_refused() -> None:
    coding = Coding(Matrix.BT709, False)
    with pytest.raises(UsageError, match="'bayer' with 8 bits"):
        RgbConverter(Geometry(4, 4, "bayer", 8, coding))
    with pytest.raises(UsageError, match="7 bits"):
        RgbConverter(Geometry(4, 4, "yuv", 7, coding))
    with pytest.raises(UsageError, match="planar RGB"):
        RgbConverter(Geometry(4, 4, "yuv", 8, Coding(Matrix.RGB, True), (1, 1)))
