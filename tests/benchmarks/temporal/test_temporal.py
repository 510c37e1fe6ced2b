"""Measures over time: each is shown the fault that it is there for."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from benchmarks import flicker
from benchmarks.methods import baselines
from benchmarks.temporal import clips, measures, scores
from rtvideo.sample.camera_simulator import Image

STEP, FPS = 10, 25.0


@pytest.fixture
def scene() -> Image:
    """A textured picture: flow needs something to hold on to."""
    rng = np.random.default_rng(0)
    coarse = rng.uniform(40, 160, (8, 12, 3)).astype(np.float32)
    return np.kron(coarse, np.ones((8, 8, 1), np.float32)).astype(np.uint8)


def test_a_steady_clip_has_no_fault(scene: Image) -> None:
    clip, still = [scene] * 6, [np.zeros(scene.shape[:2], np.bool_)] * 6
    assert measures.flicker(clip) == 0
    assert measures.boiling(clip, still) == pytest.approx(0, abs=1e-3)
    assert measures.brightness_variance(clip, clip) == measures.brightness_difference_error(clip, clip) == 0
    assert measures.Motion(clip).warping_error(clip) == 0


def test_flicker_is_the_deviation_of_the_mean(scene: Image) -> None:
    clip = [scene + np.uint8(4 * (number % 2)) for number in range(8)]
    assert measures.flicker(clip) == pytest.approx(2, abs=0.2)  # a line through so few sees a trend
    drifting = [scene + np.uint8(number) for number in range(8)]
    assert measures.flicker(drifting) == pytest.approx(0, abs=0.02)
    assert measures.brightness_variance(clip, [scene] * 8) == pytest.approx(4)
    assert measures.brightness_difference(clip) == pytest.approx([4] * 7)
    assert measures.brightness_difference_error(clip, [scene] * 8) == pytest.approx(16)


def test_boiling_sees_noise_and_leaves_out_what_moves(scene: Image) -> None:
    rng = np.random.default_rng(1)
    left = np.zeros(scene.shape[:2], np.bool_)
    left[:, :48] = True
    clip = []
    for _ in range(40):
        noise = np.rint(rng.normal(0, 5, scene.shape[:2]) * left)
        clip.append((scene + noise[..., None]).astype(np.uint8))
    still = np.zeros_like(left)
    assert measures.boiling(clip, [still] * 40) == pytest.approx(2.5, abs=0.2)  # half the pixels at 5
    assert measures.boiling(clip, [left] * 40) == pytest.approx(0, abs=1e-3)
    assert np.isnan(measures.boiling(clip, [~still] * 40))


def test_warping_error_forgives_motion_and_not_flicker(scene: Image) -> None:
    moved = [np.roll(scene, 2 * number, axis=1) for number in range(4)]
    motion = measures.Motion(moved)
    plain = np.mean([np.abs(measures.luma(a) - measures.luma(b)).mean() for a, b in pairwise(moved)])
    assert motion.warping_error(moved) < 0.3 * plain
    pumped = [frame + np.uint8(20 * (number % 2)) for number, frame in enumerate(moved)]
    assert motion.warping_error(pumped) > motion.warping_error(moved) + 10


def test_one_gain_is_forgiven_and_flicker_is_not(scene: Image) -> None:
    truth = [scene] * 6
    half = [(scene / 2).astype(np.uint8)] * 6
    pumped = [(scene * factor).astype(np.uint8) for factor in (0.8, 1.0) * 3]
    assert measures.peak_ratio(half, truth) > 45
    assert measures.peak_ratio(pumped, truth) < 30
    nothing = [np.zeros(scene.shape[:2], np.bool_)] * 6
    assert np.isnan(measures.peak_ratio(half, truth, nothing))


@pytest.mark.parametrize("tau", [0.0, 0.2])
def test_settling_follows_a_time_constant(scene: Image, tau: float) -> None:
    clip = []
    for number in range(60):
        since = (number - STEP + 1) / FPS
        share = 0.0 if number < STEP else 1.0 if tau == 0 else 1 - np.exp(-since / tau)
        clip.append((scene * (0.4 + 0.6 * share)).astype(np.uint8))
    expected = 0.0 if tau == 0 else tau * np.log(10)
    assert measures.settling(clip, STEP, FPS) == pytest.approx(expected, abs=1.5 / FPS)
    assert measures.overshoot(clip, STEP) < 0.02


def test_overshoot_is_a_share_of_the_step(scene: Image) -> None:
    levels = [0.4] * STEP + [1.0] * 5 + [0.8] * 20
    clip = [(scene * level).astype(np.uint8) for level in levels]
    assert measures.overshoot(clip, STEP) == pytest.approx(0.5, abs=0.03)


@pytest.mark.slow
@pytest.mark.parametrize("name", (*clips.NAMES, *clips.MOVING, *clips.HARD))
def test_clips_are_dark_and_their_truth_is_not(name: str) -> None:
    clip = clips.make(clips.Scenes((96, 64), frames=9), name)
    assert len(clip.dark) == len(clip.truth) == len(clip.moving) == 9
    assert clip.dark[0].shape == clip.truth[0].shape == (64, 96, 3)
    assert np.mean(clip.dark) < 0.6 * np.mean(clip.truth)


@pytest.mark.slow
def test_clips_follow_from_their_seed() -> None:
    one, again = (clips.make(clips.Scenes((96, 64), frames=9), "lamp") for _ in range(2))
    assert all(np.array_equal(a, b) for a, b in zip(one.dark, again.dark, strict=True))
    other = clips.make(clips.Scenes((96, 64), frames=9, seed=1), "lamp")
    assert not np.array_equal(one.dark[0], other.dark[0])


@pytest.mark.slow
def test_what_moves_is_known() -> None:
    scenes = clips.Scenes((96, 64), frames=9)
    passer = clips.make(scenes, "passer")
    changed = np.abs(measures.luma(passer.truth[5]) - measures.luma(passer.truth[4])) > 1
    assert changed.any() and not (changed & ~passer.moving[5]).any()
    assert not any(mask.any() for mask in clips.make(scenes, "static").moving)


def test_the_lamps_step_is_known() -> None:
    clip = clips.make(clips.Scenes((96, 64), frames=9), "lamp")
    assert clip.step == 3
    means = [frame.mean() for frame in clip.truth]
    assert max(means[:3]) < min(means[3:]) - 3


def test_a_row_says_only_what_the_clip_can_show() -> None:
    clip = clips.make(clips.Scenes((96, 64), frames=9), "lamp")
    motion = measures.Motion(clip.truth)
    method = scores.alone(baselines.fixed_gain(3))
    row = scores.score("gain", method, method, clip, motion)
    assert row.settling is not None and row.flicker is None and row.moving_clean is None
    assert "| lamp | gain |" in scores.table([row])


def test_an_unknown_clip_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert flicker.main(["--clips", "moon"]) == 2
    assert "moon" in capsys.readouterr().err
