"""Where live pictures go: outputs and viewers, each behind a queue and in a thread of its own."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Protocol

from rtvideo.channel import Aborted, Channel
from rtvideo.media.pairs import FramePair
from rtvideo.media.timing import Packet
from rtvideo.stopwatch import Stopwatch

#: Pairs that may wait where nothing is dropped.
_DEPTH = 3

#: Seconds that an outlet may take for one pair.
_STUCK = 30.0


class Outlet(Protocol):
    """Where pairs go: a file, a stream, a viewer. All calls but those of properties come from one thread.

    Attributes:
        name: for messages and statistics.
        required: its failure ends the run. A viewer's does not, as long as anything else is left.
        latency: stopwatches for what it measures itself, by name.
    """

    name: str
    required: bool
    latency: dict[str, Stopwatch]

    @property
    def watched(self) -> bool:
        """Whether anybody takes what comes here."""

    @property
    def connecting(self) -> bool:
        """Whether whoever is to take what comes here has not answered yet."""

    def take(self, pair: FramePair) -> None:
        """Encode, write or show a pair."""

    def copy(self, packet: Packet) -> None:
        """Pass a packet of another stream on."""

    def finish(self) -> None:
        """Complete the output."""

    def abort(self) -> None:
        """Give up; called instead of `finish`, or after it failed."""


class ConsumerClosed(Exception):
    """Whoever took an outlet's data has left: the outlet ends, and that is no error."""


class OutputWorker:
    """An outlet, the queue before it and the thread between them."""

    def __init__(self, outlet: Outlet, *, drops: bool, ended: Callable[[], None]) -> None:
        """Start nothing yet.

        Args:
            drops: the oldest pair goes where the outlet is too slow; else the pipeline waits for it.
            ended: called when it ends by itself.
        """
        self.outlet = outlet
        self.pairs: Channel[FramePair] = Channel(1 if drops else _DEPTH, drops=drops)
        self.packets: deque[Packet] = deque()
        self.error: Exception | None = None
        self.frames = 0
        self.work = Stopwatch()
        self._ended = ended
        self._since: float | None = None
        self._unanswered = 0
        self.thread = threading.Thread(target=self._run, name=f"rtvideo {outlet.name}", daemon=True)

    def _run(self) -> None:
        try:
            for pair in self.pairs:
                began = self._since = time.monotonic()
                self._copy()
                connecting = self.outlet.connecting
                self.outlet.take(pair)
                if connecting:
                    self._unanswered = self.pairs.dropped
                else:
                    self.work.add(time.monotonic() - began)
                self._since = None
                self.frames += 1
            self._copy()
            self.outlet.finish()
        except (Aborted, ConsumerClosed):
            self.outlet.abort()
        except Exception as error:
            self.error = error
            self.outlet.abort()
        finally:
            self.pairs.abort()
            self.packets.clear()
            self._ended()

    @property
    def lost(self) -> int:
        """Pairs dropped since it takes any: a server that is slow to answer says nothing of the machine."""
        return 0 if self.outlet.connecting else self.pairs.dropped - self._unanswered

    @property
    def stuck(self) -> bool:
        """Whether the outlet has been busy with one pair for longer than anything takes that works."""
        since = self._since
        return since is not None and time.monotonic() - since > _STUCK

    def _copy(self) -> None:
        while self.packets:
            self.outlet.copy(self.packets.popleft())
