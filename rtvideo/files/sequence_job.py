"""A sequence of numbered images, or a video, becomes a sequence. (`job` makes videos of sequences.)"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt

from rtvideo.colour import Coding, Matrix
from rtvideo.engines.auto import SessionFactory
from rtvideo.engines.session import report_on
from rtvideo.engines.session_cache import SessionCache
from rtvideo.errors import UsageError
from rtvideo.files.finished import check_finished, mark
from rtvideo.files.image_job import (
    as_asked,
    enhanced,
    over_time,
    picture_losses,
    refuse_video_options,
    settle,
)
from rtvideo.files.job import (
    events_of,
    expected_frames,
    fill_report,
    fitting_parts,
    losses_ahead,
    open_session_for,
    open_video,
    processor_for,
)
from rtvideo.files.pipeline import Pipeline
from rtvideo.files.resume import job_of
from rtvideo.frame_log import frame_log
from rtvideo.media import images
from rtvideo.media.codecs import Encoding
from rtvideo.media.file_input import FileInput
from rtvideo.media.images.picture import Picture
from rtvideo.media.images.sequence import RATE, members, numbered
from rtvideo.media.partial_file import keep_date
from rtvideo.media.planes import has_alpha
from rtvideo.media.tags import Tags
from rtvideo.media.timing import Packet
from rtvideo.models import find
from rtvideo.options import Options, Report
from rtvideo.transfer import CURVES


def enhance_sequence(
    input: Path,
    output: Path,
    options: Options,
    sessions: SessionCache,
    *,
    on_progress: Callable[[int, int | None], None] = lambda done, total: None,
    on_warning: Callable[[str], None] = lambda line: None,
    stop: threading.Event | None = None,
) -> Report:
    """Enhance each image of a sequence into one of another, as the pictures of one video.

    Args:
        input, output: names with a number's place in them, such as ``img_%04d.png``.
        sessions: of `rtvideo.files.image_job.sessions_for`.
        on_progress, on_warning, stop: as `rtvideo.files.job.enhance_video` takes them.

    Raises:
        UsageError, InputError, OutputError, UnavailableError: see `rtvideo.errors`.
    """
    refuse_video_options(input, options)
    pairs = [(source, numbered(output, number)) for number, source in members(input).items()]
    if options.resume:
        pairs = [
            (source, target)
            for source, target in pairs
            if not (target.exists() and check_finished(source, target, options, sessions.model))
        ]
    for source, target in pairs:
        images.check_target(source, target, overwrite=options.overwrite)
    report = Report(str(input), str(output), model=sessions.model.name, denoise=sessions.settings.denoise)
    if not pairs:
        report.warnings.append(f"{output}: all images exist already and are complete; skipped")
        on_warning(report.warnings[-1])
        return report
    began, told = time.perf_counter(), set()
    first = images.read(pairs[0][0]).geometry
    session = sessions.session(first)
    report.engine, report.engine_name = str(session), session.engine
    with over_time(sessions, options, first) as report.temporal:
        for place, (source, target) in enumerate(pairs):
            if stop is not None and stop.is_set():
                report.incomplete = "interrupted"
                break
            dark = images.read(source)
            for note in dark.warnings + picture_losses(dark, source, target, options):
                if note.partition(": ")[2] not in told:  # else once for each image
                    told.add(note.partition(": ")[2])
                    report.warnings.append(note)
                    on_warning(note)
            settle(sessions, session, dark, target, options, alone=False)
            lit = enhanced(dark, sessions, options.compare, place / RATE)
            images.write(as_asked(lit, options), target)
            keep_date(source, target)
            mark(target, job_of(source, options, sessions.model, session))
            report.frames_in = report.frames_out = place + 1
            on_progress(place + 1, len(pairs))
    report.seconds = time.perf_counter() - began
    report.fps = report.frames_out / report.seconds
    return report


def enhance_to_images(
    input: Path,
    output: Path,
    options: Options,
    *,
    on_progress: Callable[[int, int | None], None] = lambda done, total: None,
    on_warning: Callable[[str], None] = lambda line: None,
    stop: threading.Event | None = None,
    open_engine: SessionFactory | None = None,
) -> Report:
    """Enhance the frames of a video into numbered images: upright, RGB, of 16 bits if the video has over 8.

    Args:
        output: a name with a number's place in it, such as ``lit_%04d.png``; the first is 1.
        on_progress, on_warning, stop, open_engine: as `rtvideo.files.job.enhance_video` takes them.

    Raises:
        UsageError, InputError, OutputError, UnavailableError: see `rtvideo.errors`.
    """
    for name in ("codec", "crf", "preset", "resume"):
        if getattr(options, name):
            raise UsageError(f"{output}: is a sequence of images; {name} is for videos")
    first = numbered(output, 1)
    images.check_target(input, first, overwrite=options.overwrite)
    if not options.overwrite and (there := members(output, required=False)):
        raise UsageError(f"{output}: {len(there)} images of it exist already; --overwrite replaces them")
    report = Report(str(input), str(output), model=options.model)
    with ExitStack() as stack:
        source = open_video(input, options)
        stack.callback(source.close)
        events, _ = events_of(source, options)
        encoding = _as_images(source, output, options)
        losses = losses_ahead(
            source, encoding, "image2", fitting_parts(source, "image2", [], options), options.compare
        )
        notes = [f"{input}: {note}" for note in (*_left_out(source), *losses)]
        sink = _Images(output, source)
        notes += images.losses(_picture(av.VideoFrame(2, 2, encoding.pix_fmt).to_ndarray()), output)
        session = stack.enter_context(closing(open_session_for(source, encoding, options, open_engine)))
        report_on(session, report)
        for note in notes:
            report.warnings.append(note)
            on_warning(note)
        processor = processor_for(source, encoding, session, options.compare)
        processor.log = stack.enter_context(
            frame_log(options, str(input), [str(output)], find(options.model), session)
        )
        pipeline = Pipeline(events, processor, sink, stop or threading.Event())
        total, began = expected_frames(source, options), time.perf_counter()
        pipeline.run(lambda: on_progress(pipeline.counters.frames_out, total))
        report.seconds = time.perf_counter() - began
        fill_report(report, pipeline, source)
        report.incomplete = "interrupted" if stop is not None and stop.is_set() else source.incomplete
    return report


class _Images:
    """Writes each frame as the next image."""

    def __init__(self, path: Path, source: FileInput) -> None:
        self._path, self._source, self._written = path, source, 0

    def write(self, frame: av.VideoFrame) -> None:
        """Write a frame of `_as_images`."""
        self._written += 1
        target = numbered(self._path, self._written)
        images.write(_picture(frame.to_ndarray()), target)
        keep_date(self._source.path, target)

    def copy(self, packet: Packet) -> None:
        """Leave out a packet of another stream."""

    def finish(self, late: threading.Event) -> int:
        """Nothing is left to do: each image is complete."""
        return 0


def _picture(pixels: npt.NDArray[Any]) -> Picture:
    """Return (h, w, 3 or 4) as a picture; the fourth is the transparency."""
    return Picture(
        np.ascontiguousarray(pixels[..., :3]),
        np.ascontiguousarray(pixels[..., 3]) if pixels.shape[2] == 4 else None,
    )


def _pix_fmt(source: FileInput) -> str:
    deep = max(part.bits for part in source.first.format.components) > 8
    if has_alpha(source.parameters().pix_fmt):
        return "rgba64le" if deep else "rgba"
    return "rgb48le" if deep else "rgb24"


def _as_images(source: FileInput, output: Path, options: Options) -> Encoding:
    """Return what frames of images are: RGB of the depth of the source."""
    video = source.parameters(options.deinterlace).composed(options.compare, "image2")
    return Encoding(
        codec="png",
        pix_fmt=_pix_fmt(source),
        width=video.width,
        height=video.height,
        rate=video.rate,
        time_base=video.time_base,
        sample_aspect_ratio=None,
        tags=Tags(),
        coding=Coding(Matrix.RGB, full_range=True),
        options={},
        orientation=video.orientation,
        by_field=video.by_field,
        lossless=images.is_lossless(output),
    )


def _left_out(source: FileInput) -> list[str]:
    """Return what images cannot hold of a video."""
    others = [stream.type for stream in source.container.streams if stream.index != source.video.index]
    notes = []
    if others:
        listed = ", ".join(f"{others.count(kind)} of {kind}" for kind in dict.fromkeys(others))
        notes.append(f"images hold no other streams; left out: {listed}")
    if curve := source.coding.curve:
        notes.append(f"{CURVES[curve].title} becomes SDR (BT.709) in images")
    if abs(source.aspect - 1) > 0.001:
        notes.append(
            f"its pixels are not square ({source.aspect:.4g} wide); the images have them as they are"
        )
    return notes
