"""When each stage of a run was busy: spans of time on tracks."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

from rtvideo.engines.auto import open_for
from rtvideo.engines.gpu.session import GpuSession
from rtvideo.engines.session import Session, Settings
from rtvideo.files.job import enhance_video
from rtvideo.frame import Geometry
from rtvideo.media.file_input import FileInput
from rtvideo.media.output import EncodedOutput
from rtvideo.options import Options


class Timeline:
    """Spans of time on tracks."""

    def __init__(self) -> None:
        self.began = time.perf_counter()
        self._spans: list[tuple[str, float, float]] = []
        self._finish: list[Callable[[], None]] = []

    @contextmanager
    def span(self, track: str) -> Iterator[None]:
        """Record how long something takes."""
        begin = time.perf_counter()
        try:
            yield
        finally:
            self.add(track, begin - self.began, time.perf_counter() - self.began)

    def add(self, track: str, begin: float, end: float) -> None:
        """Record a span in seconds since the beginning."""
        self._spans.append((track, begin, end))

    def watch(self, session: Session) -> None:
        """Record an engine, and on a GPU what its streams do; to be called before frames are."""
        for name in ("submit", "submit_on_device", "enhance", "receive"):
            if hasattr(session, name):
                setattr(session, name, self._timed("engine", getattr(session, name)))
        if isinstance(session, GpuSession):
            self._finish.append(_watch_streams(self, session))

    def finish(self) -> None:
        """Ask the GPU when its work was done; to be called before sessions are closed."""
        while self._finish:
            self._finish.pop()()

    def busy(self) -> dict[str, float]:
        """Return the share of the whole time that each track was busy."""
        begin, end = min(s[1] for s in self._spans), max(s[2] for s in self._spans)
        totals = dict.fromkeys((track for track, _, _ in self._spans), 0.0)
        for track, since, until in self._spans:
            totals[track] += until - since
        return {track: total / (end - begin) for track, total in totals.items()}

    def trace(self) -> dict[str, Any]:
        """Return the events as Chrome's Trace Event Format has them, times in microseconds."""
        tracks = list(dict.fromkeys(track for track, _, _ in self._spans))
        events: list[dict[str, Any]] = [
            {"ph": "M", "name": "thread_name", "pid": 1, "tid": k, "args": {"name": track}}
            for k, track in enumerate(tracks)
        ]
        for track, begin, end in sorted(self._spans, key=lambda span: span[1]):
            place = {"pid": 1, "tid": tracks.index(track)}
            events.append({"ph": "X", "name": track, "ts": 1e6 * begin, "dur": 1e6 * (end - begin), **place})
        return {"traceEvents": events, "displayTimeUnit": "ms"}

    def _timed(self, track: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def timed(*arguments: Any, **more: Any) -> Any:
            with self.span(track):
                return function(*arguments, **more)

        return timed

    @contextmanager
    def codecs(self) -> Iterator[None]:
        """Record what is decoded and encoded meanwhile."""
        read, write = FileInput.read, EncodedOutput.write

        def reading(source: FileInput) -> Iterator[Any]:
            events, end = read(source), object()
            while True:
                with self.span("decode"):
                    event = next(events, end)
                if event is end:
                    return
                yield event

        def writing(sink: EncodedOutput, frame: Any) -> None:
            with self.span("encode"):
                write(sink, frame)

        with patch.object(FileInput, "read", reading), patch.object(EncodedOutput, "write", writing):
            yield


def _watch_streams(timeline: Timeline, session: GpuSession) -> Callable[[], None]:
    """Put events around what a session enqueues; the function returned reads them."""
    device, call, run = session._device, session._device.call, session._run
    names = {"cuMemcpyHtoDAsync": (session._upload, "GPU, copies up"),
             "cuMemcpyDtoHAsync": (session._download, "GPU, copies down")}  # fmt: skip
    marks: list[tuple[str, Any, Any]] = []

    def mark(stream: Any) -> Any:
        event = call("cuEventCreate", 0)
        call("cuEventRecord", event, stream)
        return event

    origin = mark(session._stream)
    call("cuEventSynchronize", origin)
    offset = time.perf_counter() - timeline.began

    def around(track: str, stream: Any, work: Callable[[], Any]) -> Any:
        begin = mark(stream)
        done = work()
        marks.append((track, begin, mark(stream)))
        return done

    def traced_call(function: str, *arguments: Any) -> Any:
        stream, track = names.get(function, (None, ""))
        if stream is None or arguments[-1] is not stream:
            return call(function, *arguments)
        return around(track, stream, lambda: call(function, *arguments))

    def traced_run(planes: Any, out: Any, settings: Settings, time: float | None = None) -> None:
        around("GPU, work", session._stream, lambda: run(planes, out, settings, time))

    def finish() -> None:
        del session._device.call, session._run  # those of the class again
        for stream in (session._upload, session._stream, session._download):
            call("cuStreamSynchronize", stream)
        for track, begin, end in marks:
            times = [offset + call("cuEventElapsedTime", origin, event) / 1e3 for event in (begin, end)]
            timeline.add(track, *times)
        for event in (origin, *(event for _, *pair in marks for event in pair)):
            device.give_back("cuEventDestroy", event)

    session._device.call, session._run = traced_call, traced_run  # type: ignore[method-assign]
    return finish


def of_file(clip: Path, engine: str, device: str, frames: int) -> tuple[Timeline, str]:
    """Return the timeline of a clip from file to file, and what ran."""
    options = Options(engine=engine, device=device, frames=frames, denoise=0.0, preset="ultrafast")
    timeline = Timeline()

    def opener(geometry: Geometry, fps: float | None) -> Session:
        session = open_for(options, geometry, fps)
        timeline.watch(session)
        close = session.close

        def closing() -> None:
            timeline.finish()
            close()

        session.close = closing  # type: ignore[method-assign]
        return session

    with tempfile.TemporaryDirectory() as folder, timeline.codecs():
        report = enhance_video(clip, Path(folder) / "out.mkv", options, open_engine=opener)
    return timeline, report.engine


def of_session(session: GpuSession, frames: Sequence[Any], count: int) -> Timeline:
    """Return the timeline of frames from main memory to main memory; there are no codecs in it."""
    timeline = Timeline()
    timeline.watch(session)
    outs = [session._geometry.empty() for _ in range(3)]
    for k in range(count):
        session.submit(frames[k % len(frames)], outs[k % 3])
        session.receive()
    session.flush()
    while session.receive() is not None:
        pass
    timeline.finish()
    return timeline
