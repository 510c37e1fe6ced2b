"""One video file to another: plan, run, finalise."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from av.stream import Disposition

from rtvideo.engines.auto import resolve_settings
from rtvideo.engines.session import Session, Settings
from rtvideo.errors import OutputError, UnavailableError, UsageError
from rtvideo.files.pipeline import Counters, Pipeline
from rtvideo.files.resume import as_before, job_of, taken_over, unfinished
from rtvideo.files.trim import Trim
from rtvideo.frame import Geometry
from rtvideo.media.codecs import Encoding, Picture, choose
from rtvideo.media.containers import container_for
from rtvideo.media.destination import FileDestination
from rtvideo.media.durable import output_errors
from rtvideo.media.file_input import Source
from rtvideo.media.frames import FrameEnhancer, has_captions, has_timecode, working_geometry
from rtvideo.media.gpu.decode import open_source
from rtvideo.media.input_info import InputInfo
from rtvideo.media.output import EncodedOutput, VideoEncoder
from rtvideo.media.partial_file import PartialFile, read_record
from rtvideo.media.rate_limit import limited
from rtvideo.media.streams import Plan, plan
from rtvideo.media.timing import tick
from rtvideo.options import Options, Report

if TYPE_CHECKING:
    from rtvideo.media.gpu.encode import DeviceFrames


@dataclass(frozen=True)
class Progress:
    """How far a job is.

    Attributes:
        frames: done so far; total: about so many there will be, or None if nobody knows.
        fps: frames a second since the start.
    """

    frames: int
    total: int | None
    fps: float


#: Opens an engine for frames of one geometry: what `enhance_video` asks for, and tests replace.
SessionFactory = Callable[[Geometry, float | None], tuple[Session, float]]


def enhance_video(
    input: Path,
    output: Path,
    options: Options,
    *,
    on_progress: Callable[[Progress], None] | None = None,
    on_warning: Callable[[str], None] | None = None,
    stop: threading.Event | None = None,
    open_engine: SessionFactory | None = None,
) -> Report:
    """Enhance one video stream of ``input`` into ``output``; everything else in the file is kept.

    Args:
        on_progress: called about ten times a second from the calling thread.
        on_warning: called with each warning as soon as it is known, before work starts where that can be;
            all of them are in the report too.
        stop: when set, the work ends soon, and what is done is a playable file (``incomplete`` says so).
        open_engine: in place of ``options.engine``, for tests.

    Raises:
        UsageError, InputError, OutputError, UnavailableError: see `rtvideo.errors`; ``output`` is as before,
            or, if a device was lost under way, a playable file of what was done.
    """
    stop = stop or threading.Event()
    container = check_output(input, output, options)
    report = Report(input=str(input), output=str(output), model=options.model)

    def warn(line: str) -> None:
        report.warnings.append(line)
        if on_warning is not None:
            on_warning(line)

    with ExitStack() as stack:
        source = open_source(input, options.video_stream, options.device, compare=options.compare)
        stack.callback(source.close)
        cut = Trim(source, options.start, options.duration, options.frames)
        picture = picture_of(source, options)
        encoding, notes = choose(picture, container, options.codec, options.crf, options.preset)
        streams = plan(source, container)
        for note in (*notes, *filter(None, [streams.warning]), *_losses_ahead(source, encoding)):
            warn(f"{input}: {note}")

        before = unfinished(output)
        if before is not None and not options.resume:
            warn(f"{output}: an earlier run left an unfinished result; --resume would go on with it")
            before = None
        options = as_before(options, before)
        single = replace(encoding, width=source.first.width)
        surfaces = source.first.format.name if source.hardware else None
        geometry = working_geometry(single, surfaces)
        session = _open(open_engine or engine_of(options), options, geometry, source.fps, report)
        if session is not None:
            stack.callback(session.close)
        engine = report.engine if session is None else session.name
        job = job_of(input, options, engine, report.denoise, report.temporal)
        kept = taken_over(before, job, output, container, _position(source, streams))
        report.resumed = kept.count if kept else 0
        if before is not None and kept is None:
            warn(f"{output}: nothing of the earlier run can be taken over; it starts anew")

        results = _on_device(single, geometry, session, options)
        if results is not None:
            stack.callback(results.close)
        worker = FrameEnhancer(
            single,
            session,
            source.tags,
            source.first,
            options.compare,
            done=report.resumed,
            surfaces=surfaces,
            results=results,
        )
        draft = stack.enter_context(PartialFile(output, job, keep=options.resume, dated=input))
        hardware = None if results is None else results.hardware
        sink = EncodedOutput(
            FileDestination(draft.path, container, output),
            VideoEncoder(encoding, hardware=hardware, reused=kept.packets() if kept else ()),
            source,
            streams,
            shift=cut.shift,
        )
        if results is not None:
            stack.callback(sink.release)
        pipeline = Pipeline(limited(cut.read(), options.max_fps), worker, sink, stop)
        began = time.perf_counter()
        try:
            counters = pipeline.run(_teller(on_progress, _expected_frames(source, options), began))
        except BaseException as error:
            lost = isinstance(error, UnavailableError) and pipeline.completed
            if lost and pipeline.counters.frames_out > report.resumed:
                draft.publish(unfinished=True)
                warn(f"{output}: ends where the device was lost; --resume goes on from there")
            else:
                sink.abort()
            raise
        if stop.is_set() and kept and kept.path == output and counters.frames_out <= kept.count:
            draft.discard()  # there is more in the output as it is
        else:
            draft.publish(unfinished=stop.is_set())
        report.seconds = time.perf_counter() - began
        _fill(report, counters)
        report.damaged = source.damaged
        report.incomplete = "interrupted" if stop.is_set() else source.incomplete
        for note in _losses_met(source, worker, sink, container):
            warn(f"{input}: {note}")
    return report


def _open(
    opener: SessionFactory, options: Options, geometry: Geometry, fps: float | None, report: Report
) -> Session | None:
    """Return the engine's session, None where nothing is to be done, and tell the report."""
    if options.strength == 0:
        report.engine = "none (strength 0)"
        return None
    session, report.denoise = opener(geometry, fps)
    report.temporal = session.settings.temporal
    report.engine = str(session)
    return session


