"""The CUDA kernels that divide out the bands of lamps on the mains, run on the processor."""

from __future__ import annotations

import ctypes

import numpy as np
import pytest

pytest.importorskip("torch", reason="networks of tests are torch networks")

from rtvideo.frame import Geometry, Plane
from rtvideo.kernels.structs import TimeConstants
from tests.rtvideo.kernels.cpu.test_motion import texture
from tests.rtvideo.kernels.cpu.test_temporal import (
    FRAMES,
    RATE,
    geometry,
    opened,
    shown,
    to_codes,
    to_planes,
)
from tests.rtvideo.kernels.cuda.emulated import emulated
from tests.rtvideo.kernels.cuda.test_temporal import PLAIN, Remembering

pytestmark = pytest.mark.compile

WIDTH, HEIGHT, SHUTTER, MAINS = 253, 190, 1 / 60, 50


def lit(of: Geometry, number: int, drift: int = 0) -> list[Plane]:
    """A frame whose left half is lit by a lamp on the mains, its right half by another lamp."""
    rng, rows = np.random.default_rng(number), np.arange(HEIGHT)[:, None] / HEIGHT
    wave = np.repeat(1 + 0.1 * np.sin(4 * np.pi * MAINS * (number * RATE + SHUTTER * rows)), WIDTH, 1)
    wave[:, WIDTH // 2 :] = 1
    picture = 0.6 * texture()[:HEIGHT, drift * number :][:, :WIDTH] * wave
    luma = np.clip(16 + picture + rng.normal(0, 1.5, wave.shape), 16, 235)
    if of.layout == "rgb":
        return to_planes([luma, 0.5 * luma, 0.9 * luma], of)
    return to_planes([luma, *(np.full(shape, 140.0) for shape in of.shapes()[1:])], of)


def bands(of: Remembering) -> bool:
    """``bands`` of ``rt::Mains``, behind the counts of frames."""
    return ctypes.c_bool.from_address(of.state.mains.found + 8).value


@pytest.mark.parametrize("name", ["gray", "420", "rgb"])
def test_bands_are_divided_out_as_by_the_processor(name: str) -> None:
    of = geometry(name, WIDTH, HEIGHT, 16)
    kernels = emulated(PLAIN, temporal=True)
    device, leaving, processor = Remembering(kernels, of), Remembering(kernels, of), opened(of)
    profiles = []
    for number in range(16):
        planes, reset = lit(of, number), number in (0, 2)
        device(planes, TimeConstants(FRAMES, RATE, reset, True, True))
        leaving(planes, TimeConstants(FRAMES, RATE, reset, True, False))
        if reset:
            processor.reset()
        wanted = to_codes(shown(processor, planes, of, number * RATE), of)
        for a, b in zip(device.picture(), wanted, strict=True):
            # An age that is rounded the other way moves a sample by a sixteenth of its change.
            assert np.abs(a - b).max() < 0.5 and (np.abs(a - b) > 0.1).mean() < 1e-3
        assert bands(device) == (number >= 8) and not bands(leaving)
        profiles.append([one.picture()[0][:, : WIDTH // 3].mean(1) for one in (device, leaving)])
    evened, left = np.std(profiles[-6:], axis=0).mean(1)
    assert left > 1.5 and evened < 0.3 * left


def test_where_the_camera_turns_bands_stay_as_on_the_processor() -> None:
    of = geometry("gray", WIDTH, HEIGHT, 16)
    device, processor = Remembering(emulated(PLAIN, temporal=True), of), opened(of)
    for number in range(8):
        planes = lit(of, number, drift=3)
        device(planes, TimeConstants(FRAMES, RATE, number == 0, True, True))
        wanted = to_codes(shown(processor, planes, of, number * RATE), of)
        assert (np.abs(device.picture()[0] - wanted[0]) > 0.1).mean() < 0.01
        assert not bands(device)
