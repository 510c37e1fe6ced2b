"""How much less cameras do where the processor is too short for all of them: the same, by one rule.

A camera that alone is too slow does less alone: its pictures are too large for its threads, and it would not
help it if others did less. When a second one is too slow, the processor is short, and all do as little as the
second slowest needs to. Cameras of low priority do a step less than any of normal priority needs to, and ask
those for nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from rtvideo.live.quality import LEVELS
from rtvideo.service.config import NORMAL


def floors(cameras: Mapping[str, tuple[str, int]]) -> dict[str, int]:
    """Return the place in `LEVELS` that each camera is at least at.

    Args:
        cameras: by name, its priority (of `rtvideo.service.config.PRIORITIES`) and the place that it needs.
    """
    normal = [need for priority, need in cameras.values() if priority == NORMAL]
    common = _second(normal)
    worst = max(normal, default=0)
    low = max(_second(need for _, need in cameras.values()), min(worst + 1, len(LEVELS) - 1) if worst else 0)
    return {name: common if priority == NORMAL else low for name, (priority, _) in cameras.items()}


def _second(needs: Iterable[int]) -> int:
    """Return the second largest number; 0 if there is none."""
    return sorted((0, 0, *needs))[-2]
