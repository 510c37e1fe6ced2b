"""Dither of frames with 8 bits: against double precision, and where it acts."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch", reason="the reference is a torch network")

import torch

from model.ruas import RUAS
from rtvideo.colour import levels
from rtvideo.engines.fused import FusedSession
from rtvideo.engines.session import Settings
from rtvideo.frame import Geometry
from rtvideo.kernels import weights
from rtvideo.models import find
from tests.rtvideo.kernels.cpu.test_debanding import BLACK, reference
from tests.rtvideo.kernels.cpu.test_temporal import UNLIT, Samples, geometry, to_codes, to_planes

pytestmark = pytest.mark.compile

Codes = np.ndarray[tuple[int, ...], np.dtype[np.float64]]

#: Up to where all of a dark picture is dithered, in codes above black (`rtvideo/kernels/common/debanding.h`).
DARK = 12


def lit(codes: Samples, of: Geometry, strength: float = 1.0, threads: int = 2) -> list[Codes]:
    """What the kernels make of a frame that is debanded, in codes of 8 bits."""
    settings, out = Settings(strength, deband=1.0, dither=True), of.empty()
    session = FusedSession(find("night"), of, settings, threads=threads)
    session.enhance(to_planes(codes, of), out)
    session.close()
    return to_codes(out, of)


def slope(of: Geometry) -> Samples:
    """A dark sky that gets lighter, in whole codes, beside a street that is no longer dark."""
    across = np.linspace(2, 9, of.width)[None] + np.zeros((of.height, 1))
    across[3 * of.height // 4 :] += 40
    luma = np.rint(across)
    return [BLACK + luma] if of.layout == "gray" else [luma, luma, luma]


def exact(codes: Samples, of: Geometry) -> tuple[Samples, Samples]:
    """What the network sees, and its result before it is rounded, in codes, both in double precision."""
    model, seen = find("night"), reference(codes, of)
    assert model.description is not None and model.weights is not None
    net = RUAS(model.description).double()
    read = weights.read(model.weights)
    net.load_state_dict({name: torch.from_numpy(np.array(values)).double() for name, values in read.items()})
    lv = levels(of.coding, of.depth)
    rgb = np.stack([(c - lv.black) / lv.luma_scale for c in (seen * 3)[:3]]).clip(0, 1)
    with torch.no_grad():
        made = net.illumination(torch.from_numpy(rgb)[None], 1.0).u[0].numpy()
    return seen, [made[k] * lv.luma_scale + lv.black for k in range(len(seen))]


def recurrence(height: int, width: int) -> Codes:
    """R2 (Roberts, 2018), -1/2..1/2, by the root of g^3 = g + 1."""
    g = float(np.roots([1, 0, -1, -1])[0].real)
    y, x = np.mgrid[:height, :width]
    turns = x / g + y / g**2
    return turns - np.rint(turns)


@pytest.mark.parametrize("layout", ["gray", "rgb"])
def test_the_result_is_that_of_the_reference(layout: str) -> None:
    of = geometry(layout, 330, 96)
    black = levels(of.coding, 8).black
    codes = slope(of)
    pattern = recurrence(of.height, of.width)
    for got, seen, plain in zip(lit(codes, of), *exact(codes, of), strict=True):
        raised, dark = np.clip(plain - seen - 1, 0, 1), np.clip(2 - (seen - black) / DARK, 0, 1)
        wanted = plain + pattern * raised * dark
        assert (np.rint(wanted) != np.rint(plain)).mean() > 0.15  # there is something to see
        assert np.abs(got - wanted).max() < 0.55
        assert (got == np.rint(wanted)).mean() > 0.97


def test_a_slope_has_no_bands_and_keeps_its_mean() -> None:
    of = geometry("gray", 512, 128)
    codes = slope(of)
    (got,), (_, (plain,)) = lit(codes, of), exact(codes, of)
    sky = np.s_[:64, 32:-32]
    # Bands: what columns are off by, which rounding alone is by up to half a code.
    rounded = np.abs((np.rint(plain) - plain)[sky].mean(0)).max()
    assert rounded > 0.4
    assert np.abs((got - plain)[sky].mean(0)).max() < rounded / 4
    assert abs((got - plain)[sky].mean()) < 0.005


def test_it_stands_still_and_strips_do_not_show() -> None:
    of = geometry("gray", 700, 90)
    codes = slope(of)
    session = FusedSession(find("night"), of, Settings(deband=1.0, dither=True), threads=2)
    first, second = of.empty(), of.empty()
    for out in (first, second):
        session.enhance(to_planes(codes, of), out)
    session.close()
    np.testing.assert_array_equal(first, second)
    np.testing.assert_array_equal(lit(codes, of, threads=1), lit(codes, of, threads=3))


def test_what_is_not_raised_is_rounded_alone() -> None:
    of = geometry("gray", 330, 96)
    codes = slope(of)
    (seen,), (got,) = reference(codes, of), lit(codes, of, strength=UNLIT)
    sure = np.abs(seen % 1 - 0.5) > 0.01
    assert sure.mean() > 0.9
    np.testing.assert_array_equal(got[sure], np.rint(seen)[sure])
