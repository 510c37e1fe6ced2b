"""Contestants take turns, so that whatever else the machine does meets all of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

#: Does one frame.
Frame = Callable[[], object]

#: Seconds that a turn should last at least: short frames are repeated. Long ones take three turns at most.
TURN, LONG = 0.03, 1.0


def take_turns(
    frames: Mapping[str, Frame], rounds: int, clock: Callable[[], float] = time.perf_counter
) -> dict[str, list[float]]:
    """Return seconds a frame of each contestant in each round, after one or two untimed frames."""
    one: dict[str, float] = {}
    for name, frame in frames.items():
        for _ in range(2):  # the first pays for memory that is touched for the first time
            began = clock()
            frame()
            one[name] = clock() - began
            if one[name] > LONG:
                break
    times: dict[str, list[float]] = {name: [] for name in frames}
    for number in range(rounds):
        for name, frame in frames.items():
            if number >= 3 and one[name] > LONG:
                continue
            repeats = max(1, round(TURN / max(one[name], 1e-6)))
            began = clock()
            for _ in range(repeats):
                frame()
            times[name].append((clock() - began) / repeats)
    return times
