"""Doing less where the machine is too slow, and more again; frames picked evenly."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtvideo.live.quality import LEVELS, CommonQuality, QualityController
from rtvideo.media.rate_limit import FrameRateLimiter


class Machine:
    """A source of 30 frames a second and an engine whose cost depends on what is done."""

    def __init__(
        self,
        cost: Callable[[float, bool], float],
        *,
        denoise: bool = True,
        coarsens: bool = False,
        over_time: bool = False,
        hold: float = 0.0,
        common: CommonQuality | None = None,
    ) -> None:
        self._hold = hold
        self.said: list[str] = []
        self.denoise, self.coarsens = denoise, coarsens
        self.over_time = over_time
        self.controller = QualityController(
            lambda: self.denoise,
            lambda: self.coarsens,
            self.said.append,
            temporal=over_time,
            common=common,
        )
        self._cost = cost
        self._now = self._free = 0.0
        self._lost = 0
        self._cadence = FrameRateLimiter()

    def run(self, seconds: float) -> None:
        """Let time pass: a frame that comes while the engine is busy waits, or is lost."""
        end = self._now + seconds
        while self._now < end:
            self._now += 1 / 30
            step = self.controller.level
            if not self._cadence.takes(self._now, None if step.share == 1 else 30 * step.share):
                continue
            late = max(0.0, self._free - self._now)
            if late > self._hold + 1e-9:
                self._lost += 1
                continue
            cost = self._cost(self._now, step.denoise and self.denoise)
            if step.coarse and self.coarsens:
                cost *= 0.85
            if self.over_time and not step.temporal:
                cost /= 2
            self._free = self._now + late + cost
            self.controller.observe(self._free, cost, self._lost, late)

    @property
    def at(self) -> int:
        return LEVELS.index(self.controller.level)


def test_a_machine_that_is_fast_enough_does_everything() -> None:
    machine = Machine(lambda now, denoise: 0.03)
    machine.run(60)
    assert machine.at == 0 and machine.said == []


def test_noise_removal_goes_first() -> None:
    machine = Machine(lambda now, denoise: 0.06 if denoise else 0.01)
    machine.run(8)
    assert machine.at == 1 and machine.controller.changes == 1
    assert machine.said == ["too slow here: noise removal off (--no-adapt forbids it)"]


@pytest.mark.parametrize(("cost", "share"), [(0.05, 1 / 2), (0.09, 1 / 3), (0.125, 1 / 4)])
def test_then_frames_until_nothing_is_lost(cost: float, share: float) -> None:
    machine = Machine(lambda now, denoise: cost, denoise=False)
    machine.run(20)
    assert machine.controller.level.share == share
    assert "noise" not in " ".join(machine.said), "what is not on cannot be left out"
    lost = machine._lost
    machine.run(5)
    assert machine._lost == lost


def test_the_frames_before_go_before_frames_do() -> None:
    machine = Machine(lambda now, denoise: 0.05, denoise=False, over_time=True)
    machine.run(20)
    assert machine.controller.level.share == 1 and not machine.controller.level.temporal
    assert machine.said == ["too slow here: temporal filter off (--no-adapt forbids it)"]


def test_coarser_illumination_goes_before_frames_do() -> None:
    machine = Machine(lambda now, denoise: 0.06 if denoise else 0.036, coarsens=True)
    machine.run(20)
    assert machine.controller.level.coarse and machine.controller.level.share == 1
    assert [line.partition(" (")[0] for line in machine.said] == [
        "too slow here: noise removal off",
        "too slow here: illumination at half the size",
    ]
    machine = Machine(lambda now, denoise: 0.036, denoise=False, coarsens=True)
    machine.run(20)
    assert machine.said == ["too slow here: illumination at half the size (--no-adapt forbids it)"]


def test_what_turns_out_not_to_be_there_is_passed_over() -> None:
    machine = Machine(lambda now, denoise: 0.036 if now < 30 else 0.01, denoise=False, coarsens=True)
    machine.run(3)
    assert machine.controller.level.coarse and machine.controller.level.share == 1
    machine.coarsens = False
    machine.run(10)
    assert machine.controller.level.share == 1 / 2
    machine.run(60)
    assert machine.at == 0 and machine.said[2:] == ["fast enough again: full quality"]


def test_a_busy_minute_passes() -> None:
    machine = Machine(lambda now, denoise: 0.2 if now < 30 else 0.005)
    machine.run(30)
    assert machine.at == len(LEVELS) - 1
    machine.run(120)
    assert machine.at == 0 and machine.said[-1] == "fast enough again: full quality"


def test_it_does_not_swing() -> None:
    machine = Machine(lambda now, denoise: 0.06 if denoise else 0.01)
    machine.run(1800)
    assert machine.controller.changes <= 20, "each failed attempt doubles the patience"
    assert machine.controller.changes >= 4, "but it goes on trying"


def test_where_frames_may_be_late_a_trial_costs_none() -> None:
    """Noise removal takes twice the time that there is: it is tried again and again, and no frame is lost."""
    machine = Machine(lambda now, denoise: 0.066 if denoise else 0.008, hold=3.0)
    machine.run(1800)
    assert machine._lost == 0 and 4 <= machine.controller.changes <= 20


def test_what_did_not_fit_by_the_saving_that_was_measured_is_tried_rarely() -> None:
    machine = Machine(lambda now, denoise: 0.06 if denoise else 0.015)
    machine.run(290)
    assert machine.controller.changes == 1, "45 % of the time now, 180 % with noise removal"
    machine.run(60)
    assert machine.controller.changes == 3, "but it may have become cheaper meanwhile"


def test_what_others_need_holds_for_it_and_what_it_needs_is_its_own() -> None:
    common = CommonQuality()
    machine = Machine(lambda now, denoise: 0.01, common=common)
    machine.run(5)
    common.floor = 4
    machine.run(60)
    assert machine.at == 4 and common.need == 0 and machine.said == []
    common.floor = 0
    machine.run(1)
    assert machine.at == 0


def test_a_single_hiccup_changes_nothing() -> None:
    machine = Machine(lambda now, denoise: 0.5 if 5 < now < 5.05 else 0.01)
    machine.run(20)
    assert machine._lost > 5 and machine.controller.changes == 0


@given(st.lists(st.floats(0, 0.3), min_size=1, max_size=40), st.booleans(), st.booleans())
def test_the_step_always_exists(costs: list[float], denoise: bool, coarsens: bool) -> None:
    machine = Machine(lambda now, denoise: costs[int(now) % len(costs)], denoise=denoise, coarsens=coarsens)
    machine.run(40)
    assert 0 <= machine.at < len(LEVELS) and len(machine.said) == machine.controller.changes


@pytest.mark.parametrize("most", [5, 10, 12.5, 15, 24, 29, 30, 60])
def test_a_cadence_keeps_the_rate_and_is_even(most: float) -> None:
    cadence = FrameRateLimiter()
    kept = [i / 30 for i in range(900) if cadence.takes(i / 30, most)]
    assert len(kept) == pytest.approx(30 * min(30, most), rel=0.04)
    gaps = [b - a for a, b in pairwise(kept)]
    assert max(gaps) - min(gaps) < 1 / 30 + 1e-6


def test_a_cadence_lives_through_jumps_and_changes() -> None:
    cadence = FrameRateLimiter()
    assert all(cadence.takes(i / 30, None) for i in range(9))
    assert cadence.takes(0.3, 10) and not cadence.takes(0.33, 10)
    assert cadence.takes(1000.0, 10) and not cadence.takes(1000.03, 10)
    assert cadence.takes(5.0, 10), "back by a lot: a new beginning"


@given(st.lists(st.floats(0, 2), min_size=2), st.floats(1, 100))
def test_never_more_than_allowed(gaps: list[float], most: float) -> None:
    cadence, now, kept = FrameRateLimiter(), 0.0, []
    for gap in gaps:
        now += gap
        if cadence.takes(now, most):
            kept.append(now)
    assert len(kept) <= (kept[-1] - kept[0]) * most + 2 if kept else True
