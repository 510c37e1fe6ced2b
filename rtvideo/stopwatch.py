"""Statistics of the time that a stage takes, in bounded memory."""

from __future__ import annotations

from array import array


class Stopwatch:
    """The time that a stage takes for each frame; in long runs of every second, fourth ... frame."""

    def __init__(self, capacity: int = 8192) -> None:
        self._times = array("d")
        self._capacity, self._stride, self._seen = capacity, 1, 0
        self.total = 0.0

    def add(self, seconds: float) -> None:
        """Record a frame."""
        self.total += seconds
        if self._seen % self._stride == 0:
            self._times.append(seconds)
        self._seen += 1
        if len(self._times) >= self._capacity:
            self._times = self._times[::2]
            self._stride *= 2

    def milliseconds(self) -> dict[str, float]:
        """Return median, p95 and p99 in milliseconds; nothing before the first frame."""
        if not self._times:
            return {}
        ordered = sorted(self._times)
        ranks = {"median": 0.5, "p95": 0.95, "p99": 0.99}
        last = len(ordered) - 1
        return {name: round(1000 * ordered[round(share * last)], 3) for name, share in ranks.items()}
