"""One live input to any number of outputs and viewers: plan, run, finalise."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field, replace
from functools import partial

from rtvideo import console
from rtvideo.engines.auto import SessionFactory, open_for
from rtvideo.engines.session import Session, report_on
from rtvideo.errors import UsageError
from rtvideo.frame_log import frame_log
from rtvideo.live.adaptive import AdaptiveProcessor
from rtvideo.live.darkness import DarkSwitch
from rtvideo.live.fallback import FallbackOpener
from rtvideo.live.fanout import LiveOutput, LiveVideo
from rtvideo.live.input import LiveInput
from rtvideo.live.outputs import check_outputs, live_video, open_outputs, shown_names
from rtvideo.live.quality import CommonQuality, QualityController
from rtvideo.live.run import LiveRun
from rtvideo.media.deinterlace import Deinterlacer
from rtvideo.media.light import measure
from rtvideo.media.location import LocationKind, kind_of, redact
from rtvideo.media.network.connect import SourceTraits, connect
from rtvideo.media.planes import LAYOUTS, FrameFormat, nearest_format
from rtvideo.media.tags import Tags, is_rgb
from rtvideo.models import find
from rtvideo.options import LiveOptions, Options, Report
from rtvideo.processor import FrameProcessor
from rtvideo.viewers.base import ViewerControls, ViewerFactory


@dataclass
class LiveReport(Report):
    """What happened to a live input; ``--stats`` writes it as JSON.

    Attributes:
        dropped_at: frames dropped because something was too slow, by the stage that they waited for.
        latency: milliseconds from capture (the packet came) until a frame was ``enhanced``, and at each
            output ``encoded``, ``written`` or ``shown``: median, p95 and p99.
        reconnects: how often a lost source came back; lost: whether it did not, which ended the run.
        adapted: how often the quality was lowered or raised.
        recordings: the names of complete recordings.
    """

    dropped_at: dict[str, int] = field(default_factory=dict)
    latency: dict[str, dict[str, float]] = field(default_factory=dict)
    reconnects: int = 0
    lost: bool = False
    adapted: int = 0
    recordings: list[str] = field(default_factory=list)


def enhance_live(
    input: str,
    outputs: Sequence[str],
    options: Options,
    live: LiveOptions,
    *,
    viewers: Sequence[ViewerFactory] = (),
    programs: Sequence[Callable[[LiveVideo], LiveOutput]] = (),
    say: Callable[[str], None] = lambda line: None,
    on_progress: Callable[[int], None] = lambda frames: None,
    stop: threading.Event | None = None,
    open_engine: SessionFactory | None = None,
    share: float = 1.0,
    common: CommonQuality | None = None,
) -> LiveReport:
    """Enhance what comes from a camera, URL, pipe or file until it ends or ``stop`` is set.

    Args:
        input: as `rtvideo.media.location.kind_of` takes it.
        outputs: files, ``.m3u8`` lists, URLs, ``/dev/videoN``, ``-`` for y4m on stdout.
        viewers: open windows and web pages.
        programs: open outputs that are no file, server or viewer.
        say: called with a line for each warning and each change of state.
        on_progress: called about ten times a second with the frames done.
        stop: when set, the run ends soon; all outputs are complete.
        open_engine: in place of ``options.engine``, for tests.
        share: of the threads' time that this run can count on, above 0 to 1, where others need it too.
        common: what they and this run need to do less.

    Raises:
        UsageError, InputError, OutputError, SourceLostError, UnavailableError: see `rtvideo.errors`.
    """
    stop, halt = stop or threading.Event(), threading.Event()
    check_outputs(input, outputs, options, live)
    if options.deinterlace == "field":
        raise UsageError("--deinterlace field: is for files without a viewer; leave it out")
    if options.start is not None and kind_of(input) in (LocationKind.CAMERA, LocationKind.PIPE):
        raise UsageError(f"--start {options.start:g}: {redact(input)} cannot be wound on; leave it out")
    watched_only = not outputs and not programs
    report = LiveReport(input=redact(input), output=shown_names(outputs), model=options.model)

    def warn(line: str) -> None:
        report.warnings.append(line)
        say(line)

    with ExitStack() as stack:
        source = LiveInput(
            lambda: connect(
                input, live.wishes, halt, stop, repeat_images=not (outputs or programs), how=live
            ),
            report.input,
            halt,
            video_stream=options.video_stream,
            threads=options.threads,
            reconnect=live.reconnect,
            say=lambda line: None if stop.is_set() else say(line),
        )
        stack.callback(source.close)
        source.connection.curve = options.transfer
        if options.start is not None:
            source.connection.seek(options.start)
        if plays := not source.traits.live and watched_only:
            # The file plays at its own speed, and waits for none of them.
            source.traits = SourceTraits(live=True, paced=True)

        working = working_format(source)
        # A file waits for its outputs: what the machine could do in real time must not decide how it looks.
        due = min(source.connection.fps or 30.0, options.max_fps or math.inf) if source.traits.live else None
        due = None if due is None else due / share
        opener = open_engine or partial(open_for, options, lossless=source.connection.lossless)
        session = stack.enter_context(closing(opener(working.geometry, due)))
        report_on(session, report)
        model = None if open_engine is not None else find(options.model)
        controls = ViewerControls(
            options.strength,
            report.denoise,
            options.brightness,
            removes_noise=model is None or model.has_denoise,
            sets_brightness=model is None or model.has_brightness,
        )

        tags = source.connection.tags.coded(working.coding)
        dark = DarkSwitch() if live.when == "dark" else None
        processor = _processor(source, session, working, tags, dark)
        names = [redact(output) for output in outputs]
        processor.log = stack.enter_context(frame_log(options, report.input, names, model, session))
        factories = [partial(factory, controls, source.name) for factory in viewers]
        video = live_video(source, working, tags, live)
        if options.hdr == "sdr":
            video = replace(video, parameters=video.parameters.sdr())
        opened = open_outputs(outputs, factories, video, options, warn, report.recordings.append)
        opened += [program(video) for program in programs]
        if plays:
            _wait_for_viewer(report.input, opened, stop)

        fallback = FallbackOpener(session, working.geometry)
        quality = QualityController(
            lambda: controls.denoise > 0,
            lambda: fallback.possible,
            lambda line: warn(f"{report.input}: {line}"),
            temporal=report.temporal > 0,
            common=common,
        )
        adapts = live.adapt and source.traits.live
        adaptive = AdaptiveProcessor(processor, controls, quality if adapts else None, fallback, dark)
        lit = None if dark is None else lambda: dark.lit
        run = LiveRun(source, adaptive, opened, controls, halt, options, lit)
        began = time.monotonic()
        try:
            run.run(stop, lambda: on_progress(run.counters.frames_out))
        finally:
            report.seconds = time.monotonic() - began
            report.adapted = quality.changes
            _fill(report, run, source)
        if (changed := processor.changed) > 0:
            warn(f"{report.input}: {changed} frames of another size or format were scaled or converted")
        if source.damaged:
            warn(f"{report.input}: {source.damaged} damaged packets or frames")
    return report


def working_format(source: LiveInput) -> FrameFormat:
    """Return what the engine works on: 4:2:0 for live frames, which every player and viewer takes.

    Most cameras send 4:2:2; the other half of the colour is not worth its cost here.
    """
    first = source.connection.first
    name = first.format.name
    pix_fmt, height = nearest_format(name), first.height
    layout = LAYOUTS[pix_fmt]
    if (source.traits.live or is_rgb(name)) and layout.layout != "nv" and layout.chroma != (1, 1):
        pix_fmt = "yuv420p" if layout.depth == 8 or is_rgb(pix_fmt) else "yuv420p10le"
    coding = source.connection.coding
    if is_rgb(name):  # it becomes what everybody takes untagged video for
        coding = replace(Tags().coding(pix_fmt, height), curve=coding.curve)
    return FrameFormat(pix_fmt, first.width, height, coding)


def _processor(
    source: LiveInput, session: Session, working: FrameFormat, tags: Tags, dark: DarkSwitch | None
) -> FrameProcessor:
    """Return what enhances the frames and tags them so; for a live source it is warmed up.

    Args:
        dark: told how bright the first picture is.
    """
    first = source.connection.first
    processor = FrameProcessor(
        session,
        working,
        first,
        source.connection.tags,
        tags=tags,
        deinterlacer=Deinterlacer(source.connection.fields),
    )
    if source.traits.live:  # the first frame takes longer
        for pair in (*processor.push(first), *processor.flush()):
            if dark is not None:
                dark.observe(measure(pair.original, working).brightness, time.monotonic())
        session.reset()
    return processor


def _wait_for_viewer(name: str, outputs: Sequence[LiveOutput], stop: threading.Event) -> None:
    """Begin to play when somebody looks: it takes a while to open a page."""
    if not any(output.watched for output in outputs):
        console.say(f"{name}: waiting for somebody to open the page")
    while not (stop.is_set() or any(output.watched for output in outputs)):
        stop.wait(0.05)


def _fill(report: LiveReport, run: LiveRun, source: LiveInput) -> None:
    counters = run.counters
    report.frames_in, report.frames_out = counters.frames_in, counters.frames_out
    report.fps = counters.frames_out / report.seconds if report.seconds else 0.0
    report.milliseconds = {
        "decode": run.decoding.milliseconds(),
        "enhance": run.enhancing.milliseconds(),
    }
    report.dropped_at = {stage: count for stage, count in run.dropped.items() if count}
    report.dropped = sum(report.dropped_at.values())
    report.damaged, report.reconnects = source.damaged, source.reconnects
    report.incomplete, report.lost = source.lost, source.lost is not None and source.traits.lasts
    report.latency = {"enhanced": counters.enhanced.milliseconds()} if source.traits.live else {}
    for worker in run.fan_out:
        report.milliseconds[worker.output.name] = worker.work.milliseconds()
        if source.traits.live:
            for name, watch in worker.output.latency.items():
                report.latency[f"{name} {worker.output.name}"] = watch.milliseconds()
