"""``--resume``: what an earlier run left of an output, and whether that was the same job."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import av

from rtvideo.engines.session import Session
from rtvideo.errors import UsageError
from rtvideo.files.salvage import ReusablePackets, reusable_packets
from rtvideo.media.containers import MOV_FAMILY, container_for
from rtvideo.media.images.sequence import is_sequence, members
from rtvideo.media.images.suffixes import is_image
from rtvideo.media.mp4.index import drop_torn_fragment
from rtvideo.media.partial_file import partial_files, read_record
from rtvideo.models import Model
from rtvideo.options import AUTO, Options, flags_of
from rtvideo.version import __version__

#: Outputs whose packets can be read back as they were written; others are begun again.
_READABLE = (*MOV_FAMILY, "matroska", "webm")

#: How many pieces of an input are hashed, and the bytes of each.
_PIECES, _PIECE = 64, 65536


@dataclass(frozen=True)
class Unfinished:
    """What an earlier run left: the file, and the record of its job."""

    path: Path
    job: Mapping[str, Any]


def unfinished(output: Path) -> Unfinished | None:
    """Return what earlier runs left of ``output``, the largest file if there are several; None if nothing."""
    for path in [*partial_files(output), output]:
        job = read_record(path)
        if job is not None:
            return Unfinished(path, job)
    return None


def can_go_on(output: Path) -> bool:
    """Return whether ``--resume`` goes on from what a stopped run left of an output, and does not start over.

    A video that became images (``lit_%04d.png``) does not; a sequence of images that became another does.
    """
    return not is_image(output) and container_for(output) in _READABLE


def as_before(options: Options, before: Unfinished | None) -> Options:
    """Return the options with what an earlier run chose in place of ``auto``."""
    chosen: dict[str, Any] = {}
    for name in AUTO:
        value = None if before is None else before.job.get(name)
        if getattr(options, name) is None and isinstance(value, (int, float)) and 0 <= value <= 1:
            chosen[name] = float(value)
    return replace(options, **chosen)


def job_of(input: Path, options: Options, model: Model, session: Session) -> dict[str, Any]:
    """Return all that decides the result, as plain data.

    Args:
        model, session: opened for the options, with a number in place of each ``auto``.
    """
    return {
        "rtvideo": __version__,
        "pyav": av.__version__,
        "engine": session.name,
        **{name: getattr(session.settings, name) for name in AUTO},
        **fixed_job(input, options, model),
    }


def fixed_job(input: Path, options: Options, model: Model) -> dict[str, Any]:
    """Return the part of a job that is known before an engine is open."""
    settings = {name: getattr(options, name) for name, _, flag in flags_of(options) if flag.compared}
    return {"input": _fingerprint(input), "model": model.digest, **settings}


def differences(before: Mapping[str, Any], job: Mapping[str, Any]) -> str:
    """Return what differs between two jobs, for a message; nothing if they are equal."""
    return ", ".join(
        f"{name} ({_shown(before.get(name))}, now {_shown(value)})"
        for name, value in job.items()
        if before.get(name) != value
    )


def taken_over(
    before: Unfinished | None, job: Mapping[str, Any], output: Path, container: str, position: int
) -> ReusablePackets | None:
    """Return the packets of an earlier run that this one starts with; None if there are none.

    Args:
        job: of this run, from `job_of`.
        container: FFmpeg's short name of the output's format.
        position: of the enhanced one among the output's video streams; cover pictures do not count.

    Raises:
        UsageError: the earlier run was another job. The message names what differs.
    """
    if before is None:
        return None
    if changes := differences(before.job, job):
        raise UsageError(
            f"{output}: cannot be resumed, since it was begun with other settings: {changes}; "
            "give the earlier ones, or leave --resume out to start over"
        )
    if container not in _READABLE:
        return None
    if container in MOV_FAMILY:
        drop_torn_fragment(before.path)
    kept = reusable_packets(before.path, position)
    return kept if kept.count else None


def _shown(value: Any) -> str:
    text = "not given" if value is None else str(value)
    return text if len(text) <= 40 else f"{text[:12]}..."


def _fingerprint(path: Path) -> str:
    """Return a hash of a file's size, time of change and pieces from all over it; of a sequence's images."""
    if is_sequence(path):
        prints = [_fingerprint(image) for image in members(path).values()]
        return hashlib.sha256(" ".join(prints).encode()).hexdigest()
    status = path.stat()
    digest = hashlib.sha256(f"{status.st_size} {status.st_mtime_ns}".encode())
    with path.open("rb") as file:
        for piece in range(_PIECES):
            file.seek(piece * max(_PIECE, status.st_size // _PIECES))
            digest.update(file.read(_PIECE))
    return digest.hexdigest()
