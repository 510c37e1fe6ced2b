"""Where live pictures go: to outputs and viewers side by side, each behind a queue and in its own thread.

GStreamer calls this a ``tee`` with a ``queue`` on each branch.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from rtvideo.channel import Channel, ChannelAborted
from rtvideo.errors import OutputError
from rtvideo.live.copying import CopiedPacket, CopyEnd
from rtvideo.live.sound import SoundPacket
from rtvideo.media.codecs import VideoParameters
from rtvideo.media.planes import FrameFormat
from rtvideo.media.template import InputTemplate
from rtvideo.options import LiveOptions
from rtvideo.processor import FramePair
from rtvideo.stopwatch import Stopwatch
from rtvideo.viewers.base import FrameInfo

#: Pairs that may wait where nothing is dropped.
_DEPTH = 3

#: Seconds that an output may take for one pair.
_STUCK = 30.0


@dataclass(frozen=True, kw_only=True)
class LivePair(FramePair):
    """A pair with what viewers show about it. Several threads read its frames, so nobody writes to them."""

    info: FrameInfo


@dataclass(frozen=True)
class LiveVideo:
    """What outputs are opened for.

    Attributes:
        source: gives the other streams and metadata; each output takes a copy.
        frames: of the pairs.
        parameters: of the pairs; an output encodes what `VideoParameters.composed` makes of them.
        live: frames come when they are captured, so that outputs have to keep up.
        how: for how long lost servers are tried again, the length of segments, and more.
    """

    source: InputTemplate
    frames: FrameFormat
    parameters: VideoParameters
    live: bool
    how: LiveOptions


class LiveOutput:
    """Takes pairs: a file, a server, a viewer. All methods are called from one thread.

    Attributes:
        name: for messages and statistics.
        required: its failure is the run's. That of a viewer is not, as long as anything else is left.
        latency: stopwatches for what it measures itself, by name.
        waiting: pairs that may wait for it where the oldest are dropped.
        hold: seconds that a picture may be late for it until pictures are left out, where they come live.
        copies: it takes packets of the source's video in place of pairs, see `rtvideo.live.copying`.
        counted: pairs that it misses are told as dropped; nobody sees those of one that only measures.
        unhurried: it may keep a pair for as long as it likes; any other output is given up then.
    """

    required = True
    waiting = 1
    hold = 0.0
    copies = False
    counted = True
    unhurried = False
    name: str
    latency: dict[str, Stopwatch]

    @property
    def watched(self) -> bool:
        """Whether anybody looks at it; a file or a server is always watched."""
        return True

    @property
    def connecting(self) -> bool:
        """Whether its server has not answered yet."""
        return False

    @property
    def answered(self) -> bool:
        """Whether its server has ever answered, or there is none."""
        return not self.connecting

    @property
    def ends_run(self) -> bool:
        """Whether its failure ends the run at once."""
        return self.required

    def take(self, pair: LivePair) -> None:
        """Encode, write or show a pair.

        Raises:
            ConsumerClosed: the reader of the output has closed it.
        """
        raise NotImplementedError

    def copy(self, sound: SoundPacket) -> None:
        """Pass on a packet of sound, where the output has a place for it."""

    def copy_video(self, packet: CopiedPacket | CopyEnd) -> None:
        """Write a packet of video, or end with that, where `copies` says that it can."""
        raise NotImplementedError

    def finish(self) -> None:
        """Complete the output."""
        raise NotImplementedError

    def abort(self) -> None:
        """Close the output incomplete: called instead of `finish`, or after it failed."""
        raise NotImplementedError

    def discard(self) -> None:
        """Say, from another thread, that `abort` is to leave nothing behind."""


class ConsumerClosed(Exception):
    """The reader of an output has closed it. The output ends, and this is not an error."""


class OutputWorker:
    """One output, the queue before it and the thread between them."""

    def __init__(self, output: LiveOutput, *, drops: bool, ended: Callable[[], None]) -> None:
        """Prepare the thread; `FanOut.start` starts it.

        Args:
            drops: where the output is too slow the oldest pair is dropped; else the pipeline waits.
            ended: called when the thread ends.
        """
        self.output = output
        self.pairs: Channel[LivePair] = Channel(output.waiting if drops else _DEPTH, drops=drops)
        self.packets: deque[SoundPacket | CopiedPacket | CopyEnd] = deque()
        self.error: Exception | None = None
        self.work = Stopwatch()
        self._ended = ended
        self._busy_since: float | None = None
        self._dropped_connecting = 0
        self.thread = threading.Thread(target=self._run, name=f"rtvideo {output.name}", daemon=True)

    def _run(self) -> None:
        try:
            for pair in self.pairs:
                began = self._busy_since = time.monotonic()
                self._copy()
                connecting = self.output.connecting
                self.output.take(pair)
                if connecting:
                    self._dropped_connecting = self.pairs.dropped
                else:
                    self.work.add(time.monotonic() - began)
                self._busy_since = None
            self._copy()
            self.output.finish()
        except (ChannelAborted, ConsumerClosed):
            self.output.abort()
        except Exception as error:
            self.error = error
            self.output.abort()
        finally:
            self.pairs.abort()
            self.packets.clear()
            self._ended()

    @property
    def lost(self) -> int:
        """Pairs dropped since the server answered: before, they say nothing of this machine's speed."""
        return 0 if self.output.connecting else self.pairs.dropped - self._dropped_connecting

    @property
    def stuck(self) -> bool:
        """Whether the output has been busy with one pair for too long to be working still."""
        since = self._busy_since
        if since is None or self.output.unhurried:
            return False
        return time.monotonic() - since > _STUCK and not self.output.connecting

    def _copy(self) -> None:
        while self.packets:
            packet = self.packets.popleft()
            if isinstance(packet, SoundPacket):
                self.output.copy(packet)
            else:
                self.output.copy_video(packet)


