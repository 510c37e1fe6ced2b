"""Bands of lamps on the mains: recognised by their period over rows and frames, and divided out."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from tests.rtvideo.kernels.cpu.test_motion import texture
from tests.rtvideo.kernels.cpu.test_temporal import geometry, opened, shown, to_codes, to_planes

WIDTH, HEIGHT, SHUTTER = 256, 192, 1 / 60
FPS = 30


def wandering(
    *, mains: float, depth: float, flicker: bool, drift: float = 0.0, half: bool = False, name: str = "gray"
) -> tuple[float, npt.NDArray[np.floating]]:
    """How much the means of rows change over the later frames, in codes, and the last picture."""
    of = geometry(name, WIDTH, HEIGHT)
    session = opened(of)
    session.settings.flicker = flicker
    rng, picture = np.random.default_rng(0), texture()[:HEIGHT, :] * 0.6
    rows = np.arange(HEIGHT)[:, None] / HEIGHT
    profiles = []
    for number in range(40):
        shift = int(drift * number)
        wave = 1 + depth * np.sin(2 * np.pi * mains * 2 * (number / FPS + SHUTTER * rows))
        lit = np.repeat(wave, WIDTH, 1)
        if half:
            lit[:, WIDTH // 2 :] = 1
        frame = np.clip(16 + picture[:, shift : shift + WIDTH] * lit + rng.normal(0, 1.5, lit.shape), 0, 255)
        codes = [frame, *(np.full(shape, 128.0) for shape in of.shapes()[1:])][: 1 if name == "gray" else 3]
        out = to_codes(shown(session, to_planes(codes, of), of, number / FPS), of)[0]
        if number >= 25:
            profiles.append(out[:, WIDTH // 2 :].mean(1) if half else out.mean(1))
    return float(np.std(profiles, axis=0).mean()), out


@pytest.mark.parametrize("mains", [50, 51])
def test_bands_stop_wandering(mains: float) -> None:
    evened, _ = wandering(mains=mains, depth=0.1, flicker=True)
    left, _ = wandering(mains=mains, depth=0.1, flicker=False)
    assert left > 1.5
    assert evened < 0.3 * left


def test_colour_planes_follow() -> None:
    assert wandering(mains=50, depth=0.1, flicker=True, name="420")[0] < 0.7


def test_what_other_lamps_light_gets_no_bands() -> None:
    assert wandering(mains=50, depth=0.1, flicker=True, half=True)[0] < 0.4


@pytest.mark.parametrize("drift", [0.0, 1.0])
def test_a_picture_without_bands_is_left_alone(drift: float) -> None:
    _, evened = wandering(mains=50, depth=0.0, flicker=True, drift=drift)
    _, left = wandering(mains=50, depth=0.0, flicker=False, drift=drift)
    assert np.array_equal(evened, left)