def _losses_ahead(source: Source, encoding: Encoding) -> Iterator[str]:
    """Yield what the first frame shows will not be kept as it is."""
    if source.first.interlaced_frame:
        yield "interlaced; deinterlaced with bwdif, one frame for each"
    if has_captions(source.first) and not encoding.encoder.captions:
        yield f"codec {encoding.codec} drops the closed captions; libx264 keeps them"
    if has_timecode(source.first):
        yield "the time code inside the pictures (SMPTE 12M) is dropped"


def _losses_met(source: Source, worker: FrameEnhancer, sink: EncodedOutput, container: str) -> Iterator[str]:
    """Yield what was not kept as it was, and could be known only under way."""
    if source.damaged:
        yield f"{source.damaged} damaged packets or frames; what could be decoded is in the output"
    yield from source.timeline.notes()
    if worker.changed:
        yield f"{worker.changed} frames of another size or format were converted"
    if worker.deinterlaced and not source.first.interlaced_frame:
        yield "interlaced frames were deinterlaced with bwdif"
    if sink.lost:
        yield f"{sink.lost} packets of other streams do not fit into {container}: left out"
    if sink.encoder.moved:
        yield f"{sink.encoder.moved} frames were not later than the one before: moved by a tick"


def _teller(
    on_progress: Callable[[Progress], None] | None, total: int | None, began: float
) -> Callable[[Counters], None]:
    """Return what tells how far the job is, if anybody wants to know."""

    def tell(counters: Counters) -> None:
        if on_progress is not None:
            elapsed = max(1e-9, time.perf_counter() - began)
            on_progress(Progress(counters.frames_out, total, counters.frames_out / elapsed))

    return tell


