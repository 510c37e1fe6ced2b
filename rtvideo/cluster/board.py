"""The board on which the nodes write how far they are, and on which they read that they are to stop.

It may be lost and start anew, empty: what is counted for reports is not kept here.
"""

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
        self._stop = False

    def begin(self, key: str, attempt: int) -> None:
        """Note that a unit begins, for the first time or once more."""
        self._standing.retries += attempt > 1
        self._standing.under_way[key] = 0, None

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
        self._standing.ended += done

    def standing(self, stop: bool) -> Standing:
        """Return how far all are; with ``stop`` the units that run end early, and none begins any more."""
        self._stop = stop
        return self._standing


def new_board() -> Any:
    """Return the handle of a new board, which no node's end takes along but that of this one."""
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    # A soft wish for a node is none for what takes no processor: Ray would start it anywhere.
    here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
    board = ray.remote(Board).options(
        num_cpus=0,
        max_restarts=-1,
        scheduling_strategy=here,
        enable_task_events=False,  # the head would keep a record of each note
    )
    return board.remote()


class Notes:
    """What one unit writes on the board. Its calls never wait, and a board that is away fails no unit.

    Attributes:
        attempt: 1, or more where what ran the unit before was lost.
        stop: set when the unit is to end early.
    """

    def __init__(self, board: Any, key: str) -> None:
        self.attempt = _attempt()
        board.begin.remote(key, self.attempt)
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


def _attempt() -> int:
    """Return how often Ray has begun this task, with this time. It says so to its own parts alone."""
    from ray._private.worker import global_worker

    return int(global_worker.core_worker.get_current_task_attempt_number()) + 1
