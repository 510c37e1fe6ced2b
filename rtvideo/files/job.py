"""One video file to another: plan, run, publish."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, closing
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from av.stream import Disposition, Stream

from rtvideo.cpus import encoder_threads
from rtvideo.engines.auto import SessionFactory, open_for
from rtvideo.engines.session import Session, Settings, report_on
from rtvideo.engines.sync import PassThroughSession, SyncSession
from rtvideo.errors import UnavailableError, UsageError
from rtvideo.files.finished import mark
from rtvideo.files.pipeline import Pipeline
from rtvideo.files.resume import Unfinished, as_before, job_of, taken_over, unfinished
from rtvideo.files.trim import Trim
from rtvideo.frame_log import frame_log
from rtvideo.media.captions import CaptionCarrier, has_captions
from rtvideo.media.codecs import Encoding, choose
from rtvideo.media.compositor import Compositor
from rtvideo.media.containers import MOV_FAMILY, MOV_INPUT, holds_rotation
from rtvideo.media.deinterlace import Deinterlacer
from rtvideo.media.destination import FileDestination
from rtvideo.media.file_input import FileInput
from rtvideo.media.gpu.decode import open_input
from rtvideo.media.gpu.path import DevicePath
from rtvideo.media.hdr import SIDE_DATA, ContentLight, writes_light
from rtvideo.media.images.sequence import RATE, RawFrames, is_sequence
from rtvideo.media.images.suffixes import is_image
from rtvideo.media.mp4.copies import Copies, Fitted, counted, fit
from rtvideo.media.mp4.marks import light_marks, marks_of
from rtvideo.media.orientation import UPRIGHT, angle_of, orientation_of
from rtvideo.media.output import EncodedOutput, VideoEncoder
from rtvideo.media.output_path import check_output
from rtvideo.media.partial_file import PartialFile
from rtvideo.media.pixel_filter import Callback, PixelFilter
from rtvideo.media.planes import FrameFormat, FramePool, depth_of, has_alpha, nearest_format
from rtvideo.media.rate_limit import limited
from rtvideo.media.riff import unread_parts
from rtvideo.media.side_data import lost_with, stale_with
from rtvideo.media.streams import StreamPlan, plan
from rtvideo.media.timing import Event
from rtvideo.media.transparency import is_tagged
from rtvideo.models import find
from rtvideo.options import Options, Report
from rtvideo.processor import FrameProcessor
from rtvideo.transfer import CURVES

if TYPE_CHECKING:
    from rtvideo.media.gpu.encode import DeviceFrames
    from rtvideo.media.gpu.pinned import PinnedFrames

#: Is told each warning, in one line.
Warn = Callable[[str], None]


def enhance_video(
    input: Path,
    output: Path,
    options: Options,
    *,
    on_progress: Callable[[int, int | None], None] = lambda done, total: None,
    on_warning: Warn = lambda line: None,
    callback: Callback | None = None,
    stop: threading.Event | None = None,
    open_engine: SessionFactory | None = None,
) -> Report:
    """Enhance one video stream of ``input`` into ``output``; everything else in the file is kept.

    Args:
        on_progress: called about ten times a second from the calling thread, with the frames done and about
            how many there will be, None if nobody knows.
        on_warning: called with each warning as soon as it is known, before work starts where that can be;
            all of them are in the report too.
        callback: changes the pixels of each enhanced frame, see `rtvideo.media.pixel_filter.PixelFilter`.
        stop: when set, the work ends soon, and what is done is a playable file (``incomplete`` says so).
        open_engine: in place of ``options.engine``, for tests.

    Raises:
        UsageError, InputError, OutputError, UnavailableError: see `rtvideo.errors`; ``output`` is as before,
            or, if a device was lost under way, a playable file of what was done.
    """
    stop = stop or threading.Event()
    report = Report(input=str(input), output=str(output), model=options.model)

    def warn(line: str) -> None:
        report.warnings.append(line)
        on_warning(line)

    if is_image(output):
        numbered = output.with_stem(f"{output.stem}_%04d")
        raise UsageError(
            f"{output}: an image, and {input} is not; name a video file, or {numbered} for an image a frame"
        )
    with ExitStack() as stack:
        container = check_output(input, output, options)
        source = open_video(input, options)
        stack.callback(source.close)
        events, shift = events_of(source, options)
        encoding, streams, parts = planned_output(source, container, options, warn)
        copies = Copies(input, parts) if parts else None
        if copies is not None:
            stack.callback(copies.close)
        earlier = _earlier_run(output, options, warn)
        options = as_before(options, earlier)

        session = stack.enter_context(closing(open_session_for(source, encoding, options, open_engine)))
        report_on(session, report)
        job = job_of(input, options, find(options.model), session)
        reused = taken_over(earlier, job, output, container, _position(source, streams))
        report.resumed = reused.count if reused else 0
        if earlier is not None and reused is None:
            warn(f"{output}: nothing of the earlier run can be used; it starts over")

        results = None if callback else _results_on_device(source, encoding, session, options)
        if results is not None:
            stack.callback(results.close)
        pinned = None if results else pinned_frames(source, encoding, session)
        if pinned is not None:
            stack.callback(pinned.close)
        processor = processor_for(
            source, encoding, session, options.compare, report.resumed, results, callback, pinned
        )
        processor.log = stack.enter_context(
            frame_log(options, str(input), [str(output)], find(options.model), session, job["input"])
        )
        draft = stack.enter_context(PartialFile(output, job, keep=options.resume, dated=input))
        encoder = VideoEncoder(
            encoding,
            threads=encoder_threads(),
            hardware=results.hardware if results else None,
            reused=reused.packets() if reused else (),
        )
        destination = FileDestination(draft.path, container, output)
        sink = EncodedOutput(destination, encoder, source, streams, shift=shift, copies=copies)
        if results is not None:
            stack.callback(sink.release)

        pipeline = Pipeline(events, processor, sink, stop)
        counters, total = pipeline.counters, expected_frames(source, options)
        began = time.perf_counter()
        try:
            pipeline.run(lambda: on_progress(counters.frames_out, total))
        except BaseException as error:
            lost = isinstance(error, UnavailableError) and pipeline.completed
            if lost and counters.frames_out > report.resumed:
                draft.publish(unfinished=True)
                warn(f"{output}: ends where the device was lost; --resume goes on from there")
            else:
                sink.abort()
            raise
        as_it_was = reused.count if reused and reused.path == output else 0  # frames in the output already
        if stop.is_set() and counters.frames_out <= as_it_was:
            draft.discard()
        else:
            if not stop.is_set():
                mark(draft.path, job)
            draft.publish(unfinished=stop.is_set())
        report.seconds = time.perf_counter() - began
        fill_report(report, pipeline, source)
        report.incomplete = "interrupted" if stop.is_set() else source.incomplete
        interlaced = processor.deinterlaced and not source.interlaced
        for note in (
            *losses_met(source.damaged, processor.changed, encoder.moved, deinterlaced=interlaced),
            *losses_beside(source, sink, container, copies),
        ):
            warn(f"{input}: {note}")
    return report


def open_video(path: Path, options: Options) -> FileInput:
    """Open a video file, or a sequence of images."""
    if is_sequence(path):
        source = FileInput(path, raw=RawFrames(path, options.framerate or RATE))
    elif options.framerate is not None:
        raise UsageError(f"{path}: has its own times; --framerate is for numbered images like img_%04d.png")
    else:
        source = open_input(path, options.video_stream, options.device, compare=options.compare)
    source.curve = options.transfer
    return source


def events_of(source: FileInput, options: Options) -> tuple[Iterable[Event], Fraction]:
    """Return the frames and packets that are wanted, and by how many seconds they move back."""
    events, shift = source.read(), Fraction(0)
    if (options.start, options.duration, options.frames) != (None, None, None):
        trim = Trim(source, options.start, options.duration, options.frames)
        events, shift = trim.read(), trim.shift
    if options.max_fps is not None:
        by_field = source.parameters(options.deinterlace).by_field
        events = limited(events, options.max_fps / 2 if by_field else options.max_fps)
    return events, shift


def planned_output(
    source: FileInput, container: str, options: Options, warn: Warn
) -> tuple[Encoding, StreamPlan, Fitted]:
    """Choose the encoder and what happens to other streams and parts; warn of what will not be kept."""
    video = source.parameters(options.deinterlace).composed(options.compare, container)
    if options.hdr == "sdr":
        video = video.sdr()
    elif options.strength:
        video = video.enhanced()
    encoding, notes = choose(video, container, options.codec, options.crf, options.preset)
    streams = plan(source, container)
    parts = fitting_parts(
        source, container, [track.source for track in streams.tracks], options, encoding.light
    )
    for note in (
        *notes,
        *filter(None, [streams.warning]),
        *losses_ahead(source, encoding, container, parts, options.compare),
    ):
        warn(f"{source.path}: {note}")
    return encoding, streams, parts


def fitting_parts(
    source: FileInput,
    container: str,
    others: Iterable[Stream],
    options: Options,
    light: ContentLight | None = None,
) -> Fitted:
    """Return what becomes of the parts of the file that FFmpeg does not know.

    Args:
        others: the streams that the output has beside the enhanced one.
        light: what the output says of its own.

    Raises:
        InputError: the file cannot be read any more.
    """
    if source.container.format.name == "avi":
        fitted = Fitted(lost=counted(unread_parts(source.path)))
    elif source.container.format.name == MOV_INPUT:
        tracks = [stream.id for stream in (source.video, *others)]
        fitted = fit(source.path, container, tracks, marks=options.compare is None)
    else:
        fitted = Fitted()
    if container in MOV_FAMILY and options.compare is None:
        made = {words: box for words, box in marks_of(source.first) if words not in fitted.says}
        fitted.says.update(made)
        fitted.marks = b"".join(made.values())
    if container in MOV_FAMILY and light is not None:
        fitted.marks += light_marks(light)
    return fitted


def _earlier_run(output: Path, options: Options, warn: Warn) -> Unfinished | None:
    """Return what an earlier run left of the output, if this run goes on with it."""
    earlier = unfinished(output)
    if earlier is not None and not options.resume:
        warn(f"{output}: an earlier run left an unfinished result; --resume would go on with it")
        return None
    return earlier


def open_session_for(
    source: FileInput, encoding: Encoding, options: Options, open_engine: SessionFactory | None
) -> Session:
    """Open the engine for what `working_format` says; nothing is to be done at strength 0."""
    geometry = working_format(source, encoding).geometry
    if options.strength == 0:
        return PassThroughSession(find(options.model), geometry, Settings(strength=0.0))
    # Nobody waits for a file: what the machine could do in real time must not decide how it looks.
    opened = open_engine or partial(open_for, options, lossless=source.lossless)
    session = opened(geometry, None)
    session.settings.dither = encoding.lossless
    return session


def working_format(source: FileInput, encoding: Encoding) -> FrameFormat:
    """Return what the engine works on: the encoder's own format where engines take it, else the nearest.

    Frames that stay on a device keep the format that they have there.
    """
    first, coding, wanted = source.first, encoding.coding, encoding.pix_fmt
    if source.coding.curve != coding.curve:  # it becomes SDR afterwards
        coding, wanted = source.coding, first.format.name
    pix_fmt = first.format.name if source.hardware else nearest_format(wanted)
    return FrameFormat(pix_fmt, first.width, first.height, coding)


def _results_on_device(
    source: FileInput, encoding: Encoding, session: Session, options: Options
) -> DeviceFrames | None:
    """Return frames on the device for the results, if the encoder takes them from there."""
    if options.compare is not None or encoding.orientation != UPRIGHT or not encoding.encoder.on_gpu:
        return None
    if source.coding.curve != encoding.coding.curve:
        return None
    from rtvideo.media.gpu.encode import device_frames_for

    return device_frames_for(encoding, working_format(source, encoding).geometry, session)


def pinned_frames(source: FileInput, encoding: Encoding, session: Session) -> PinnedFrames | None:
    """Return frames that a GPU writes its results into by itself; None without one."""
    if isinstance(session, SyncSession):
        return None
    from rtvideo.media.gpu.pinned import pinned_frames_for

    return pinned_frames_for(session, working_format(source, encoding))


def processor_for(
    source: FileInput,
    encoding: Encoding,
    session: Session,
    compare: str | None = None,
    skip: int = 0,
    results: DeviceFrames | None = None,
    callback: Callback | None = None,
    pool: FramePool | None = None,
) -> FrameProcessor:
    """Return what makes the encoder's frames from those of a file.

    Args:
        session: opened for the geometry of `working_format`.
        compare, skip: as `Compositor` and `FrameProcessor` take them.
        results: where enhanced frames stay on the device, for an encoder that takes them from there.
        callback: as `enhance_video` takes it.
        pool: of frames for the results; None makes one.
    """
    working = working_format(source, encoding)
    stands = orientation_of(source.display_matrix) or UPRIGHT
    target = FrameFormat(encoding.pix_fmt, encoding.width, encoding.height, encoding.coding)
    changes = compare is not None or encoding.orientation != UPRIGHT or target != working
    return FrameProcessor(
        session,
        working,
        source.first,
        source.tags,
        pool=pool or FramePool(working.pix_fmt, working.width, working.height),
        compositor=Compositor(working, target, compare, orientation=encoding.orientation)
        if changes
        else None,
        captions=CaptionCarrier(source.first) if compare is None else None,
        device=DevicePath(working, session, results) if source.hardware or results else None,
        deinterlacer=Deinterlacer(source.fields, by_field=encoding.by_field),
        pixel_filter=None if callback is None else PixelFilter(callback, working, stands),
        skip=skip,
    )


def losses_ahead(
    source: FileInput, encoding: Encoding, container: str, parts: Fitted, compare: str | None
) -> Iterator[str]:
    """Yield what the first frame and the parts of the file show will not be kept as it is."""
    if source.interlaced:
        yield f"interlaced; deinterlaced with bwdif, one frame for each{' field' * encoding.by_field}"
    if is_tagged(source.video) and not has_alpha(source.first.format.name):
        yield "transparency is dropped"
    matrix = source.display_matrix
    if matrix and orientation_of(matrix) is None and not holds_rotation(container):
        angle = f"{angle_of(matrix):.3g} degrees"
        yield f"to be turned by {angle}: {container} cannot say so; .mp4, .mov and .mkv can"
    shape, kept = encoding.sample_aspect_ratio or Fraction(1), encoding.kept_aspect(container)
    if shape != kept:
        becomes = "square" if kept == 1 else f"{kept.numerator}:{kept.denominator}"
        pixels = f"pixels of {shape.numerator}:{shape.denominator} become {becomes}"
        yield f"{pixels}: codec {encoding.codec} cannot say so in {container}"
    yield from _hdr_lost(source, encoding)
    yield from _side_data_lost(source, encoding, container, parts)
    if parts.lost:
        yield f"{container} cannot hold all of it: {', '.join(parts.lost)}"
    if has_captions(source.first) and not encoding.encoder.captions:
        yield f"codec {encoding.codec} drops the closed captions; libx264 keeps them"
    elif has_captions(source.first) and (compare or encoding.orientation != UPRIGHT):
        yield "pictures that are put together or turned lose their closed captions"


def _hdr_lost(source: FileInput, encoding: Encoding) -> Iterator[str]:
    """Yield what no longer fits the pictures when they are enhanced; of SDR there is nothing to say."""
    curve = CURVES.get(source.coding.curve)
    if curve is not None and not encoding.coding.curve:
        return
    names = stale_with(source.first)
    if vision := source.dolby_vision:
        names = [str(vision), *(name for name in names if name != "Dolby Vision")]
    if names:
        base = "its base" if curve is None else curve.title
        yield f"{' and '.join(names)} no longer fits the enhanced pictures and is dropped; {base} stays"
    if curve is not None and curve.hdr and depth_of(encoding.pix_fmt) < 10:
        yield f"{curve.title} in 8 bits shows bands; use --codec libx265, which has 10, or --hdr sdr"


def _side_data_lost(source: FileInput, encoding: Encoding, container: str, parts: Fitted) -> Iterator[str]:
    """Yield what the video has beside its pictures, for all of it or with the first, and is not written."""
    named = {"display", "cpb", "stereo 3d: 2d", "dovi", *parts.says}
    wanted = encoding.light is not None and (container in MOV_FAMILY or writes_light(encoding.codec))
    if wanted or source.coding.curve != encoding.coding.curve:  # of SDR there is nothing to say
        named.update(SIDE_DATA)
    if container in ("matroska", "webm") and "stereo_mode" in source.video.metadata:
        named.add("stereo 3d")
    for line in source.summary.side_data(source.video):
        if not line.lower().startswith(tuple(named)):
            yield f"{line.partition(',')[0]}: this cannot be written, and is dropped"
            named.add(line.lower())
    for title, words in dict(lost_with(source.first)).items():
        if not words or not any(name.startswith(words) for name in named):
            yield f"{title} cannot be written, and is dropped"


def losses_met(damaged: int, changed: int, moved: int, *, deinterlaced: bool = False) -> Iterator[str]:
    """Yield what of the video was not kept as it was, and could be known only under way.

    Args:
        damaged: packets or frames; changed: frames of another size or format; moved: frames whose time had
            to change.
        deinterlaced: interlaced frames came after others.
    """
    if damaged:
        yield f"{damaged} damaged packets or frames; what could be decoded is in the output"
    if changed:
        yield f"{changed} frames of another size or format were converted"
    if deinterlaced:
        yield "interlaced frames were deinterlaced with bwdif"
    if moved:
        yield f"{moved} frames were not later than the one before: moved by a tick"


def losses_beside(
    source: FileInput, sink: EncodedOutput, container: str, copies: Copies | None
) -> Iterator[str]:
    """Yield the same of the clock and of all beside the video."""
    yield from source.timeline.notes()
    if sink.lost:
        yield f"{sink.lost} packets of other streams do not fit into {container}: left out"
    if sink.square:
        yield f"pixels became square: the header of this {container} file has no room for their shape"
    if copies is not None and copies.changed:
        yield "was changed while it was read; parts beside its streams are incomplete"


def _position(source: FileInput, streams: StreamPlan) -> int:
    """Return which of the output's video streams is the enhanced one, cover pictures not counted."""
    videos = [t.source for t in streams.tracks if t.source.type == "video"]
    return sum(
        stream.index < source.video.index and not stream.disposition & Disposition.attached_pic
        for stream in videos
    )


def expected_frames(source: FileInput, options: Options) -> int | None:
    """Estimate, for progress only."""
    seconds = source.duration
    if seconds is None or source.fps is None:
        known = source.video.frames or None
    else:
        seconds = max(0.0, seconds - (options.start or 0))
        known = round(min(seconds, options.duration or seconds) * source.fps)
    if options.frames is not None:
        known = options.frames if known is None else min(known, options.frames)
    if known is not None and source.parameters(options.deinterlace).by_field:
        known *= 2
    return known


def fill_report(report: Report, pipeline: Pipeline, source: FileInput) -> None:
    """Tell the report what the pipeline counted."""
    counters = pipeline.counters
    report.frames_in, report.frames_out = counters.frames_in, counters.frames_out
    made = counters.frames_out - report.resumed
    report.fps = max(0, made) / report.seconds if report.seconds else 0.0
    for stage in ("decode", "enhance", "encode"):
        report.milliseconds[stage] = getattr(counters, stage).milliseconds()
    report.damaged = source.damaged