def _on_device(
    encoding: Encoding, geometry: Geometry, session: Session | None, options: Options
) -> DeviceFrames | None:
    """Return where results stay on the device, if the encoder takes them from there."""
    if options.compare is not None or not encoding.encoder.on_gpu:
        return None
    from rtvideo.media.gpu.encode import device_frames_for

    return device_frames_for(encoding, geometry, session)


def check_output(input: Path, output: Path, options: Options) -> str:
    """Return the container format of ``output`` if it may be written.

    Raises:
        UsageError: it is the input, it exists already, or its ending is no video format.
        OutputError: its folder is missing or not writable.
    """
    with output_errors(output):
        container = container_for(output)
        if output.exists() and _is_same(input, output):
            raise UsageError(f"{output}: output and input are the same file; give another name")
        if output.is_dir():
            raise UsageError(f"{output}: a folder; name a file")
        if output.exists() and not options.overwrite and not (options.resume and read_record(output)):
            raise UsageError(f"{output}: exists already; --overwrite replaces it")
        folder = output.absolute().parent
        if not folder.is_dir():
            raise OutputError(f"{output}: the folder {folder} does not exist")
        if not os.access(folder, os.W_OK) or (output.exists() and not os.access(output, os.W_OK)):
            raise OutputError(f"{output}: no permission to write there")
    return container


def _is_same(input: Path, output: Path) -> bool:
    try:
        return os.path.samefile(input, output)
    except OSError:
        return False  # an input that is not there, or that cannot be asked: opening it tells why


def picture_of(source: InputInfo, options: Options) -> Picture:
    """Return the facts about the input's pictures that the choice of an encoder rests on."""
    first, codec, tags = source.first, source.video.codec_context, source.tags
    rate = source.video.average_rate or source.video.guessed_rate or Fraction(25)
    return Picture(
        codec=codec.codec.canonical_name,
        pix_fmt=first.format.name,
        width=first.width * (2 if options.compare == "side" else 1),
        height=first.height,
        rate=Fraction(rate).limit_denominator(1001 * 1000),
        time_base=tick(source.video),
        sample_aspect_ratio=source.video.sample_aspect_ratio,
        tags=tags,
        coding=tags.coding(first.format.name, first.height),
        codec_tag=codec.codec_tag,
    )


def _position(source: Source, streams: Plan) -> int:
    """Return which of the output's video streams is the enhanced one, cover pictures not counted."""
    videos = [t.source for t in streams.tracks if t.source.type == "video"]
    return sum(
        stream.index < source.video.index and not stream.disposition & Disposition.attached_pic
        for stream in videos
    )


def engine_of(options: Options) -> SessionFactory:
    """Return what opens the engine and the model that the options name."""

    def opener(geometry: Geometry, fps: float | None) -> tuple[Session, float]:
        from rtvideo import models
        from rtvideo.engines.opening import open_session

        model = models.find(options.model)
        asked = Settings(options.strength, options.denoise or 0.0, options.temporal or 0.0)
        session = open_session(
            model,
            geometry,
            asked,
            engine=options.engine,
            device=options.device,
            threads=options.threads,
        )
        try:
            session.settings = resolve_settings(options, model, geometry, session, fps)
        except UsageError:
            session.close()
            raise
        return session, session.settings.denoise

    return opener


def _expected_frames(source: Source, options: Options) -> int | None:
    """Estimate, for progress only."""
    seconds = source.duration
    if seconds is None or source.fps is None:
        known = source.video.frames or None
    else:
        seconds = max(0.0, seconds - (options.start or 0))
        known = round(min(seconds, options.duration or seconds) * source.fps)
    if options.frames is not None:
        return options.frames if known is None else min(known, options.frames)
    return known


def _fill(report: Report, counters: Counters) -> None:
    report.frames_in, report.frames_out = counters.frames_in, counters.frames_out
    made = counters.frames_out - report.resumed
    report.fps = max(0, made) / report.seconds if report.seconds else 0.0
    for stage in ("decode", "enhance", "encode"):
        report.milliseconds[stage] = getattr(counters, stage).milliseconds()
