"""One live input to any number of outputs and viewers: plan, run, finalise."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial

from rtvideo import console
from rtvideo.engines.session import Session
from rtvideo.errors import UsageError
from rtvideo.files.job import SessionFactory, engine_of
from rtvideo.live.fallback import FallbackSession
from rtvideo.live.fanout import LiveOutput
from rtvideo.live.input import LiveInput
from rtvideo.live.outputs import check_outputs, live_video, open_outputs, shown_names
from rtvideo.live.pipeline import LivePipeline
from rtvideo.live.quality import QualityController
from rtvideo.media.location import Kind, kind_of, redact
from rtvideo.media.network.connect import SourceTraits, connect
from rtvideo.media.pairs import PairEnhancer
from rtvideo.options import LiveOptions, Options, Report
from rtvideo.viewers.base import ViewerControls, ViewerFactory


@dataclass
class LiveReport(Report):
    """What happened to an input that came live; ``--stats`` writes it as JSON.

    Attributes:
        dropped_at: frames left out because something was too slow, by the stage that they waited for.
        latency: milliseconds from capture (the packet came) until a frame was ``enhanced``, and at each
            output ``encoded``, ``written`` or ``shown``: median, p95 and p99.
        reconnects: how often a lost source came back; lost: whether it did not, which ended the run.
        adapted: how often less, or more, was done to keep up.
    """

    dropped_at: dict[str, int] = field(default_factory=dict)
    latency: dict[str, dict[str, float]] = field(default_factory=dict)
    reconnects: int = 0
    lost: bool = False
    adapted: int = 0


def enhance_live(
    input: str,
    outputs: Sequence[str],
    options: Options,
    live: LiveOptions,
    *,
    viewers: Sequence[ViewerFactory] = (),
    say: Callable[[str], None] = lambda line: None,
    on_progress: Callable[[int], None] = lambda frames: None,
    stop: threading.Event | None = None,
    open_engine: SessionFactory | None = None,
) -> LiveReport:
    """Enhance what comes from a camera, URL, pipe or file until it ends or ``stop`` is set.

    Args:
        input: as `rtvideo.media.location.kind_of` takes it.
        outputs: files, ``.m3u8`` lists, URLs, ``/dev/videoN``, ``-`` for y4m on stdout.
        viewers: what opens windows and web pages.
        say: told each warning, and each change of state, in a line.
        on_progress: called about ten times a second with the frames done.
        stop: when set, the run ends soon; all outputs are complete.
        open_engine: in place of ``options.engine``, for tests.

    Raises:
        UsageError, InputError, OutputError, SourceLostError, UnavailableError: see `rtvideo.errors`.
    """
    stop, halt = stop or threading.Event(), threading.Event()
    check_outputs(input, outputs, options)
    if options.start is not None and kind_of(input) in (Kind.CAMERA, Kind.PIPE):
        raise UsageError(f"--start {options.start:g}: {redact(input)} cannot be wound on; leave it out")
    report = LiveReport(
        input=redact(input),
        output=shown_names(outputs),
        model=options.model,
    )

    def warn(line: str) -> None:
        report.warnings.append(line)
        say(line)

    def tell(line: str) -> None:
        if not stop.is_set():  # what ends then was told to
            say(line)

    with ExitStack() as stack:
        source = LiveInput(
            lambda: connect(input, live.wishes, halt, stop, repeat_images=not outputs),
            report.input,
            halt,
            video_stream=options.video_stream,
            threads=options.threads,
            reconnect=live.reconnect,
            say=tell,
        )
        stack.callback(source.close)
        playing = not source.nature.live and not outputs
        if playing:
            # What is only looked at comes at its own speed, and is not waited for.
            source.nature = SourceTraits(live=True, paced=True)
        if options.start is not None:
            source.connection.seek(options.start)
        enhancer = PairEnhancer(source.connection.tags, source.connection.first, live=source.nature.live)
        fps = min(source.connection.fps or 30.0, options.max_fps or 1e9)
        session, denoise = (open_engine or engine_of(options))(enhancer.geometry, fps)
        stack.callback(session.close)
        controls = ViewerControls(
            options.strength, denoise, removes_noise=_removes_noise(options, open_engine)
        )
        report.engine, report.denoise = str(session), denoise
        report.temporal = session.settings.temporal

        _warm_up(enhancer, session, source)
        opened = open_outputs(
            outputs,
            [partial(factory, controls, source.name) for factory in viewers],
            live_video(source, enhancer, options),
            options,
            warn,
        )
        if playing:
            _await_somebody(report.input, opened, stop)
        coarser = FallbackSession(session, enhancer.geometry)
        adapter = QualityController(
            lambda: controls.denoise > 0,
            lambda: coarser.possible,
            lambda line: warn(f"{report.input}: {line}"),
            over_time=report.temporal > 0,
        )
        pipeline = LivePipeline(
            source,
            enhancer,
            session,
            opened,
            controls,
            halt,
            adapter=adapter if live.adapt and source.nature.live else None,
            coarser=coarser,
            max_fps=options.max_fps,
            start=options.start,
            duration=options.duration,
            frames=options.frames,
        )
        began = time.monotonic()
        try:
            pipeline.run(stop, lambda: on_progress(pipeline.counters.frames_out))
        finally:
            report.seconds = time.monotonic() - began
            _fill(report, pipeline, source)
            report.adapted = adapter.changes
        if enhancer.changed:
            warn(f"{report.input}: {enhancer.changed} frames of another size were scaled to the first one's")
        if source.damaged:
            warn(f"{report.input}: {source.damaged} damaged packets or frames")
    return report


def _warm_up(enhancer: PairEnhancer, session: Session, source: LiveInput) -> None:
    """Let the engine do once what only takes long the first time."""
    if source.nature.live:
        list(enhancer.push(source.connection.first, 0.0, session))
        list(enhancer.flush(session))
        session.reset()


def _await_somebody(name: str, outputs: Sequence[LiveOutput], stop: threading.Event) -> None:
    """Begin to play when somebody looks: it takes a while to open a page."""
    if not any(output.watched for output in outputs):
        console.say(f"{name}: waiting for somebody to open the page")
    while not (stop.is_set() or any(output.watched for output in outputs)):
        stop.wait(0.05)


def _removes_noise(options: Options, open_engine: SessionFactory | None) -> bool:
    from rtvideo.models import find

    return open_engine is not None or find(options.model).has_denoise


def _fill(report: LiveReport, pipeline: LivePipeline, source: LiveInput) -> None:
    counters = pipeline.counters
    report.frames_in, report.frames_out = counters.frames_in, counters.frames_out
    report.fps = counters.frames_out / report.seconds if report.seconds else 0.0
    report.milliseconds = {
        "decode": pipeline.decoding.milliseconds(),
        "enhance": pipeline.enhancing.milliseconds(),
    }
    report.dropped_at = {stage: count for stage, count in pipeline.dropped.items() if count}
    report.dropped = sum(report.dropped_at.values())
    report.damaged, report.reconnects = source.damaged, source.reconnects
    report.incomplete, report.lost = source.lost, source.lost is not None and source.nature.lasts
    report.latency = {"enhanced": counters.enhanced.milliseconds()} if source.nature.live else {}
    for worker in pipeline.fan_out:
        report.milliseconds[worker.output.name] = worker.work.milliseconds()
        if source.nature.live:
            for name, watch in worker.output.latency.items():
                report.latency[f"{name} {worker.output.name}"] = watch.milliseconds()
