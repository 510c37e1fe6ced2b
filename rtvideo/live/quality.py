"""Load shedding: lower quality where the machine is too slow, and higher again when it is not.

First noise removal is left out, then illumination is estimated at half the size, then the temporal filter is
left out, then frames are.

What a step saves is measured when it is taken. A step back that would then not fit is tried rarely, and any
that turns out not to fit is taken back within a second or two.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

#: Seconds over which frames are counted for a decision.
_WINDOW = 1.0

#: Windows in a row with losses after which the quality is lowered.
_BAD = 2

#: Share of lost frames that makes such a window. The larger one holds for levels that leave out frames:
#: evenly spaced ones are better only if many would be lost.
_LOSS, _HEAVY_LOSS = 0.05, 0.15

#: Seconds that pictures may be late where they may be late at all, and the lateness from which on one window
#: is enough. It counts as long as it does not shrink.
_BEHIND, _FAR_BEHIND = 0.5, 1.5

#: Busy share of the engine's thread below which a higher quality is tried, and above which it was too high.
_IDLE, _BUSY = 0.6, 0.9

#: Seconds without losses until a higher quality is tried; they double each time that it was too high. The
#: longest ones pass, too, where it would be too high by what is known.
_PATIENCE, _LONGEST = 10.0, 300.0

#: Seconds within which losses are put down to a higher quality.
_TRIAL = 5.0


@dataclass(frozen=True)
class QualityLevel:
    """A level of quality.

    Attributes:
        denoise: whether noise may be removed.
        coarse: whether illumination is estimated at half the size, if the engine can.
        temporal: whether the temporal filter may be used.
        share: of the frames that are enhanced at most, above 0 to 1.
        words: for the user.
    """

    denoise: bool
    coarse: bool
    temporal: bool
    share: float
    words: str


#: From the highest to the lowest.
LEVELS = (
    QualityLevel(True, False, True, 1.0, "full quality"),
    QualityLevel(False, False, True, 1.0, "noise removal off"),
    QualityLevel(False, True, True, 1.0, "illumination at half the size"),
    QualityLevel(False, True, False, 1.0, "temporal filter off"),
    QualityLevel(False, True, False, 1 / 2, "half of the frames"),
    QualityLevel(False, True, False, 1 / 3, "a third of the frames"),
    QualityLevel(False, True, False, 1 / 4, "a quarter of the frames"),
)


@dataclass
class CommonQuality:
    """What live runs that share a machine have to do with each other. Any thread may read and write it.

    Attributes:
        need: the place in `LEVELS` that this run needs by itself.
        floor: the place that it is at least at, because others need it.
    """

    need: int = 0
    floor: int = 0


@dataclass
class _Savings:
    """By how much a frame costs more at one level than at the one below, as last measured."""

    factors: dict[tuple[int, int], float] = field(default_factory=dict)
    before: tuple[int, float] | None = None

    def moved(self, at: int, seconds: float) -> None:
        """Note the seconds of a frame at the level that is left now."""
        self.before = at, seconds

    def measured(self, at: int, seconds: float) -> None:
        """Note the seconds of a frame at the present level, of the first window there."""
        if self.before is None or not seconds:
            return
        (other, then), self.before = self.before, None
        if other < at:
            self.factors[other, at] = then / seconds
        elif at < other and then:
            self.factors[at, other] = seconds / then

    def factor(self, above: int, at: int) -> float:
        """Return by how much a frame costs more at a level above; 1 where that is not known."""
        return self.factors.get((above, at), 1.0)


class QualityController:
    """Chooses a level by the frames that are lost and the time that the engine takes. For one thread.

    Attributes:
        changes: how often the level that the run needs by itself changed.
    """

    def __init__(
        self,
        removes_noise: Callable[[], bool],
        coarsens: Callable[[], bool],
        say: Callable[[str], None],
        *,
        temporal: bool = False,
        common: CommonQuality | None = None,
    ) -> None:
        """Begin with full quality.

        Args:
            removes_noise: returns whether noise removal is on; where not, it cannot be left out.
            coarsens: returns whether illumination can be estimated at half the size.
            say: called with a line for each change.
            temporal: whether the temporal filter is on.
            common: what others need, who share the machine.
        """
        self._common = common or CommonQuality()
        self._removes_noise, self._coarsens, self._say = removes_noise, coarsens, say
        self._temporal = temporal
        self._began: float | None = None
        self._frames, self._busy, self._lost_before = 0, 0.0, 0
        self._bad, self._late = 0, 0.0
        self._savings = _Savings()
        self._calm_since = 0.0
        self._patience = _PATIENCE
        self._raised_at: float | None = None
        self.changes = 0

    @property
    def level(self) -> QualityLevel:
        """The present level."""
        return LEVELS[self._at]

    @property
    def _at(self) -> int:
        return max(self._common.need, self._common.floor)

    def observe(self, now: float, seconds: float, lost: int, late: float = 0.0) -> None:
        """Count an enhanced frame, and change the level if need be.

        Args:
            now: in seconds, on any clock.
            seconds: that the frame took.
            lost: frames lost so far because something was too slow.
            late: seconds that the frame had waited, where frames may.
        """
        if self._began is None:
            self._began, self._calm_since, self._lost_before = now, now, lost
        self._frames += 1
        self._busy += seconds
        if now - self._began < _WINDOW:
            return
        new = lost - self._lost_before
        below = self._below()
        costs_frames = below == self._at or LEVELS[below].share < self.level.share
        limit = _HEAVY_LOSS if costs_frames else _LOSS
        behind = late > _BEHIND and late > self._late
        bad = behind or new > max(1, limit * (self._frames + new))
        busy, mean = self._busy / (now - self._began), self._busy / self._frames
        self._late = late
        self._savings.measured(self._at, mean)
        trying = self._raised_at is not None and now - self._raised_at < _TRIAL
        enough = 1 if trying or late > _FAR_BEHIND else _BAD
        bad = bad or (trying and busy > _BUSY)
        self._began, self._frames, self._busy, self._lost_before = now, 0, 0.0, lost
        self._bad = self._bad + 1 if bad else 0
        if bad:
            self._calm_since = now
        if self._bad >= enough and below != self._at:
            self._savings.moved(self._at, mean)
            self._lower(below, now)
        elif self._common.need and self._common.need >= self._common.floor:
            above = self._above()
            # The factor by which the work grows, as far as that is known before.
            growth = LEVELS[above].share / self.level.share * self._savings.factor(above, self._at)
            patience = self._patience if busy * growth < _IDLE else _LONGEST
            if now - self._calm_since >= patience:
                self._savings.moved(self._at, mean)
                self._raise(above, now)

    def _effect(self, at: int) -> tuple[bool, bool, bool, float]:
        """Return what a level does here; what is off anyway makes no difference."""
        level = LEVELS[at]
        return (
            level.denoise and self._removes_noise(),
            level.coarse and self._coarsens(),
            level.temporal and self._temporal,
            level.share,
        )

    def _below(self) -> int:
        """Return the next lower level that makes a difference here; the present one if none does."""
        now = self._effect(self._at)
        return next((at for at in range(self._at + 1, len(LEVELS)) if self._effect(at) != now), self._at)

    def _above(self) -> int:
        """Return the next higher level that makes a difference here; of several alike, the highest."""
        now = self._effect(self._at)
        more = next((at for at in range(self._at - 1, -1, -1) if self._effect(at) != now), 0)
        return next(at for at in range(more + 1) if self._effect(at) == self._effect(more))

    def _lower(self, below: int, now: float) -> None:
        if self._raised_at is not None and now - self._raised_at < _TRIAL:
            self._patience = min(2 * self._patience, _LONGEST)
        self._move(below, now)
        self._raised_at = None
        self._say(f"too slow here: {self.level.words} (--no-adapt forbids it)")

    def _raise(self, above: int, now: float) -> None:
        before = self.level
        self._move(above, now)
        self._raised_at = now
        if self.level is not before:  # others may need less still
            self._say(f"fast enough again: {self.level.words}")

    def _move(self, at: int, now: float) -> None:
        self._common.need, self._bad, self._calm_since = at, 0, now
        self.changes += 1
