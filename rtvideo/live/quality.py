"""Less work where the machine is too slow, and more again when it is not.

First without noise removal, then with coarser illumination, then frame by frame, then fewer frames.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

#: Seconds over which frames are counted before anything is decided.
_WINDOW = 1.0

#: Windows in a row with losses until less is done.
_BAD = 2

#: Share of lost frames that makes such a window: for giving up quality, and for giving up frames, where fewer
#: but even ones must be worth it.
_LOSS, _HEAVY_LOSS = 0.05, 0.15

#: Busy share of the engine's thread below which more is tried.
_IDLE = 0.6

#: Seconds without losses until more is tried; they double each time that it turns out too much.
_PATIENCE, _LONGEST = 10.0, 300.0

#: Seconds within which losses count as the fault of having tried more.
_TRIAL = 5.0


@dataclass(frozen=True)
class Step:
    """One way of doing less.

    Attributes:
        denoise: whether noise may be removed.
        coarse: whether illumination is coarser, where the engine can.
        temporal: whether the frames before may count.
        share: of the frames that are enhanced, at most.
        words: what it is, for the user.
    """

    denoise: bool
    coarse: bool
    temporal: bool
    share: float
    words: str


#: Everything that can be done, from all to least.
STEPS = (
    Step(True, False, True, 1.0, "all is done that was asked for"),
    Step(False, False, True, 1.0, "noise removal off"),
    Step(False, True, True, 1.0, "illumination at half the size"),
    Step(False, True, False, 1.0, "each frame alone"),
    Step(False, True, False, 1 / 2, "half of the frames"),
    Step(False, True, False, 1 / 3, "a third of the frames"),
    Step(False, True, False, 1 / 4, "a quarter of the frames"),
)


class QualityController:
    """Decides, from what is lost and how busy the engine is, how much to do. One thread.

    Attributes:
        step: what to do at present.
        changes: how often that changed.
    """

    def __init__(
        self,
        removes_noise: Callable[[], bool],
        coarsens: Callable[[], bool],
        say: Callable[[str], None],
        *,
        temporal: bool = False,
    ) -> None:
        """Begin with everything.

        Args:
            removes_noise: whether noise removal is on, so that it can be left out.
            coarsens: whether illumination can be coarser.
            say: told in one line of each change.
            temporal: whether the frames before count, so that they can be left out of it.
        """
        self._at = 0
        self._removes_noise, self._coarsens, self._say = removes_noise, coarsens, say
        self._temporal = temporal
        self._began: float | None = None
        self._frames, self._busy, self._lost_before = 0, 0.0, 0
        self._bad = 0
        self._calm_since = 0.0
        self._patience = _PATIENCE
        self._raised_at: float | None = None
        self.changes = 0

    @property
    def step(self) -> Step:
        """What to do at present."""
        return STEPS[self._at]

    def observe(self, now: float, seconds: float, lost: int) -> None:
        """Take note of an enhanced frame.

        Args:
            now: in seconds, on any clock.
            seconds: that the engine took for it.
            lost: frames that were left out so far because something was too slow.
        """
        if self._began is None:
            self._began, self._calm_since, self._lost_before = now, now, lost
        self._frames += 1
        self._busy += seconds
        if now - self._began < _WINDOW:
            return
        new = lost - self._lost_before
        below = self._below()
        costs_frames = below == self._at or STEPS[below].share < self.step.share
        limit = _HEAVY_LOSS if costs_frames else _LOSS
        bad = new > max(1, limit * (self._frames + new))
        busy = self._busy / (now - self._began)
        self._began, self._frames, self._busy, self._lost_before = now, 0, 0.0, lost
        self._bad = self._bad + 1 if bad else 0
        if bad:
            self._calm_since = now
        if self._bad >= _BAD and below != self._at:
            self._lower(below, now)
        elif self._at and now - self._calm_since >= self._patience:
            above = self._above()
            # By how much it multiplies the work, as far as that is known before it is tried.
            growth = STEPS[above].share / self.step.share
            if busy * growth < _IDLE:
                self._raise(above, now)

    def _effect(self, at: int) -> tuple[bool, bool, bool, float]:
        """What a step comes to here: what is not on cannot be left out."""
        step = STEPS[at]
        return (
            step.denoise and self._removes_noise(),
            step.coarse and self._coarsens(),
            step.temporal and self._temporal,
            step.share,
        )

    def _below(self) -> int:
        """Return the next step that does less here; the present one if none does."""
        now = self._effect(self._at)
        return next((at for at in range(self._at + 1, len(STEPS)) if self._effect(at) != now), self._at)

    def _above(self) -> int:
        """Return the next step that does more here; of several that come to the same the first."""
        now = self._effect(self._at)
        more = next((at for at in range(self._at - 1, -1, -1) if self._effect(at) != now), 0)
        return next(at for at in range(more + 1) if self._effect(at) == self._effect(more))

    def _lower(self, below: int, now: float) -> None:
        if self._raised_at is not None and now - self._raised_at < _TRIAL:
            self._patience = min(2 * self._patience, _LONGEST)
        self._move(below, now)
        self._raised_at = None
        self._say(f"too slow here: {self.step.words} (--no-adapt forbids it)")

    def _raise(self, above: int, now: float) -> None:
        self._move(above, now)
        self._raised_at = now
        self._say(f"fast enough again: {self.step.words}")

    def _move(self, at: int, now: float) -> None:
        self._at, self._bad, self._calm_since = at, 0, now
        self.changes += 1
