"""Whether an output is the complete result of a job: ``--resume`` skips it then, and refuses any other file.

A finished output carries its job in an extended attribute, which stays with the file when it is renamed.
"""

from __future__ import annotations

import contextlib
import errno
import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rtvideo.errors import UsageError
from rtvideo.files.resume import differences, fixed_job
from rtvideo.models import Model
from rtvideo.options import AUTO, Options
from rtvideo.system import attribute, set_attribute

ATTRIBUTE = "user.rtvideo.job"


def mark(path: Path, job: Mapping[str, Any]) -> None:
    """Write the job into a finished file's attribute, as far as the file system has such."""
    with contextlib.suppress(OSError):
        set_attribute(path, ATTRIBUTE, json.dumps({**job, "bytes": path.stat().st_size}).encode())


def is_result(path: Path) -> bool:
    """Return whether rtvideo wrote a file, as far as the file system can tell."""
    try:
        return bool(attribute(path, ATTRIBUTE))
    except OSError:
        return False


def check_finished(input: Path, output: Path, options: Options, model: Model) -> bool:
    """Return whether there is nothing to do: ``output`` is what these options make of ``input``.

    Raises:
        UsageError: it is another file, or was made with other settings, and may not be overwritten.
    """
    reason = _reason(input, output, options, model)
    if reason is None or options.overwrite:
        return reason is None
    raise UsageError(f"{output}: cannot be resumed, since {reason}; --overwrite replaces it")


def _reason(input: Path, output: Path, options: Options, model: Model) -> str | None:
    """Return why an output is not the result of a job."""
    try:
        job = json.loads(attribute(output, ATTRIBUTE))
    except OSError as error:
        if error.errno == errno.ENODATA:
            return "another program wrote it"
        logging.getLogger("rtvideo").warning(
            "%s: taken for complete; this file system cannot tell what wrote it", output
        )
        return None
    except ValueError:
        return "another program wrote it"
    if not isinstance(job, dict) or job.get("bytes") != output.stat().st_size:
        return "it was changed after it was complete"
    wanted = fixed_job(input, options, model)
    if options.strength:  # without it nothing is chosen
        wanted |= {name: value for name in AUTO if (value := getattr(options, name)) is not None}
    changes = differences(job, wanted)
    return f"it was made with other settings: {changes}" if changes else None
