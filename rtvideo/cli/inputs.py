"""From what was typed to files: names, glob patterns and folders, each with its output."""

from __future__ import annotations

import glob
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rtvideo.errors import InputError, OutputError, RtvideoError, UsageError

#: Suffixes of what a folder is searched for (`rtvideo.media.images` reads and writes these).
IMAGES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".webp")
VIDEOS = (".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".ts", ".mts", ".m2ts", ".mpg", ".mpeg", ".3gp")


@dataclass(frozen=True)
class Task:
    """One file to enhance.

    Attributes:
        source, target: the file, and what it becomes.
        error: why it cannot be started; None if it can.
    """

    source: Path
    target: Path
    error: RtvideoError | None = None


def plan(inputs: Sequence[str], out: str) -> list[Task]:
    """Return a task for each file, in the order given; patterns and folders in the order of names.

    One file goes to the file ``out``, or into it if it is a folder. Several go into the folder ``out`` under
    their own names; it is made if it is not there. An input that gives no file is a task with its error, so
    that the others can run.

    Args:
        inputs: file names, quoted glob patterns, folders of images and videos.
        out: file or folder.

    Raises:
        UsageError: ``out`` cannot take them all, or two would have one name.
        OutputError: the folder cannot be made.
    """
    sources: list[tuple[Path, RtvideoError | None]] = []
    for text in inputs:
        try:
            sources += [(path, None) for path in _expand(text)]
        except RtvideoError as error:
            sources.append((Path(text), error))
    files = [source for source, error in sources if error is None]
    folder = Path(out)
    if len(inputs) == 1 and len(files) == len(sources) == 1 and files[0] == Path(inputs[0]):
        target = folder / files[0].name if os.path.isdir(folder) or out.endswith("/") else folder
        if out.endswith("/"):
            _make(folder)
        return [Task(files[0], target)]
    if not files:
        return [Task(source, folder, error) for source, error in sources]
    if os.path.exists(folder) and not os.path.isdir(folder):
        raise UsageError(f"--out {out}: is a file; several inputs need a folder")
    if not os.path.exists(folder) and folder.suffix and not out.endswith("/"):
        raise UsageError(
            f"--out {out}: looks like a file; several inputs need a folder (end it with / if it is one)"
        )
    _refuse_twins(files)
    _make(folder)
    return [Task(source, folder / source.name, error) for source, error in sources]


def _expand(text: str) -> list[Path]:
    path = Path(text)
    if os.path.isdir(path):
        try:
            found = sorted(
                entry
                for entry in path.iterdir()
                if entry.suffix.lower() in IMAGES + VIDEOS
                and os.path.isfile(entry)
                and not entry.name.startswith(".")
            )
        except OSError as error:
            raise InputError(f"{path}: cannot be read: {error.strerror}") from None
        if not found:
            raise InputError(
                f"{path}: a folder without images or videos; allowed: {', '.join(IMAGES + VIDEOS)}"
            )
        return found
    # A file may have [1] in its name: what exists is taken as it is.
    if not os.path.exists(path) and glob.has_magic(text):
        found = sorted(Path(name) for name in glob.glob(text, recursive=True) if os.path.isfile(name))
        if not found:
            raise InputError(f"{text}: no file matches this pattern")
        return found
    return [path]


def _refuse_twins(files: Sequence[Path]) -> None:
    first: dict[str, Path] = {}
    for file in files:
        if file.name in first:
            raise UsageError(
                f"{first[file.name]} and {file} would both be written as {file.name}; enhance them apart"
            )
        first[file.name] = file


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{folder}: the folder cannot be made: {error.strerror}") from None