class FanOut:
    """An `OutputWorker` for each output."""

    def __init__(self, outputs: Sequence[LiveOutput], *, drops: bool, ended: Callable[[], None]) -> None:
        """Prepare the workers; `start` starts them.

        Args:
            drops: no output is waited for. Where False, the pipeline waits for those that are required.
            ended: called when an output fails that ends the run, or none is left.
        """
        self._workers = [
            OutputWorker(output, drops=drops or not output.required, ended=self._one_ended)
            for output in outputs
        ]
        self._awaited = self._workers
        self._ended = ended

    def __iter__(self) -> Iterator[OutputWorker]:
        """Yield the workers in the order of the outputs."""
        return iter(self._workers)

    def start(self) -> None:
        """Start the threads."""
        for worker in self._workers:
            worker.thread.start()

    def put(self, pair: LivePair) -> None:
        """Queue a pair for each output that is watched; those that hold pictures come last."""
        for worker in sorted(self._workers, key=lambda worker: worker.output.hold):
            if worker.output.watched:
                with contextlib.suppress(ChannelAborted):  # this one has ended
                    worker.pairs.put(pair, pair.captured + worker.output.hold)

    def copy(self, copies: Callable[[], list[SoundPacket]]) -> None:
        """Queue a packet of sound for each required output; ``copies`` makes a copy for one."""
        for worker in self._workers:
            if worker.output.required and worker.thread.is_alive():
                worker.packets += copies()

    def copy_video(self, packet: Callable[[], CopiedPacket | CopyEnd]) -> None:
        """Queue a packet of video, or the end of them, for each output that copies; ``packet`` makes one."""
        for worker in self._workers:
            if worker.output.copies and worker.thread.is_alive():
                worker.packets.append(packet())

    @property
    def copies(self) -> bool:
        """Whether any output copies packets of video."""
        return any(worker.output.copies for worker in self._workers)

    @property
    def hold(self) -> float:
        """Seconds that pictures may be late, because an output would rather have them late than not."""
        return max((worker.output.hold for worker in self._workers), default=0.0)

    @property
    def watched(self) -> bool:
        """Whether any output is watched."""
        return any(worker.output.watched for worker in self._workers)

    @property
    def stuck(self) -> bool:
        """Whether any output is stuck, see `OutputWorker.stuck`."""
        return any(worker.stuck for worker in self._workers)

    @property
    def lost(self) -> int:
        """Pairs dropped because a required output, not just a viewer, was too slow."""
        return sum(worker.lost for worker in self._workers if worker.output.required)

    @property
    def dropped(self) -> dict[str, int]:
        """Pairs dropped, by name of the output."""
        return {each.output.name: each.pairs.dropped for each in self._workers if each.output.counted}

    def close(self) -> None:
        """Say that no more pairs come, so that outputs are completed."""
        for worker in self._workers:
            worker.pairs.close()

    def give_up_connecting(self) -> None:
        """Do not let `join` wait for outputs whose server has not answered."""
        self._awaited = [
            worker for worker in self._workers if not (worker.output.connecting and worker.thread.is_alive())
        ]

    def join(self, deadline: float) -> None:
        """Wait until outputs are complete, up to a moment on the clock of `time.monotonic`.

        Raises:
            OutputError: one is not.
        """
        for worker in self._awaited:
            if worker.output.unhurried:
                worker.thread.join()
            elif not worker.stuck:
                worker.thread.join(max(0.0, deadline - time.monotonic()))
        for worker in self._awaited:
            if worker.thread.is_alive():
                raise OutputError(f"{worker.output.name}: takes no more data; given up")

    def abort(self, grace: float) -> None:
        """End the workers without completing their outputs; each gets ``grace`` seconds."""
        for worker in self._workers:
            worker.pairs.abort()
        for worker in self._workers:
            worker.thread.join(grace)

    def raise_unanswered(self) -> None:
        """Raise the error of an output whose server never answered: it is as if nothing had begun."""
        for worker in self._workers:
            if worker.error is not None and not worker.output.answered:
                for other in self._workers:
                    other.output.discard()
                raise worker.error

    def raise_first(self) -> None:
        """Raise the first error of a required output, or of any output where all failed."""
        failed = [worker for worker in self._awaited if worker.error is not None]
        for worker in failed:
            if worker.output.required or len(failed) == len(self._workers):
                assert worker.error is not None
                raise worker.error

    def _one_ended(self) -> None:
        left = [
            worker
            for worker in self._workers
            if worker.thread.is_alive() and worker.thread is not threading.current_thread()
        ]
        failed = [worker for worker in self._workers if worker.error is not None and worker.output.required]
        goes_on = left if not failed else [worker for worker in left if worker.output.required]
        if not goes_on or any(worker.output.ends_run for worker in failed):
            self._ended()
