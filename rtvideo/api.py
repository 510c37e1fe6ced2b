"""The Python API: `Enhancer` for one frame after the other, and `enhance_file` for whole files."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rtvideo.engines.registry import check_names
from rtvideo.enhancer import Enhancer
from rtvideo.errors import UsageError
from rtvideo.media.location import LocationKind, kind_of, redact
from rtvideo.options import Options, Report, flags_of, help_lines
from rtvideo.values import did_you_mean
from rtvideo.wording import in_python, python_words

if TYPE_CHECKING:
    import numpy.typing as npt

    from rtvideo.media.pixel_filter import Callback

__all__ = ["Enhancer", "enhance_file", "process"]


@python_words()
def process(
    input: str | Path,
    output: str | Path,
    callback: Callable[[npt.NDArray[Any], float], npt.NDArray[Any] | None],
    *,
    progress: Callable[[int, int | None], object] | None = None,
    **options: Any,
) -> Report:
    """Enhance a video and change its pixels: a function of yours is called for each enhanced frame.

    Everything else in the file is kept, as `enhance_file` keeps it. ``strength=0`` leaves all to the
    function.

    Args:
        input: as for `enhance_file`.
        output: likewise.
        callback: called from another thread with one frame after the other: (h, w, 3) RGB pixels, upright,
            and the time of the frame in seconds. It returns an array of the same shape and type, or writes to
            the one that it got and returns None. Pixels are uint8; of video with more than 8 bits they are
            uint16, from 0 to 65535, and of HDR video in its own transfer. What it raises ends the work, and
            no output is left.
        progress: as for `enhance_file`.
        options: likewise.

    Raises:
        UsageError: an image, or ``resume``: what a function would have done before is not known.
        RtvideoError, TypeError: see `enhance_file`.
    """
    if not callable(callback):
        raise TypeError(f"callback: {callback!r} cannot be called; allowed: a function (pixels, time)")
    return _checked_and_enhanced(input, output, progress, options, callback)


@python_words()
def enhance_file(
    input: str | Path,
    output: str | Path,
    *,
    progress: Callable[[int, int | None], object] | None = None,
    **options: Any,
) -> Report:
    """Enhance a video, an image, or a sequence of numbered images (``img_%04d.png``).

    Args:
        input: path. An image (PNG, JPEG, TIFF, WebP, AVIF, HEIC, BMP, GIF) becomes an image, anything else a
            video.
        output: path. In a folder the file keeps its name.
        progress: called now and then from the calling thread with the frames done and about how many there
            will be, None if nobody knows. What it raises ends the work, and no output is left.
        options: the fields of `rtvideo.Options`, as below. Values may be the command line's words, such as
            ``denoise="off"`` and ``start="0:01"``.

    Returns:
        What happened. ``incomplete`` says why a damaged input gave a shorter output.

    Raises:
        RtvideoError: one of `rtvideo.errors`; each is also the built-in exception that says the same.
        TypeError: an unknown option, or something that is no path.
    """
    return _checked_and_enhanced(input, output, progress, options)


enhance_file.__doc__ = f"{enhance_file.__doc__}\n    Options:{help_lines(Options)}\n"


def _checked_and_enhanced(
    input: str | Path,
    output: str | Path,
    progress: Callable[[int, int | None], object] | None,
    options: dict[str, Any],
    callback: Callback | None = None,
) -> Report:
    known = [name for name, _, _ in flags_of(Options)]
    for name in options.keys() - known:
        raise TypeError(f"{name}: no such option; allowed: {', '.join(known)}{did_you_mean(name, known)}")
    wanted = Options(**options)
    check_names(wanted.engine, wanted.device)
    if progress is not None and not callable(progress):
        raise TypeError(f"progress: {progress!r} cannot be called; allowed: a function (done, total)")
    source, target = _path("input", input), _path("output", output)
    if source.is_dir():
        raise UsageError(f"{source}: a folder; call enhance_file for each file, or use the command line")
    if target.is_dir():
        target /= source.name
    report = _enhance(source, target, wanted, progress or (lambda done, total: None), callback)
    report.warnings = [in_python(warning) for warning in report.warnings]
    return report


def _path(name: str, given: object) -> Path:
    if not isinstance(given, (str, os.PathLike)):
        what = given if isinstance(given, (int, type(None))) else f"a {type(given).__name__}"
        raise TypeError(f"{name}: {what} is not allowed; allowed: the path of a file, as str or Path")
    text = str(given)
    if kind_of(text) is not LocationKind.FILE:
        raise UsageError(f"{name}: {redact(text)} is no file; the command line takes cameras, URLs and pipes")
    if text.startswith("~") and not os.path.exists(text):
        raise UsageError(f"{name}: {text}: nothing replaces ~ here; write {os.path.expanduser(text)}")
    if not text:
        raise UsageError(f"{name}: '' is not allowed; allowed: the path of a file")
    return Path(given)


def _enhance(
    source: Path,
    target: Path,
    options: Options,
    progress: Callable[[int, int | None], object],
    callback: Callback | None,
) -> Report:
    from rtvideo.files.kinds import Job, job_for

    def on_progress(done: int, total: int | None) -> None:
        progress(done, total)

    job = job_for(source, target)
    if callback is not None and job is not Job.VIDEO:
        raise UsageError(f"{source}: process takes videos; call an Enhancer for images")
    if callback is not None and options.resume:
        raise UsageError("--resume: a file that a function changes is made in one go; leave it out")
    if job is Job.VIDEO:
        from rtvideo.files.job import enhance_video

        return enhance_video(source, target, options, on_progress=on_progress, callback=callback)
    from rtvideo.files.sequence_job import enhance_sequence, enhance_to_images

    if job is Job.TO_IMAGES:
        return enhance_to_images(source, target, options, on_progress=on_progress)
    from rtvideo.files.image_job import enhance_image, sessions_for

    with closing(sessions_for(options)) as sessions:
        if job is Job.SEQUENCE:
            return enhance_sequence(source, target, options, sessions, on_progress=on_progress)
        report = enhance_image(source, target, options, sessions)
    on_progress(report.frames_out, report.frames_out)
    return report
