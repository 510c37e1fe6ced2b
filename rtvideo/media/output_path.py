"""Whether an output file may be written: asked before anything is opened."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from rtvideo.errors import OutputError, UsageError
from rtvideo.media.containers import container_for
from rtvideo.media.durable import output_errors
from rtvideo.media.partial_file import read_record
from rtvideo.options import Options


def refuse_files_of_run(path: Path, flag: str, files: Iterable[str | Path]) -> None:
    """Refuse a file beside the output that would be a file of the run itself.

    Args:
        flag: that named it.
        files: inputs and outputs of the run.

    Raises:
        UsageError: it is one of them.
    """
    if os.path.realpath(path) in map(os.path.realpath, files):
        raise UsageError(f"{path}: {flag} is an input or output of this run; give another name")


def check_output(input: Path, output: Path, options: Options) -> str:
    """Return the container format of a video ``output`` if it may be written.

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
        if output.exists() and not options.overwrite:
            stopped = read_record(output) is not None
            if stopped and not options.resume:
                advice = "--resume goes on, --overwrite starts anew"
                raise UsageError(f"{output}: an earlier run was stopped before its end; {advice}")
            if not stopped:
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
        return False  # an input that is missing or cannot be asked: opening it tells why
