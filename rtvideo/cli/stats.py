"""``--stats``: what happened, as JSON."""

from __future__ import annotations

import json
import os
import secrets
import sys
from collections.abc import Sequence
from pathlib import Path

from rtvideo.errors import OutputError, UsageError
from rtvideo.media.output_path import refuse_files_of_run
from rtvideo.options import Report


def check_stats(target: str, *, overwrite: bool, others: Sequence[Path] = ()) -> None:
    """Refuse a file that cannot or must not be written, before the work whose statistics it is to hold.

    Args:
        target: file name, or ``-`` for stdout.
        overwrite: an existing file may be replaced.
        others: files of the run, which it may never be.

    Raises:
        UsageError: exists, or is a file of the run.
        OutputError: its folder is missing or read-only.
    """
    if target == "-":
        return
    path = Path(target)
    refuse_files_of_run(path, "--stats", others)
    if os.path.isdir(path):
        raise UsageError(f"{path}: --stats is a folder; name a file in it")
    if os.path.exists(path) and not overwrite:
        raise UsageError(f"{path}: --stats exists already; --overwrite replaces it")
    if not os.access(path.parent, os.W_OK | os.X_OK):
        raise OutputError(f"{path}: the folder {path.parent} of --stats is missing or not writable")


def write_stats(reports: Sequence[Report], target: str, *, several: bool) -> None:
    """Write the reports: one object for one input, else a list in the order of the inputs.

    Raises:
        OutputError: the file cannot be written. It is complete or not there at all.
    """
    data = [report.as_dict() for report in reports]
    text = json.dumps(data if several or not data else data[0], indent=2) + "\n"
    if target == "-":
        sys.stdout.write(text)
        return
    path = Path(target)
    temporary = path.with_name(f".{path.name}.partial-{secrets.token_hex(4)}")
    try:
        temporary.write_text(text, encoding="utf-8")
        os.replace(temporary, path)
    except OSError as error:
        raise OutputError(f"{path}: cannot be written: {error.strerror}") from None
    finally:
        temporary.unlink(missing_ok=True)
