"""The board on which the nodes write how far they are, and on which they read that they are to stop."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import ray

#: Seconds between two notes of one unit.
_INTERVAL = 0.5


@dataclass
class Standing:
    """How far a run is.

    Attributes:
        under_way: frames done and about how many there will be, of each unit that runs, by its key.
        ended: frames of units that have ended.
        by_node: frames that each node has done, by its name.
        retries: how often units were begun again, since what ran them was lost.
    """

    under_way: dict[str, tuple[int, int | None]] = field(default_factory=dict)
    ended: int = 0
    by_node: Counter[str] = field(default_factory=Counter)
    retries: int = 0


class Board:
    """Runs as an actor: one for each run, where the command runs."""

    def __init__(self) -> None:
        self._standing = Standing()
        self._begun: Counter[str] = Counter()
        self._stop = False

    def begin(self, key: str) -> int:
        """Note that a unit begins, and return which attempt this is, from 1."""
        self._begun[key] += 1
        self._standing.retries += self._begun[key] > 1
        self._standing.under_way[key] = 0, None
        return self._begun[key]

    def note(self, key: str, node: str, done: int, total: int | None, made: int) -> bool:
        """Note the frames of a unit, and return whether it is to stop.

        Args:
            done, total: frames of the unit.
            made: frames since the last note.
        """
        self._standing.under_way[key] = done, total
        self._standing.by_node[node] += made
        return self._stop

    def end(self, key: str, done: int) -> None:
        """Note that a unit has ended, with so many frames."""
        self._standing.under_way.pop(key, None)
        self._begun.pop(key, None)
        self._standing.ended += done

    def standing(self) -> Standing:
        """Return how far all are."""
        return self._standing

    def stop(self) -> None:
        """Let the units that run end early; none begins any more."""
        self._stop = True


def new_board() -> Any:
    """Return the handle of a new board, which no node's end takes along but that of this one."""
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=True)
    return ray.remote(Board).options(num_cpus=0, max_restarts=-1, scheduling_strategy=here).remote()


class Notes:
    """What one unit writes on the board. Its calls never wait, but for the first.

    Attributes:
        attempt: 1, or more where what ran the unit before was lost.
        stop: set when the unit is to end early.
    """

    def __init__(self, board: Any, key: str) -> None:
        self.attempt = int(ray.get(board.begin.remote(key)))
        self.stop = threading.Event()
        self._board, self._key = board, key
        self._node = f"{socket.gethostname()}/{ray.get_runtime_context().get_node_id()[:6]}"
        self._noted, self._last = 0, 0.0
        self._answer: Any = None

    def __call__(self, done: int, total: int | None) -> None:
        """Note the frames done, twice a second at most."""
        now = time.monotonic()
        if now - self._last < _INTERVAL or (self._answer is not None and not self._answered()):
            return
        self._last = now
        self._write(done, total)

    def finish(self, done: int) -> None:
        """Note how many frames it became."""
        self._write(done, done)
        self._board.end.remote(self._key, done)

    def _write(self, done: int, total: int | None) -> None:
        self._answer = self._board.note.remote(self._key, self._node, done, total, done - self._noted)
        self._noted = done

    def _answered(self) -> bool:
        ready, _ = ray.wait([self._answer], timeout=0)
        if ready:
            with contextlib.suppress(ray.exceptions.RayError):  # the board is being started anew
                if ray.get(self._answer):
                    self.stop.set()
            self._answer = None
        return bool(ready)
