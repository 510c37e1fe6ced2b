"""Noise removal that is told how much noise frames have, and stays steady."""

from __future__ import annotations

import numpy as np
import pytest

from rtvideo import Enhancer
from rtvideo.colour import Coding, Matrix
from rtvideo.engines.noise_level import denoise_for
from rtvideo.engines.session import Settings
from rtvideo.engines.steady_noise import SteadyNoise
from rtvideo.frame import Geometry, Plane

GREY = Geometry(320, 240, "gray", 8, Coding(Matrix.BT709, full_range=True))
TOLD = Settings(denoise=1.0, adapts=True, lossless=True)
STEP = 1 / 30


def scene(noise: float, seed: int = 0, light: float = 60) -> Plane:
    """Squares on a slope, with noise; as many codes as a dusk has."""
    rng = np.random.default_rng(seed)
    squares = 8 * (np.indices((240, 320)).sum(0) // 24 % 2)
    luma = light + squares + np.linspace(0, 20, 320) + rng.normal(0, noise, (240, 320))
    return np.rint(luma).clip(0, 255).astype(np.uint8)


def told(noise: SteadyNoise, frames: list[Plane], settings: Settings = TOLD) -> list[float]:
    return [noise.denoise(settings, [frame], k * STEP) for k, frame in enumerate(frames)]


def test_noise_gets_all_of_it_and_a_clean_frame_half() -> None:
    assert told(SteadyNoise(GREY), [scene(2.0)]) == [1.0]
    assert told(SteadyNoise(GREY), [scene(0.0)]) == [0.5]


def test_the_steps_of_a_dark_frame_are_noise() -> None:
    assert told(SteadyNoise(GREY), [scene(0.0, light=0) // 4]) == [1.0]


def test_where_an_encoder_hid_the_noise_all_of_it_acts() -> None:
    blocks = np.kron(np.random.default_rng(0).integers(50, 90, (30, 40)), np.ones((8, 8))).astype(np.uint8)
    assert told(SteadyNoise(GREY), [blocks], Settings(denoise=1.0, adapts=True)) == [1.0]


def test_it_does_not_pump_where_frames_of_an_encoder_differ() -> None:
    frames = [scene(2.0 if k % 4 == 0 else 0.0, k) for k in range(60)]
    alone = [told(SteadyNoise(GREY), [frame])[0] for frame in frames]
    steady = told(SteadyNoise(GREY), frames)
    assert np.abs(np.diff(alone)).max() == 0.5
    assert np.abs(np.diff(steady)).max() < 0.05
    assert min(steady) > 0.8  # the noise did not go


def test_noise_that_begins_is_followed() -> None:
    steady = told(SteadyNoise(GREY), [scene(0.0)] * 5 + [scene(2.0, k) for k in range(60)])
    assert steady[4] == 0.5 and steady[10] < 0.8 and steady[-1] > 0.98
    assert steady[4:] == sorted(steady[4:])


def test_another_picture_is_judged_at_once_and_black_not_at_all() -> None:
    noise, black = SteadyNoise(GREY), np.zeros((240, 320), np.uint8)
    steady = told(noise, [scene(0.0)] * 3 + [black] * 3 + [scene(2.0, light=150)])
    assert steady == [0.5] * 6 + [1.0]
    assert told(SteadyNoise(GREY), [black]) == [1.0]  # nothing was seen yet


@pytest.mark.parametrize("later", [-1.0, 3.0])
def test_it_begins_anew_after_a_gap_and_a_reset(later: float) -> None:
    noise = SteadyNoise(GREY)
    told(noise, [scene(2.0)])
    assert noise.denoise(TOLD, [scene(0.0)], later) == 0.5
    told(noise, [scene(2.0)])
    noise.reset()
    assert noise.denoise(TOLD, [scene(0.0)], STEP) == 0.5


def test_what_is_asked_for_is_done() -> None:
    assert told(SteadyNoise(GREY), [scene(0.0)], Settings(denoise=0.9)) == [0.9]
    assert told(SteadyNoise(GREY), [scene(0.0)], Settings(adapts=True)) == [0.0]


@pytest.mark.compile
@pytest.mark.parametrize("engine", ["fused", "onnx", "torch"])
def test_engines_and_the_enhancer_are_told(engine: str) -> None:
    if engine != "fused":
        pytest.importorskip({"onnx": "onnxruntime", "torch": "onnx"}[engine])
        pytest.importorskip({"onnx": "onnxruntime", "torch": "torch"}[engine])
    strengths = np.linspace(0, 3, 48).reshape(6, 8).repeat(40, 0).repeat(40, 1)
    texture = strengths * np.random.default_rng(0).normal(0, 1, (240, 320))
    frame = np.rint((scene(0.0, light=20) + texture) * 257).clip(0, 65535).astype(np.uint16)
    with Enhancer(engine=engine, threads=1) as enhance:
        made = [enhance(frame), enhance(frame)]
        enhance(np.rint(scene(5.0) * 257.0).astype(np.uint16))
        made.append(enhance(frame))  # each frame is judged by itself
        enhance.denoise = denoise_for(frame, lossless=False)
        assert enhance.denoise < 0.9
        made.append(enhance(frame))
        enhance.denoise = "on"
        all_of_it = enhance(frame)
    for one in made[1:]:
        np.testing.assert_array_equal(one, made[0])
    assert (all_of_it != made[0]).mean() > 0.5
