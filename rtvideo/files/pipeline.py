"""Three threads that decode, enhance and encode a file, with short queues between them.

FFmpeg and the engines release Python's lock, so that three threads keep all cores busy. The first error ends
all threads, and is the one that is raised.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Protocol

import av

from rtvideo.channel import Channel, ChannelAborted
from rtvideo.errors import UnavailableError
from rtvideo.media.timing import Event, Packet
from rtvideo.processor import FrameProcessor
from rtvideo.stopwatch import Stopwatch

#: Frames between two stages. The speed of each stage hardly varies, so that more would only take memory.
_DEPTH = 3

#: Packets of other streams that may travel with one frame.
_PACKETS = 64

#: Seconds after a stop for which frames under way are finished. Containers are killed ten seconds after
#: SIGTERM, and the output must be complete by then.
_PATIENCE = 3.0


class Output(Protocol):
    """Where enhanced frames go, such as `rtvideo.media.output.EncodedOutput`."""

    def write(self, frame: av.VideoFrame) -> None:
        """Take a frame."""

    def copy(self, packet: Packet) -> None:
        """Take a packet of another stream."""

    def finish(self, late: threading.Event) -> int:
        """No more come; when ``late`` is set, end soon. Return how many of the frames are left out."""


@dataclass
class Counters:
    """What has happened so far, and the time that each stage took for a frame; any thread may read it."""

    frames_in: int = 0
    frames_out: int = 0
    decode: Stopwatch = field(default_factory=Stopwatch)
    enhance: Stopwatch = field(default_factory=Stopwatch)
    encode: Stopwatch = field(default_factory=Stopwatch)


@dataclass
class _Batch:
    """Packets, then a frame (None: packets only)."""

    packets: list[Packet]
    frame: av.VideoFrame | None


class Pipeline:
    """One run of a file's frames through the processor into the output.

    Attributes:
        counters: may be read while it runs.
    """

    def __init__(
        self,
        events: Iterable[Event],
        processor: FrameProcessor,
        output: Output,
        stop: threading.Event,
    ) -> None:
        """Connect the parts; `run` does the work.

        Args:
            events: frames, and packets of other streams, in file order; iterated in the decoder's thread.
            stop: when set, no more events are taken; what is under way is completed, as far as seconds allow.
        """
        self.counters = Counters()
        self._events, self._processor, self._output, self._stop = events, processor, output, stop
        self._pool = processor.pool
        self._decoded: Channel[_Batch] = Channel(_DEPTH)
        self._enhanced: Channel[_Batch] = Channel(_DEPTH)
        self._error: BaseException | None = None
        self._lost: UnavailableError | None = None
        self._lock = threading.Lock()
        self._late = threading.Event()

    @property
    def completed(self) -> bool:
        """Whether ``output.finish`` was called and worked, though the engine may have been lost before."""
        return self._error is None

    def run(self, on_tick: Callable[[], None] = lambda: None, interval: float = 0.1) -> None:
        """Work until the events end or ``stop`` is set; ``output.finish`` has been called then.

        Args:
            on_tick: called from this thread about every ``interval`` seconds.

        Raises:
            whatever the first failing stage raised; the others have ended by then.
            UnavailableError: the device was lost; if `completed`, the output holds what was done before.
        """
        stages = (self._decode, self._enhance, self._encode)
        threads = [
            threading.Thread(target=self._guard, args=(stage,), name=f"rtvideo{stage.__name__}", daemon=True)
            for stage in stages
        ]
        for thread in threads:
            thread.start()
        stopped: float | None = None
        try:
            while any(thread.is_alive() for thread in threads):
                threads[-1].join(interval)
                on_tick()
                if stopped is None and self._stop.is_set():
                    stopped = time.monotonic()
                if stopped is not None and time.monotonic() - stopped > _PATIENCE:
                    self._leave_out_the_rest()
                if not threads[-1].is_alive():
                    for thread in threads:
                        thread.join()
        except BaseException as error:
            self._fail(error)
            for thread in threads:
                thread.join()
            raise
        if self._lost is not None:
            raise self._lost
        if self._error is not None:
            raise self._error

    def _guard(self, stage: Callable[[], None]) -> None:
        try:
            stage()
        except ChannelAborted:
            pass
        except BaseException as error:
            self._fail(error)

    def _fail(self, error: BaseException) -> None:
        with self._lock:
            self._error = self._error or error
        self._decoded.abort()
        self._enhanced.abort()

    def _leave_out_the_rest(self) -> None:
        """Let the output end with the frames that it has."""
        self._late.set()
        self._decoded.abort()
        self._enhanced.close()

    def _decode(self) -> None:
        packets: list[Packet] = []
        began = time.perf_counter()
        for event in self._events:
            if self._stop.is_set():
                break
            if not isinstance(event, av.VideoFrame):
                packets.append(event)
                if len(packets) < _PACKETS:
                    continue
                batch = _Batch(packets, None)
            else:
                self.counters.frames_in += 1
                self.counters.decode.add(time.perf_counter() - began)
                batch = _Batch(packets, event)
            packets = []
            self._decoded.put(batch)
            began = time.perf_counter()
        if packets:
            self._decoded.put(_Batch(packets, None))
        self._decoded.close()

    def _enhance(self) -> None:
        try:
            self._enhance_all()
        except UnavailableError as error:
            self._lost = error  # of a device: nothing more can be enhanced, but what was can be completed
            self._decoded.abort()
        self._enhanced.close()

    def _enhance_all(self) -> None:
        for batch in self._decoded:
            packets = batch.packets
            if batch.frame is not None:
                began = time.perf_counter()
                pairs = list(self._processor.push(batch.frame))
                self.counters.enhance.add(time.perf_counter() - began)
                for pair in pairs:
                    self._enhanced.put(_Batch(packets, pair.lit))
                    packets = []
            if packets:
                self._enhanced.put(_Batch(packets, None))
        for pair in self._processor.flush():
            self._enhanced.put(_Batch([], pair.lit))

    def _encode(self) -> None:
        for batch in self._enhanced:
            if self._late.is_set():
                break
            began = time.perf_counter()
            for packet in batch.packets:
                self._output.copy(packet)
            if batch.frame is None:
                continue
            self._output.write(batch.frame)
            if self._pool is not None:
                self._pool.give(batch.frame)
            self.counters.encode.add(time.perf_counter() - began)
            self.counters.frames_out += 1
        self.counters.frames_out -= self._output.finish(self._late)
