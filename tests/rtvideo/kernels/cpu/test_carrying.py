"""Carrying against its reference in double precision."""

from __future__ import annotations

import ctypes
import functools
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rtvideo.frame import Geometry, Plane
from rtvideo.kernels.cpu import build, isa
from rtvideo.kernels.structs import Format, PlanePointers, state_format
from tests.rtvideo.kernels import carrying_reference as reference
from tests.rtvideo.kernels.cpu.test_temporal import LAYOUTS, geometry, to_codes, to_planes

#: Samples of 16 bits. The table of taps has six digits, and sums are in single precision.
CLOSE = 2


@functools.cache
def carrying() -> ctypes.CDLL:
    if not build.compilers():
        pytest.skip("no compiler: pip install ziglang")
    source = Path(__file__).with_name("carry.cpp").read_text()
    found = next(i for i in isa.usable() if not i.packed_dtype)
    return ctypes.CDLL(str(build.library(source, found)))


def pointers(planes: list[Plane]) -> PlanePointers:
    made = PlanePointers()
    for k, plane in enumerate(planes):
        made.data[k], made.stride[k] = plane.ctypes.data, plane.strides[0]
    return made


def carried(
    of: Geometry, planes: list[Plane], ages: Plane, vectors: reference.Vectors, strip: int
) -> tuple[list[Plane], Plane]:
    kept: Format = state_format(of)
    out, old = of.empty(), np.zeros_like(ages)
    moved = np.ascontiguousarray(vectors, np.float32)
    assert carrying().carry_all(
        ctypes.byref(kept), of.width, of.height, strip, moved.ctypes.data_as(ctypes.c_void_p),
        ages.ctypes.data_as(ctypes.c_void_p), ctypes.byref(pointers(planes)), ctypes.byref(pointers(out)),
        old.ctypes.data_as(ctypes.c_void_p),
    )  # fmt: skip
    return out, old


def moved(rng: np.random.Generator, width: int, height: int) -> reference.Vectors:
    """Vectors of blocks: most as a camera moves them, some alone, some still, some from beyond edges."""
    shape = (-(-height // 16), -(-width // 16), 2)
    vectors = rng.uniform(-20, 20, 2) + np.cumsum(rng.normal(0, 0.2, shape), 1)
    alone, still = rng.random(shape[:2]) < 0.1, rng.random(shape[:2]) < 0.1
    vectors[alone] = rng.uniform(-80, 80, (int(alone.sum()), 2))
    vectors[still] = 0
    # What single precision has exactly, so that no fraction of a pixel is rounded the other way.
    return np.rint(8 * vectors) / 8


@given(
    name=st.sampled_from(sorted(LAYOUTS)),
    width=st.integers(64, 150),
    height=st.integers(64, 100),
    strip=st.sampled_from([16, 48, 160]),
    seed=st.integers(0, 999),
)
@settings(max_examples=40, deadline=None, derandomize=True)
def test_the_picture_so_far_is_carried_as_by_the_reference(
    name: str, width: int, height: int, strip: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    of = geometry(name, width, height, 16)
    rgb = name in ("rgb", "gbr")
    x, y = (0, 0) if rgb else of.chroma
    shapes = [(height, width), *[(-(-height // (1 << y)), -(-width // (1 << x)))] * 2]
    codes = [rng.uniform(0, 255.9, shape) for shape in shapes[: 1 if name == "gray" else 3]]
    ages = rng.integers(0, 241, (-(-height // 2), -(-width // 2)), np.uint8)
    vectors = moved(rng, width, height)
    planes = to_planes(codes, of)
    out, old = carried(of, planes, ages, vectors, strip)
    for c, (a, before) in enumerate(zip(to_codes(out, of), to_codes(planes, of), strict=True)):
        wanted = reference.carried(256 * before, vectors, *((0, 0) if c == 0 else (x, y)))
        assert np.abs(256 * a - wanted).max() <= CLOSE
    assert np.array_equal(old, reference.carried_ages(ages.astype(np.float64), vectors))


def test_what_may_be_off_begins_anew_as_by_the_reference() -> None:
    rng = np.random.default_rng(0)
    age, steepness, left = rng.uniform(1, 15, 500), rng.exponential(9, 500), rng.exponential(4, 500)
    unsure = rng.choice([0, 0.01, 0.04], 500)
    given = [np.asarray(v, np.float32) for v in (age, steepness, unsure, left)]
    places = [v.ctypes.data_as(ctypes.c_void_p) for v in given]
    carrying().ages_after(500, *places, ctypes.c_float(1.3), ctypes.c_float(2.5))
    wanted = reference.ages_after(age, steepness, unsure, left, 1.3, 2.5)
    assert np.allclose(given[0], wanted, rtol=1e-5)
    assert wanted.min() < 0.3 * age.max() < wanted.max()  # some began anew, some did not
