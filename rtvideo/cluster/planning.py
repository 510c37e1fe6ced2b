"""What all pieces of a film have in common is decided once, from the film itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from rtvideo.cluster.cutting import CannotCutError
from rtvideo.cluster.piece import Film
from rtvideo.files.job import planned_output
from rtvideo.media.file_input import FileInput
from rtvideo.media.images.sequence import is_sequence
from rtvideo.media.output import phase_of
from rtvideo.media.planes import has_alpha
from rtvideo.media.timing import tick
from rtvideo.options import Options


def film_of(source: FileInput, container: str, options: Options, warn: Callable[[str], None]) -> Film:
    """Return what is common to all pieces of a video.

    Args:
        container: FFmpeg's short name of the output's format.
        warn: is told of what will not be kept.

    Raises:
        CannotCutError: it must be enhanced in one go.
        InputError, UsageError: see `rtvideo.files.job.enhance_video`.
    """
    if reason := _reason_against(source, options):
        raise CannotCutError(reason)
    encoding, _, _ = planned_output(source, container, options, warn)
    return Film(
        str(source.path),
        replace(options, overwrite=True, resume=False),
        container,
        encoding,
        tick(source.video),
        phase_of(source.first, encoding.time_base),
        source.tags,
        source.lossless,
    )


def _reason_against(source: FileInput, options: Options) -> str | None:
    """Return why a video must be enhanced in one go; None if it can be cut."""
    if is_sequence(source.path):
        return "a sequence of images"
    if source.interlaced:
        return "interlaced"
    if has_alpha(source.first.format.name):
        return "transparency"
    if (options.start, options.duration, options.frames, options.max_fps) != (None,) * 4:
        return "a part of it is asked for"
    return None
