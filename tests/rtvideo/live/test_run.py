"""The live pipeline: what is dropped, what is not, who waits for whom, and how it ends."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from fractions import Fraction
from types import SimpleNamespace
from typing import Any

import av
import pytest

from rtvideo.channel import Channel, ChannelAborted
from rtvideo.errors import OutputError
from rtvideo.live import fanout
from rtvideo.live import run as live_run
from rtvideo.live.adaptive import AdaptiveProcessor
from rtvideo.live.fanout import ConsumerClosed, LivePair
from rtvideo.live.input import TICK, TimedPacket
from rtvideo.live.run import LiveRun
from rtvideo.media.network.connect import SourceTraits
from rtvideo.options import Options
from rtvideo.stopwatch import Stopwatch
from rtvideo.viewers.base import ViewerControls
from tests.helpers.doubles import FakeSession, live_processor
from tests.helpers.waiting import wait_until

pytestmark = pytest.mark.timeout(30)

#: Long enough that whoever waits for so long fails the test.
LONG = 20.0


def frame(index: int) -> av.VideoFrame:
    made = av.VideoFrame(32, 16, "yuv420p")
    made.pts, made.time_base = 3600 * index, TICK
    return made


def index_of(picture: av.VideoFrame) -> int:
    assert picture.pts is not None
    return picture.pts // 3600


class Source:
    """Gives numbered pictures; ``before`` is called with each number first, and may wait."""

    name = "camera"

    def __init__(
        self,
        count: int,
        *,
        live: bool = True,
        intra: bool = True,
        before: Callable[[int], object] = lambda index: None,
        keys: int = 1,
    ) -> None:
        self.traits = SourceTraits(live=live, lasts=live)
        self.connection: Any = SimpleNamespace(
            intra=intra, ready=[], fps=25.0, decode=self._decode, index=0, turn=0, aspect=1.0
        )
        self.lost: str | None = None
        self.seen = time.monotonic()
        self.decoded: list[int] = []
        self.age = 0.0
        self._count, self._before, self._keys = count, before, keys

    def arrivals(self) -> Iterator[TimedPacket]:
        for index in range(self._count):
            self._before(index)
            self.seen = time.monotonic()
            packet: Any = SimpleNamespace(
                stream_index=0, index=index, is_keyframe=index % self._keys == 0, size=1
            )
            yield TimedPacket(packet, self.connection, self.seen - self.age)

    def shared(self, packet: Any) -> list[Any]:
        return [packet]

    def _decode(self, packet: Any, captured: float = 0.0) -> list[tuple[av.VideoFrame, float]]:
        if packet is None:
            return []
        self.decoded.append(packet.index)
        return [(frame(packet.index), captured)]


class Output:
    """Notes what comes; ``during`` is called with each number, and may wait or raise."""

    waiting, hold = 1, 0.0
    counted, copies, unhurried = True, False, False

    def __init__(
        self,
        name: str = "out",
        *,
        required: bool = True,
        during: Callable[[int], object] = lambda index: None,
        at_end: Callable[[], object] = lambda: None,
    ) -> None:
        self.name, self.required, self.watched, self.connecting = name, required, True, False
        self.ends_run = required
        self.latency: dict[str, Stopwatch] = {}
        self.pairs: list[LivePair] = []
        self.ended = ""
        self._during, self._at_end = during, at_end

    @property
    def answered(self) -> bool:
        return not self.connecting

    @property
    def seen(self) -> list[int]:
        return [index_of(pair.lit) for pair in self.pairs]

    def take(self, pair: LivePair) -> None:
        self._during(index_of(pair.lit))
        self.pairs.append(pair)

    def copy(self, packet: Any) -> None: ...

    def finish(self) -> None:
        self._at_end()
        self.ended = "finished"

    def abort(self) -> None:
        self.ended = "aborted"

    def discard(self) -> None: ...


def pipeline(
    source: Source, *outputs: Output, controls: ViewerControls | None = None, session: Any = None, **how: Any
) -> LiveRun:
    controls, session = controls or ViewerControls(), session or FakeSession()
    quality = how.pop("adapter", None)
    processor = AdaptiveProcessor(live_processor(session, frame(0)), controls, quality)
    options = Options(**how)
    return LiveRun(source, processor, list(outputs), controls, threading.Event(), options)  # type: ignore[arg-type]


def run(source: Source, *outputs: Output, **how: Any) -> LiveRun:
    made = pipeline(source, *outputs, **how)
    made.run(threading.Event())
    assert not [t.name for t in threading.enumerate() if t.name.startswith("rtvideo")]
    return made


def test_what_can_wait_is_never_dropped() -> None:
    slow, fast = Output("slow", during=lambda index: time.sleep(0.002)), Output("fast")
    made = run(Source(60, live=False), slow, fast)
    assert slow.seen == fast.seen == list(range(60))
    assert slow.ended == fast.ended == "finished" and sum(made.dropped.values()) == 0


def test_a_viewer_of_what_can_wait_is_not_waited_for() -> None:
    out = Output()
    done = threading.Event()

    def look(index: int) -> None:
        if index == 0:
            assert done.wait(LONG)

    viewer = Output("viewer", required=False, during=look)
    source = Source(40, live=False, before=lambda index: index == 39 and done.set())
    made = run(source, out, viewer)
    assert out.seen == list(range(40))
    assert len(viewer.seen) < 40 and made.dropped["viewer"] == 40 - len(viewer.seen)


def test_a_slow_output_gets_the_newest_and_delays_nobody() -> None:
    fast, released = Output("fast"), threading.Event()
    slow = Output("slow", during=lambda index: released.wait(LONG) if index == 0 else None)

    def before(index: int) -> None:
        wait_for(lambda: len(fast.seen) >= index)  # the camera is as slow as the fast one is fast
        if index == 30:
            wait_for(lambda: fast.seen == list(range(30)))
            released.set()

    made = run(Source(31, before=before), fast, slow)
    assert fast.seen == list(range(31)), "nothing lost where nothing is slow"
    assert slow.seen[0] == 0 and slow.seen[-1] == 30 and len(slow.seen) <= 4
    assert made.dropped == {"decode": 0, "enhance": 0, "fast": 0, "slow": 31 - len(slow.seen)}


def test_a_recording_gets_all_pictures_though_late() -> None:
    """The engine stands still, then the encoder, while the camera sends on: pictures wait."""
    sent, stood = threading.Event(), threading.Event()

    class Slow(FakeSession):
        def submit(self, *args: Any) -> None:
            super().submit(*args)
            if len(self.times) == 4:
                assert sent.wait(LONG)

    def hold_up(index: int) -> None:
        if index == 7:
            stood.set()
            assert sent.wait(LONG)

    recording, other = Output("recording", during=hold_up), Output("other")
    recording.waiting, recording.hold = 8, LONG
    source = Source(40, intra=False, before=lambda index: index == 39 and sent.set())
    made = run(source, recording, other, session=Slow())
    assert stood.is_set() and recording.seen == list(range(40)) and made.dropped["recording"] == 0


def wait_for(condition: Callable[[], bool]) -> None:
    wait_until(condition, LONG)


def test_at_most_one_picture_waits_before_a_slow_engine() -> None:
    entered, release = threading.Event(), threading.Event()

    class Slow(FakeSession):
        def submit(self, *args: Any) -> None:
            entered.set()
            assert release.wait(LONG)
            super().submit(*args)

    out = Output()

    def before(index: int) -> None:
        if index == 1:
            assert entered.wait(LONG)
        if index == 20:
            wait_for(lambda: made.counters.frames_in + made.dropped["decode"] >= 20)
            release.set()

    made = pipeline(Source(21, before=before), out, session=Slow())
    made.run(threading.Event())
    assert out.seen[-1] == 20 and len(out.seen) <= 3
    assert sum(made.dropped.values()) == 21 - len(out.seen)
    assert made.dropped["enhance"] + made.dropped["decode"] >= 18


def test_an_engine_that_is_late_for_a_turn_gets_the_newest_picture() -> None:
    entered, release, taken = threading.Event(), threading.Event(), []

    class Slow(FakeSession):
        def submit(self, planes: Any, out: Any, time: float | None = None) -> None:
            assert time is not None
            taken.append(round(25 * time))
            entered.set()
            assert release.wait(LONG)
            super().submit(planes, out, time)

    def before(index: int) -> None:
        wait_for(lambda: made.counters.frames_in >= index)
        if index == 1:
            assert entered.wait(LONG)
        if index == 6:
            release.set()
            wait_for(lambda: len(taken) == 2)
        if index == 7:
            wait_for(lambda: len(taken) == 3)

    made = pipeline(Source(8, before=before), Output(), session=Slow(), max_fps=25 / 3)
    made.run(threading.Event())
    assert taken in ([0, 4, 6], [0, 5, 6]), "not 3, which waited for its turn while newer ones came"
    assert made.dropped["decode"] == made.dropped["enhance"] == 0


def test_compressed_pictures_that_are_late_are_skipped_to_the_next_key_picture() -> None:
    source = Source(40, intra=False, keys=10)

    def before(index: int) -> None:
        wait_for(lambda: len(source.decoded) + made._decoder.skipped >= index)
        source.age = 1.0 if 13 <= index <= 16 else 0.0

    source._before = before
    made = pipeline(source, Output())
    made.run(threading.Event())
    assert source.decoded == [*range(13), *range(20, 40)], "a decoder cannot begin anywhere"
    assert made.dropped["decode"] == 7


def test_times_grow_whatever_the_source_says() -> None:
    source = Source(6, live=False)
    source.connection.decode = lambda packet, captured=0.0: [] if packet is None else [(frame(2), captured)]
    out = Output()
    run(source, out)
    times = [pair.lit.pts for pair in out.pairs]
    assert times == [7200 + index for index in range(6)]


def test_pairs_carry_what_is_known() -> None:
    controls = ViewerControls(strength=0.5, denoise=0.7)
    out = Output()
    run(Source(5), out, controls=controls)
    pair = out.pairs[-1]
    assert pair.info.engine == "fake" and pair.info.strength == 0.5 and pair.info.denoise == 0.7
    assert pair.info.latency is not None and 0 <= pair.info.latency < LONG and pair.info.fps > 0
    assert pair.original is not pair.lit and pair.original.pts == pair.lit.pts
    assert int(pair.lit.color_range) == 1, "viewers need the tags"


def test_controls_count_from_the_next_frame_and_stay_within_bounds() -> None:
    controls, session = ViewerControls(), FakeSession()
    seen: list[tuple[float, float]] = []

    def during(index: int) -> None:
        seen.append((session.settings.strength, session.settings.denoise))
        controls.strength, controls.denoise = [(7.0, -3.0), (0.25, 0.5), (0.0, 1.0)][index % 3]

    out = Output(during=during)
    run(
        Source(4, before=lambda index: wait_for(lambda: len(seen) >= index)),
        out,
        controls=controls,
        session=session,
    )
    assert seen[1:] == [(1.0, 0.0), (0.25, 0.5), (0.0, 1.0)]
    controls.removes_noise = False
    run(Source(1), Output(), controls=controls, session=session)
    assert session.settings.denoise == 0


def test_a_viewer_ends_the_run_and_the_outputs_are_finished() -> None:
    controls, out = ViewerControls(), Output()
    viewer = Output("viewer", required=False, during=lambda index: index >= 3 and controls.stop.set())
    endless = Source(10**9, before=lambda index: time.sleep(0.001))
    pipeline(endless, out, viewer, controls=controls).run(threading.Event())
    assert out.ended == viewer.ended == "finished"


def test_a_stop_ends_an_endless_source() -> None:
    stop, out = threading.Event(), Output(during=lambda index: index >= 5 and stop.set())
    pipeline(Source(10**9, before=lambda index: time.sleep(0.001)), out).run(stop)
    assert out.ended == "finished" and len(out.seen) >= 5


def test_a_source_that_is_silent_does_not_hold_up_a_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_run, "_GRACE", 0.1)
    stop, silent, out = threading.Event(), threading.Event(), Output()

    def before(index: int) -> None:
        if index == 3:
            wait_for(lambda: len(out.seen) == 3)
            stop.set()
            silent.wait(LONG)

    began = time.monotonic()
    pipeline(Source(4, live=False, before=before), out).run(stop)
    assert out.ended == "finished" and out.seen == [0, 1, 2] and time.monotonic() - began < LONG / 2
    silent.set()


def test_a_driver_that_waits_for_ever_is_a_lost_source(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_run, "_GRACE", 0.1)
    silent, out = threading.Event(), Output()
    source = Source(9, before=lambda index: index == 3 and silent.wait(LONG))
    source.traits = replace(source.traits, silence=0.2)
    pipeline(source, out).run(threading.Event())
    silent.set()
    assert source.lost is not None and "no picture for" in source.lost and out.ended == "finished"


def boom(index: int) -> None:
    if index >= 3:
        raise OutputError("disk full")


def test_an_output_that_fails_ends_the_run_and_the_others_are_finished() -> None:
    good, bad = Output("good"), Output("bad", during=boom)
    endless = Source(10**9, before=lambda index: time.sleep(0.001))
    with pytest.raises(OutputError, match="disk full"):
        pipeline(endless, good, bad).run(threading.Event())
    assert good.ended == "finished" and bad.ended == "aborted"


def test_an_output_that_cannot_be_finished_is_an_error() -> None:
    def fail() -> None:
        raise OutputError("no room for the index")

    with pytest.raises(OutputError, match="no room"):
        run(Source(3), Output(at_end=fail))


def test_a_viewer_that_fails_is_left_out_while_there_is_an_output() -> None:
    out, viewer = Output(), Output("viewer", required=False, during=boom)
    run(Source(12, live=False), out, viewer)
    assert out.seen == list(range(12)) and viewer.ended == "aborted"
    with pytest.raises(OutputError, match="disk full"):
        run(Source(12, before=lambda index: time.sleep(0.01)), Output("viewer", required=False, during=boom))


def gone(index: int) -> None:
    if index >= 3:
        raise ConsumerClosed


def test_a_reader_that_leaves_is_no_error() -> None:
    out, pipe = Output(), Output("stdout", during=gone)
    run(Source(12, live=False), out, pipe)
    assert out.seen == list(range(12)) and pipe.seen == [0, 1, 2]
    alone = Output("stdout", during=gone)
    pipeline(Source(10**9, live=False), alone).run(threading.Event())
    assert alone.seen == [0, 1, 2], "with nobody left the run is over"


def test_a_defect_in_the_engine_comes_up_after_the_outputs_are_finished() -> None:
    out = Output()
    endless = Source(10**9, before=lambda index: time.sleep(0.001))
    with pytest.raises(RuntimeError, match="the engine broke"):
        pipeline(endless, out, session=FakeSession(fail_at=4)).run(threading.Event())
    assert out.ended == "finished"


def test_an_output_that_hangs_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fanout, "_STUCK", 0.2)
    monkeypatch.setattr(live_run, "_FINISH", 0.3)
    release, good = threading.Event(), Output("good")
    stuck = Output("server", during=lambda index: release.wait(LONG))
    endless = Source(10**9, before=lambda index: time.sleep(0.001))
    with pytest.raises(OutputError, match="server: takes no more data"):
        pipeline(endless, good, stuck).run(threading.Event())
    assert good.ended == "finished"
    release.set()


def test_an_abort_waits_for_nothing() -> None:
    class Second(BaseException): ...

    def tick() -> None:
        if out.seen:
            raise Second

    out = Output()
    endless = Source(10**9, before=lambda index: time.sleep(0.001))
    with pytest.raises(Second):
        pipeline(endless, out).run(threading.Event(), tick)
    wait_for(lambda: out.ended == "aborted")


def test_nothing_is_decoded_while_nobody_looks() -> None:
    viewer = Output("viewer", required=False)
    source = Source(30)

    def before(index: int) -> None:
        viewer.watched = index >= 20
        if index > 20:
            wait_for(lambda: len(source.decoded) >= index - 20)

    source._before = before
    made = run(source, viewer)
    # The one that came just before somebody looked may still have been on its way.
    assert 19 <= source.decoded[0] <= 20 and source.decoded[1:] == [*range(source.decoded[1], 30)]
    assert viewer.seen[-1] == 29 and made.counters.frames_out <= 11


def test_limits() -> None:
    assert len(run_seen(frames=7)) == 7
    assert run_seen(duration=0.4) == list(range(10))
    assert run_seen(start=1.0) == list(range(25, 100))
    assert run_seen(start=1.0, duration=0.2) == list(range(25, 30))
    assert run_seen(max_fps=12.5) == list(range(0, 100, 2))


def run_seen(**how: Any) -> list[int]:
    out = Output()
    run(Source(100, live=False), out, **how)
    assert out.ended == "finished"
    return out.seen


def test_a_channel_that_drops_keeps_the_newest_and_counts() -> None:
    channel: Channel[int] = Channel(2, drops=True)
    for item in range(10):
        channel.put(item)
    channel.close()
    channel.put(99)
    assert list(channel) == [8, 9] and channel.dropped == 8
    channel.renew(10)
    assert list(channel) == [] and channel.dropped == 8, "what is not there is not renewed"
    channel.abort()
    with pytest.raises(ChannelAborted):
        channel.put(1)


def test_what_waits_is_renewed() -> None:
    channel: Channel[int] = Channel(2, drops=True)
    channel.put(1)
    channel.put(2)
    channel.renew(3)
    channel.close()
    assert list(channel) == [1, 3] and channel.dropped == 0


def test_engines_that_look_ahead_lose_nothing() -> None:
    out = Output()
    run(Source(9, live=False), out, session=FakeSession(gain=2, delay=3))
    assert out.seen == list(range(9))


def test_the_clock_of_pictures_is_that_of_mpeg() -> None:
    assert Fraction(1, 90_000) == TICK


def test_waiting_for_a_server_to_answer_is_no_sign_of_a_slow_machine() -> None:
    answer, out = threading.Event(), Output("server")
    out.connecting = True

    def during(index: int) -> None:
        assert answer.wait(LONG)
        out.connecting = False

    out._during = during
    fast = Output("fast")

    def before(index: int) -> None:
        wait_for(lambda: len(fast.seen) >= index)
        if index == 20:
            assert made.dropped["server"] > 10 and made._lost() == 0
            answer.set()
            wait_for(lambda: not out.connecting)

    made = pipeline(Source(21, before=before), out, fast)
    made.run(threading.Event())
    assert made.dropped["server"] > 10 and made._lost() <= 1, "from now on it counts"
