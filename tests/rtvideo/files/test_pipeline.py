"""Three stages: order, back pressure, a stop, and the first error."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator
from typing import Any

import av
import pytest

from rtvideo.channel import Channel
from rtvideo.files import pipeline as module
from rtvideo.files.pipeline import Pipeline
from rtvideo.processor import FramePair
from rtvideo.stopwatch import Stopwatch
from tests.helpers.waiting import wait_until


def frame(pts: int) -> av.VideoFrame:
    made = av.VideoFrame(16, 16, "gray")
    made.pts = pts
    return made


def packet(pts: int) -> Any:
    made = av.Packet(b"data")
    made.pts = pts
    return made


class Worker:
    """Hands frames on, ``delay`` frames late; may fail at one, after a while. Its own pool of frames."""

    def __init__(self, delay: int = 0, fail_at: int | None = None, slow: float = 0) -> None:
        self.held: list[FramePair] = []
        self.released = 0
        self.delay, self.fail_at, self.slow = delay, fail_at, slow
        self.pool = self

    def push(self, frame: av.VideoFrame) -> Iterable[FramePair]:
        if frame.pts == self.fail_at:
            time.sleep(self.slow)
            raise ValueError("worker broke")
        self.held.append(FramePair(frame, frame))
        return [self.held.pop(0)] if len(self.held) > self.delay else []

    def flush(self) -> Iterable[FramePair]:
        return self.held

    def give(self, frame: av.VideoFrame) -> None:
        self.released += 1


class Output:
    """Notes what comes; may fail at a frame or at the end; may be slow."""

    def __init__(self, fail_at: int | None = None, fail_at_end: bool = False, slow: float = 0) -> None:
        self.events: list[tuple[str, int | None]] = []
        self.finished = False
        self.fail_at, self.fail_at_end, self.slow = fail_at, fail_at_end, slow

    def write(self, frame: av.VideoFrame) -> None:
        time.sleep(self.slow)
        if frame.pts == self.fail_at:
            raise OSError("disk full")
        self.events.append(("frame", frame.pts))

    def copy(self, packet: Any) -> None:
        self.events.append(("packet", packet.pts))

    def finish(self, late: threading.Event) -> int:
        if self.fail_at_end:
            raise OSError("disk full at the end")
        self.finished = True
        return 0


def pipeline(
    events: Iterable[Any], worker: Worker, output: Output, stop: threading.Event | None = None
) -> Pipeline:
    return Pipeline(events, worker, output, stop or threading.Event())  # type: ignore[arg-type]


def run(events: Iterable[Any], worker: Worker | None = None, output: Output | None = None) -> Output:
    output = output or Output()
    pipeline(events, worker or Worker(), output).run(interval=0.01)
    return output


@pytest.mark.parametrize("delay", [0, 1, 7])
def test_everything_arrives_once_and_in_order(delay: int) -> None:
    events = [x for i in range(50) for x in ([packet(i)] if i % 3 == 0 else []) + [frame(i)]]
    worker = Worker(delay)
    output = run(events, worker)
    assert [pts for kind, pts in output.events if kind == "frame"] == list(range(50))
    assert [pts for kind, pts in output.events if kind == "packet"] == list(range(0, 50, 3))
    assert output.finished and worker.released == 50


def test_packets_do_not_wait_for_frames_that_never_come() -> None:
    output = run([packet(i) for i in range(1000)])
    assert len(output.events) == 1000 and output.finished


def test_the_source_is_not_read_far_ahead() -> None:
    read = []
    output = Output(slow=0.005)

    def events() -> Iterator[av.VideoFrame]:
        for index in range(60):
            read.append(index - len(output.events))
            yield frame(index)

    run(events(), output=output)
    assert max(read) <= 10


def broken_source() -> Iterator[av.VideoFrame]:
    yield frame(0)
    raise RuntimeError("source broke")


@pytest.mark.parametrize(
    ("events", "worker", "output", "error", "message"),
    [
        (broken_source(), Worker(), Output(), RuntimeError, "source broke"),
        ([frame(i) for i in range(500)], Worker(fail_at=100), Output(), ValueError, "worker broke"),
        ([frame(i) for i in range(500)], Worker(), Output(fail_at=100), OSError, "disk full"),
        ([frame(i) for i in range(5)], Worker(), Output(fail_at_end=True), OSError, "disk full at the end"),
        (
            [frame(i) for i in range(500)],
            Worker(fail_at=2, slow=0.3),
            Output(fail_at=0, slow=0.1),
            OSError,
            "disk full",
        ),
    ],
    ids=["source", "worker", "output", "finish", "first wins"],
)
@pytest.mark.timeout(10)
def test_the_first_error_wins_and_all_threads_end(
    events: Any, worker: Worker, output: Output, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        run(events, worker, output)
    assert not output.finished
    assert not [t for t in threading.enumerate() if t.name.startswith("rtvideo")]


@pytest.mark.timeout(10)
def test_an_endless_source_ends_when_told() -> None:
    stop, output = threading.Event(), Output()

    def endless() -> Iterator[av.VideoFrame]:
        index = 0
        while True:
            if index == 30:
                stop.set()
            yield frame(index)
            index += 1

    made = pipeline(endless(), Worker(delay=2), output, stop)
    made.run(interval=0.01)
    counters = made.counters
    assert output.finished
    assert counters.frames_in == counters.frames_out == len(output.events) == 30


@pytest.mark.timeout(10)
def test_an_error_in_the_callers_callback_stops_everything() -> None:
    def boom() -> None:
        raise KeyboardInterrupt

    output = Output(slow=0.01)
    made = pipeline((frame(i) for i in range(10_000)), Worker(), output)
    with pytest.raises(KeyboardInterrupt):
        made.run(boom, interval=0.01)
    assert not output.finished
    assert not [t for t in threading.enumerate() if t.name.startswith("rtvideo")]


@pytest.mark.timeout(10)
def test_a_channel_blocks_its_writer_until_there_is_room() -> None:
    channel: Channel[int] = Channel(2)
    taken: list[int] = []

    def write() -> None:
        for index in range(10):
            channel.put(index)
        channel.close()

    thread = threading.Thread(target=write)
    thread.start()
    time.sleep(0.05)
    assert len(channel._items) == 2
    taken.extend(channel)
    thread.join()
    assert taken == list(range(10))


def test_a_stopwatch_stays_small_and_near_the_truth() -> None:
    watch = Stopwatch(capacity=64)
    for index in range(10_000):
        watch.add(index / 1000)
    assert len(watch._times) < 64
    assert watch.milliseconds()["median"] == pytest.approx(5000, rel=0.05)
    assert watch.milliseconds()["p99"] == pytest.approx(9900, rel=0.05)
    assert watch.total == pytest.approx(sum(range(10_000)) / 1000)
    assert Stopwatch().milliseconds() == {}


@pytest.mark.timeout(20)
def test_a_stop_waits_for_no_slow_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_PATIENCE", 0.1)
    stop, output, going = threading.Event(), Output(), threading.Event()

    class Slow(Worker):
        """Takes its time for the third frame: until the output is complete."""

        def push(self, one: av.VideoFrame) -> Iterator[Any]:
            if one.pts == 2:
                stop.set()
                wait_until(lambda: output.finished)
                going.set()
            yield from super().push(one)

    made = pipeline((frame(k) for k in range(100)), Slow(), output, stop)
    made.run(interval=0.01)
    assert output.finished and going.is_set()
    assert [pts for _, pts in output.events] == [0, 1]
    assert made.counters.frames_out == 2
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("rtvideo")]
