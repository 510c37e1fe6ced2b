"""All outputs and viewers of a live run: fed side by side, ended together."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator, Sequence

from rtvideo.channel import Aborted
from rtvideo.errors import OutputError
from rtvideo.live.output_worker import Outlet, OutputWorker
from rtvideo.media.pairs import FramePair
from rtvideo.media.timing import Packet


class FanOut:
    """A `rtvideo.live.output_worker.OutputWorker` for each outlet."""

    def __init__(self, outlets: Sequence[Outlet], *, drops: bool, ended: Callable[[], None]) -> None:
        """Start nothing yet.

        Args:
            drops: nothing is waited for; where not, what is required is.
            ended: called when one that is required has failed, or none is left.
        """
        self._all = [
            OutputWorker(outlet, drops=drops or not outlet.required, ended=self._one_ended)
            for outlet in outlets
        ]
        self._awaited = self._all
        self._ended = ended

    def __iter__(self) -> Iterator[OutputWorker]:
        """Yield them in the order of the outlets."""
        return iter(self._all)

    def start(self) -> None:
        """Start their threads."""
        for drain in self._all:
            drain.thread.start()

    def put(self, pair: FramePair) -> None:
        """Hand a pair to each that is watched."""
        for drain in self._all:
            if drain.outlet.watched:
                with contextlib.suppress(Aborted):  # this one has ended
                    drain.pairs.put(pair)

    def copy(self, copies: Callable[[], list[Packet]]) -> None:
        """Hand packets of another stream to each that keeps them; ``copies`` makes a copy for one."""
        for drain in self._all:
            if drain.outlet.required:
                drain.packets += copies()

    @property
    def watched(self) -> bool:
        """Whether anybody takes pairs."""
        return any(drain.outlet.watched for drain in self._all)

    @property
    def stuck(self) -> bool:
        """Whether one waits for ever."""
        return any(drain.stuck for drain in self._all)

    @property
    def lost(self) -> int:
        """Pairs dropped because an output, not just a viewer, was too slow."""
        return sum(drain.lost for drain in self._all if drain.outlet.required)

    @property
    def dropped(self) -> dict[str, int]:
        """Pairs dropped, by outlet."""
        return {drain.outlet.name: drain.pairs.dropped for drain in self._all}

    def close(self) -> None:
        """Say that no more pairs come; outputs are completed."""
        for drain in self._all:
            drain.pairs.close()

    def give_up(self) -> None:
        """Do not wait, in the end, for those whose server has not answered."""
        self._awaited = [drain for drain in self._all if not drain.outlet.connecting]

    def join(self, deadline: float) -> None:
        """Wait until outputs are complete, up to a moment on the clock of `time.monotonic`.

        Raises:
            OutputError: one is not.
        """
        for drain in self._awaited:
            if not drain.stuck:
                drain.thread.join(max(0.0, deadline - time.monotonic()))
        for drain in self._awaited:
            if drain.thread.is_alive():
                raise OutputError(f"{drain.outlet.name}: takes no more data; given up")

    def abort(self, grace: float) -> None:
        """End them without completing outputs; each gets ``grace`` seconds."""
        for drain in self._all:
            drain.pairs.abort()
        for drain in self._all:
            drain.thread.join(grace)

    def raise_unanswered(self) -> None:
        """Raise the error of one that never came about."""
        for drain in self._all:
            if drain.error is not None and drain.outlet.connecting:
                raise drain.error

    def raise_first(self) -> None:
        """Raise the first error of one that is required, or of any where all failed."""
        failed = [drain for drain in self._awaited if drain.error is not None]
        for drain in failed:
            if drain.outlet.required or len(failed) == len(self._all):
                assert drain.error is not None
                raise drain.error

    def _one_ended(self) -> None:
        left = [
            drain
            for drain in self._all
            if drain.thread.is_alive() and drain.thread is not threading.current_thread()
        ]
        if not left or any(drain.error is not None and drain.outlet.required for drain in self._all):
            self._ended()
