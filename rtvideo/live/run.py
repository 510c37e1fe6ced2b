"""The threads of a live run: capture, decode, enhance, and one for each output and viewer.

Where a stage is slower than a live source, the oldest frames are dropped: at most one waits before each
stage. A recording would rather have them late: then packets wait, for some seconds, and few frames. Where
the source can wait (a pipe, a finished file) nothing is dropped on the way to an output.
Whatever ends the run, the outputs are completed.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

import av

from rtvideo.channel import Channel, ChannelAborted
from rtvideo.live.adaptive import AdaptiveProcessor
from rtvideo.live.copying import PacketCopier
from rtvideo.live.decoder import PacketDecoder
from rtvideo.live.fanout import FanOut, LiveOutput, LivePair
from rtvideo.live.input import LiveInput, TimedPacket
from rtvideo.live.sound import SoundPacket
from rtvideo.media.rate_limit import FrameRateLimiter
from rtvideo.options import Options
from rtvideo.processor import FramePair
from rtvideo.stopwatch import Stopwatch
from rtvideo.viewers.base import FrameInfo, ViewerControls

#: Frames that may wait before a stage where nothing is dropped.
_DEPTH = 3

#: Packets that may wait to be decoded: where not every one is a picture of its own, and where pictures may be
#: late.
_PACKETS, _PICTURES = 600, 16

#: Seconds that threads get to end: one that reads from a silent source, and those that finish outputs.
_GRACE, _FINISH = 1.0, 20.0


@dataclass
class LiveCounters:
    """What has happened so far, and how old frames were when they were enhanced; any thread may read it."""

    frames_in: int = 0
    frames_out: int = 0
    enhanced: Stopwatch = field(default_factory=Stopwatch)


class LiveRun:
    """One run from a live source to its outputs.

    Attributes:
        counters, fan_out, decoding, enhancing (work times): may be read at any time.
    """

    def __init__(
        self,
        source: LiveInput,
        processor: AdaptiveProcessor,
        outputs: list[LiveOutput],
        controls: ViewerControls,
        halt: threading.Event,
        options: Options,
        lit: Callable[[], bool] | None = None,
    ) -> None:
        """Connect the parts; `run` does the work.

        Args:
            controls: may stop the run.
            halt: the source's own; it is set when the run ends.
            options: ``max_fps``, ``start``, ``duration`` (of the source) and ``frames`` (enhanced ones).
            lit: whether outputs that can copy packets are to do so; None: never.
        """
        self.counters = LiveCounters()
        self._source, self._processor, self._controls, self._halt = source, processor, controls, halt
        self._options = options
        self._live = live = source.traits.live
        self._ended = threading.Event()
        self.fan_out = FanOut(outputs, drops=live, ended=self._ended.set)
        self._hold = self.fan_out.hold if live else 0.0
        waiting = _DEPTH if self._hold or not live else 1
        depth = (_PICTURES if self._hold else 1) if source.connection.intra else _PACKETS
        self._arrived: Channel[TimedPacket] = Channel(depth if live else _DEPTH, drops=live)
        copier = PacketCopier(lit, self.fan_out.copy_video) if lit and self.fan_out.copies else None
        watched = lambda: self.fan_out.watched  # noqa: E731
        self._decoder = PacketDecoder(source, self._arrived, watched, self._hold, copier)
        self._decoded: Channel[tuple[av.VideoFrame, float]] = Channel(waiting, drops=live)
        self._errors: list[BaseException] = []
        self._recent: deque[float] = deque()
        # The connection may be gone later.
        self._fps = source.connection.fps or 30.0
        self._turn, self._aspect = source.connection.turn, source.connection.aspect

    @property
    def decoding(self) -> Stopwatch:
        """Work times of the decoder."""
        return self._decoder.work

    @property
    def enhancing(self) -> Stopwatch:
        """Work times of the processor."""
        return self._processor.work

    @property
    def dropped(self) -> dict[str, int]:
        """Frames dropped because something was too slow, by the stage that they waited for."""
        counts = {"decode": self._arrived.dropped + self._decoder.skipped, "enhance": self._decoded.dropped}
        return counts | self.fan_out.dropped

    def run(self, stop: threading.Event, on_tick: Callable[[], None] = lambda: None) -> None:
        """Work until the source ends or is lost, ``stop`` is set, or no output is left.

        Args:
            on_tick: called from this thread about ten times a second.

        Raises:
            whatever the first failing stage or output raised; all outputs are completed or given up by then.
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
            # An output whose server never answered is an error at once, as a bad file name is.
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
        """Complete the frames that are under way, and the outputs."""
        self._halt.set()
        stages[0].join(_GRACE)
        # A capture thread that still waits for a silent source ends with the source's time-out.
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
        """Whether a camera's driver or an output, where FFmpeg has no time-outs, waits for ever."""
        limit = 2 * self._source.traits.silence
        dead = self._source.traits.lasts and time.monotonic() - self._source.seen > limit
        if dead:
            self._source.lost = f"source lost: no picture for {limit:g} s"
        return dead or self.fan_out.stuck

    def _capture(self) -> None:
        for arrival in self._source.arrivals():
            if not arrival.is_video:
                self.fan_out.copy(partial(SoundPacket.copies, arrival.packet, arrival.connection))
            else:
                self._arrived.put(arrival)
            if self._halt.is_set():
                break

    def _decode(self) -> None:
        limiter = FrameRateLimiter()
        begin: float | None = None
        last: int | None = None
        start, duration = self._options.start, self._options.duration
        for frame, captured in self._decoder:
            shown = frame.time or 0.0
            if start is not None and shown < start:
                continue
            self.counters.frames_in += 1
            begin = shown if begin is None else begin
            if duration is not None and shown - begin > duration - 1e-6:
                break
            if not self.fan_out.watched:
                continue
            # A frame beyond the rate takes the place of one that the engine was too late for: it is newer.
            wanted = limiter.takes(shown, self._max_fps())
            if not wanted and not self._live:
                continue
            # Encoders and muxers refuse times that do not grow.
            if last is not None and frame.pts is not None and frame.pts <= last:
                frame.pts = last + 1
            last = frame.pts
            if wanted:
                self._decoded.put((frame, captured), captured + self._hold)
            elif not self._hold:
                self._decoded.renew((frame, captured))
        self._halt.set()
        self._arrived.abort()

    def _max_fps(self) -> float | None:
        """Return the frames a second that are enhanced at most."""
        share, limit = self._processor.level.share, self._options.max_fps
        if share == 1:
            return limit
        rate = self._fps
        return share * (rate if limit is None else min(rate, limit))

    def _enhance(self) -> None:
        try:
            for frame, captured in self._decoded:
                for pair in self._processor.push(frame, captured, self._lost()):
                    self._hand_out(pair)
                    if self.counters.frames_out == self._options.frames:
                        return
            for pair in self._processor.flush():
                self._hand_out(pair)
        finally:
            # Also where there are enough frames, or the engine was lost: what is done goes to the outputs.
            self._halt.set()
            self._decoded.abort()
            self._arrived.abort()
            self._processor.close()

    def _hand_out(self, pair: FramePair) -> None:
        now = time.monotonic()
        self.counters.frames_out += 1
        self.counters.enhanced.add(now - pair.captured)
        self._recent.append(now)
        while now - self._recent[0] > 1:
            self._recent.popleft()
        session = self._processor.session
        info = FrameInfo(
            engine=str(session),
            fps=float(len(self._recent)),
            latency=now - pair.captured if self._live and not self._source.traits.recorded else None,
            dropped=sum(self.dropped.values()),
            strength=session.settings.strength,
            denoise=session.settings.denoise,
            brightness=session.settings.brightness,
            note=self._processor.note,
            turn=self._turn,
            aspect=self._aspect,
        )
        self.fan_out.put(LivePair(pair.original, pair.lit, pair.captured, info=info))

    def _lost(self) -> int:
        """Return the frames dropped so far, but for those that only a viewer missed."""
        return self._arrived.dropped + self._decoder.skipped + self._decoded.dropped + self.fan_out.lost
