"""Capture | decode | enhance, then a thread for each output and viewer; nobody waits for a slower one.

Live pictures are dropped, the oldest first, wherever a stage is slower than what comes: at most one frame
waits before each. Where the source can wait (a pipe, a finished file) nothing is dropped on the way to an
output. Whatever ends the run, the outputs are finished properly.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial

import av

from rtvideo.channel import Channel, ChannelAborted
from rtvideo.engines.session import Session
from rtvideo.live.decoder import PacketDecoder
from rtvideo.live.engine import LiveEngine
from rtvideo.live.fallback import FallbackSession
from rtvideo.live.fanout import FanOut, LiveOutput
from rtvideo.live.input import LiveInput, TimedPacket
from rtvideo.live.quality import QualityController
from rtvideo.media.network.connect import TIMEOUT
from rtvideo.media.pairs import FramePair, PairEnhancer
from rtvideo.media.rate_limit import FrameRateLimiter
from rtvideo.stopwatch import Stopwatch
from rtvideo.viewers.base import FrameInfo, ViewerControls

#: Frames that may wait before a stage where nothing is dropped.
_DEPTH = 3

#: Packets that may wait to be decoded where not every one is a picture of its own.
_PACKETS = 600

#: Seconds that threads get to end: one that reads from a silent source, and those that finish outputs.
_GRACE, _FINISH = 1.0, 20.0


@dataclass
class LiveCounters:
    """What has happened so far; written by the stages, read by whoever shows progress."""

    frames_in: int = 0
    frames_out: int = 0
    enhanced: Stopwatch = field(default_factory=Stopwatch)


class LivePipeline:
    """One run from a live source to its outputs.

    Attributes:
        counters, fan_out, decoding, enhancing (work times): may be read at any time.
    """

    def __init__(
        self,
        source: LiveInput,
        enhancer: PairEnhancer,
        session: Session,
        outputs: list[LiveOutput],
        controls: ViewerControls,
        halt: threading.Event,
        *,
        adapter: QualityController | None = None,
        coarser: FallbackSession | None = None,
        max_fps: float | None = None,
        start: float | None = None,
        duration: float | None = None,
        frames: int | None = None,
    ) -> None:
        """Connect the parts; `run` does the work.

        Args:
            controls: read before each frame.
            halt: the source's own; it is set when the run ends.
            adapter: decides to do less; None never does.
            coarser: what to change over to when it says so.
            max_fps: frames a second that are enhanced at most.
            start: leave out what is shown before, in seconds.
            duration, frames: end after so many seconds of the source, or after so many enhanced frames.
        """
        self.counters = LiveCounters()
        self._source, self._controls, self._halt = source, controls, halt
        self._engine = LiveEngine(enhancer, session, controls, adapter, coarser)
        self._max_fps = max_fps
        self._start, self._duration, self._frames = start, duration, frames
        live = source.nature.live
        self._live = live
        depth = (1 if source.connection.intra else _PACKETS) if live else _DEPTH
        self._arrived: Channel[TimedPacket] = Channel(depth, drops=live)
        self._pictures = PacketDecoder(source, self._arrived, lambda: self.fan_out.watched)
        self._decoded: Channel[tuple[av.VideoFrame, float]] = Channel(1 if live else _DEPTH, drops=live)
        self._ended = threading.Event()
        self.fan_out = FanOut(outputs, drops=live, ended=self._ended.set)
        self._errors: list[BaseException] = []
        self._recent: deque[float] = deque()
        self._turn, self._aspect = source.connection.turn, source.connection.aspect

    @property
    def decoding(self) -> Stopwatch:
        """Work times of the decoder."""
        return self._pictures.work

    @property
    def enhancing(self) -> Stopwatch:
        """Work times of the engine."""
        return self._engine.work

    @property
    def dropped(self) -> dict[str, int]:
        """Frames left out because something was too slow, by the stage that they waited for."""
        counts = {"decode": self._arrived.dropped + self._pictures.skipped, "enhance": self._decoded.dropped}
        return counts | self.fan_out.dropped

    def run(self, stop: threading.Event, on_tick: Callable[[], None] = lambda: None) -> None:
        """Work until the source ends or is lost, ``stop`` is set, or nothing is left that takes pictures.

        Args:
            on_tick: called from this thread about ten times a second.

        Raises:
            whatever the first failing stage or output raised; all outputs are finished or given up by then.
        """
        stages = [
            threading.Thread(
                target=self._guard, args=(stage, after), name=f"rtvideo{stage.__name__}", daemon=True
            )
            for stage, after in (
                (self._capture, self._arrived.close),
                (self._decode, self._decoded.close),
                (self._enhance, self._close_outputs),
            )
        ]
        self.fan_out.start()
        for thread in stages:
            thread.start()
        try:
            while not (
                self._ended.wait(0.1) or stop.is_set() or self._controls.stop.is_set() or self._is_dead()
            ):
                on_tick()
            # Where an output never came about it is as if nothing had begun, as with a bad file name.
            self.fan_out.raise_unanswered()
            if stop.is_set() or self._controls.stop.is_set():
                self.fan_out.give_up_connecting()
            self._end(stages)
        except BaseException:
            self._abort(stages)
            raise
        if self._errors:
            raise self._errors[0]
        self.fan_out.raise_first()

    def _end(self, stages: list[threading.Thread]) -> None:
        """Let what is under way through to the outputs."""
        self._halt.set()
        stages[0].join(_GRACE)
        # Where it still waits for a silent source it is left behind; it ends with the source's time-out.
        self._arrived.close()
        deadline = time.monotonic() + _FINISH
        for thread in stages[1:]:
            thread.join(max(0.0, deadline - time.monotonic()))
        self.fan_out.join(deadline)

    def _abort(self, stages: list[threading.Thread]) -> None:
        self._halt.set()
        self._arrived.abort()
        self._decoded.abort()
        self.fan_out.abort(_GRACE)
        for thread in stages:
            thread.join(_GRACE)

    def _guard(self, stage: Callable[[], None], after: Callable[[], None]) -> None:
        try:
            stage()
        except ChannelAborted:
            pass
        except BaseException as error:
            self._errors.append(error)
            self._ended.set()
        finally:
            after()

    def _close_outputs(self) -> None:
        self.fan_out.close()
        self._ended.set()

    def _is_dead(self) -> bool:
        """Notice who waits for ever, where FFmpeg has no time-outs: drivers of cameras, and outputs."""
        dead = self._source.nature.lasts and time.monotonic() - self._source.seen > 2 * TIMEOUT
        if dead:
            self._source.lost = f"source lost: no picture for {2 * TIMEOUT:g} s"
        return dead or self.fan_out.stuck

    def _capture(self) -> None:
        for arrival in self._source.arrivals():
            if not arrival.is_video:
                self.fan_out.copy(partial(self._source.shared, arrival.packet))
            else:
                self._arrived.put(arrival)
            if self._halt.is_set():
                break

    def _decode(self) -> None:
        cadence = FrameRateLimiter()
        begin: float | None = None
        last: int | None = None
        for frame, captured in self._pictures:
            shown = frame.time or 0.0
            if self._start is not None and shown < self._start:
                continue
            self.counters.frames_in += 1
            begin = shown if begin is None else begin
            if self._duration is not None and shown - begin > self._duration - 1e-6:
                break
            if not self.fan_out.watched:
                continue
            # Where the engine is late for a picture's turn it gets the newest instead, though that has none.
            has_turn = cadence.takes(shown, self._most())
            if not has_turn and not self._live:
                continue
            # Encoders and muxers refuse times that do not grow.
            if last is not None and frame.pts is not None and frame.pts <= last:
                frame.pts = last + 1
            last = frame.pts
            (self._decoded.put if has_turn else self._decoded.renew)((frame, captured))
        self._halt.set()
        self._arrived.abort()

    def _most(self) -> float | None:
        """Frames a second that are enhanced at most."""
        share = self._engine.share
        if share == 1:
            return self._max_fps
        rate = self._source.connection.fps or 30.0
        return share * (rate if self._max_fps is None else min(rate, self._max_fps))

    def _enhance(self) -> None:
        try:
            for frame, captured in self._decoded:
                for pair in self._engine.push(frame, captured, self._lost()):
                    self._hand_out(pair)
                    if self.counters.frames_out == self._frames:
                        return
            for pair in self._engine.flush():
                self._hand_out(pair)
        finally:
            # There is enough, or the engine was lost: nobody waits, and what is done goes to the outputs.
            self._halt.set()
            self._decoded.abort()
            self._arrived.abort()
            self._engine.close()

    def _hand_out(self, pair: FramePair) -> None:
        now = time.monotonic()
        self.counters.frames_out += 1
        self.counters.enhanced.add(now - pair.captured)
        self._recent.append(now)
        while now - self._recent[0] > 1:
            self._recent.popleft()
        session = self._engine.session
        info = FrameInfo(
            engine=str(session),
            fps=float(len(self._recent)),
            latency=now - pair.captured if self._live and not self._source.nature.recorded else None,
            dropped=sum(self.dropped.values()),
            strength=session.settings.strength,
            denoise=session.settings.denoise,
            note=self._engine.note,
            turn=self._turn,
            aspect=self._aspect,
        )
        self.fan_out.put(replace(pair, info=info))

    def _lost(self) -> int:
        """Frames dropped, but for those that only a viewer missed."""
        return self._arrived.dropped + self._pictures.skipped + self._decoded.dropped + self.fan_out.lost
