"""Which job enhances a file."""

from __future__ import annotations

from enum import Enum
from pathlib import Path

from rtvideo.errors import InputError, UsageError
from rtvideo.media.images.sequence import is_sequence
from rtvideo.media.images.suffixes import CONVERTERS, DEVELOPED, is_image, is_raw

#: Files of animations, which may become videos as well as images.
_ANIMATED = (".gif", ".apng")


class Job(Enum):
    """The kinds of jobs."""

    #: `rtvideo.files.image_job.enhance_image`
    IMAGE = "image"
    #: `rtvideo.files.sequence_job.enhance_sequence`
    SEQUENCE = "sequence"
    #: `rtvideo.files.sequence_job.enhance_to_images`
    TO_IMAGES = "to images"
    #: `rtvideo.files.job.enhance_video`
    VIDEO = "video"


def job_for(source: Path, target: Path) -> Job:
    """Return the job that makes one file, or sequence of images, of another.

    Raises:
        InputError: a photograph of a kind that is not read; the message says what converts it.
        UsageError: a raw photograph that is to become a video.
    """
    if command := CONVERTERS.get(source.suffix.lower()):
        names = command.format(source.name)
        raise InputError(f"{source}: {source.suffix} is not read; convert it first, for example: {names}")
    if is_raw(source):
        if not is_image(target):
            name = target.with_suffix(DEVELOPED)
            raise UsageError(f"{source}: is a photograph, and {target} is no image; name one, such as {name}")
        return Job.IMAGE
    if is_sequence(source):
        return Job.SEQUENCE if is_sequence(target) else Job.VIDEO
    if is_image(source) and (is_image(target) or source.suffix.lower() not in _ANIMATED):
        return Job.IMAGE
    return Job.TO_IMAGES if is_sequence(target) else Job.VIDEO
