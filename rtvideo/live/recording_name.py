"""Names of recordings: fixed ones, and names by time, ``cam-%Y%m%d-%H%M%S.mp4``."""

from __future__ import annotations

import glob
import itertools
import os
import re
from datetime import datetime
from pathlib import Path
from urllib.parse import quote

from rtvideo.errors import OutputError, UsageError
from rtvideo.media.containers import container_for
from rtvideo.media.durable import output_errors
from rtvideo.media.partial_file import has_partial_file, left_recordings, partial_files

#: An example for messages.
EXAMPLE = "cam-%Y%m%d-%H%M%S.mp4"

#: Directives of `strftime` whose text can stand in a file name.
_ALLOWED = "aAbBdFGHIjmMpSTuVyYzZ"

_DIRECTIVE = re.compile(r"%(.?)", re.DOTALL)


class RecordingName:
    """The name that ``--out`` gives a recording.

    Attributes:
        text: as the user gave it.
        timed: whether it has the time in it. Such a recording never replaces a file.
    """

    def __init__(self, text: str) -> None:
        """Read the name.

        Raises:
            UsageError: a ``%`` that means no part of a date.
        """
        self.text = text
        directives = _DIRECTIVE.findall(text)
        for letter in directives:
            if letter not in (*_ALLOWED, "%"):
                raise UsageError(
                    f"--out {text}: %{letter} is no part of a date; allowed: %Y %m %d %H %M %S and others of "
                    "strftime; a % that is meant is written %%"
                )
        self.timed = any(letter != "%" for letter in directives)

    @property
    def path(self) -> Path:
        """The name without a time in it, or an example of one with it."""
        return Path(datetime.now().astimezone().strftime(self.text)) if self.timed else Path(self._fixed)

    def take(self) -> Path:
        """Return the name of a recording that begins now; of a timed one the folders are made.

        Raises:
            OutputError: the folders cannot be made.
        """
        if not self.timed:
            return self.path
        path = self.path
        with output_errors(path):
            if "%" in os.path.dirname(self.text):
                path.parent.mkdir(parents=True, exist_ok=True)
        return free(path)

    def left_behind(self) -> list[tuple[Path, Path]]:
        """Return recordings that were cut short, and the name that each would have got."""
        if not self.timed:
            return [(partial, self.path) for partial in partial_files(self.path, live=True)]
        pattern = _DIRECTIVE.sub(lambda found: "%" if found[1] == "%" else "*", glob.escape(self.text))
        return left_recordings(pattern, self.text)

    def check(self) -> None:
        """Refuse a name by time that cannot be written to.

        Raises:
            UsageError: the ending is no video format.
            OutputError: the folder is missing, or not permitted.
        """
        container_for(self.path)
        folder = self.folder
        if not folder.is_dir():
            raise OutputError(f"{self.text}: the folder {folder} does not exist")
        if not os.access(folder, os.W_OK):
            raise OutputError(f"{self.text}: no permission to write there")

    @property
    def folder(self) -> Path:
        """The folder that a name by time begins with, without those that have the time in their names."""
        return Path(self._parts[0]).absolute()

    @property
    def fixed_part(self) -> str:
        """The part of a name by time below its `folder`, fit for the name of one file."""
        return quote(self._parts[1], safe="%-_. ")

    @property
    def has_dated_folders(self) -> bool:
        """Whether folders have the time in their names."""
        return "/" in self._parts[1]

    @property
    def _parts(self) -> tuple[str, str]:
        """The name before and after the last ``/`` without a directive before it."""
        first = next(found.start() for found in _DIRECTIVE.finditer(self.text) if found[1] != "%")
        cut = self.text.rfind("/", 0, first) + 1
        return self.text[:cut].replace("%%", "%") or ".", self.text[cut:]

    @property
    def _fixed(self) -> str:
        return self.text.replace("%%", "%")


def free(path: Path, *, growing: bool = True) -> Path:
    """Return a name that no file has: with a number where others have taken it.

    Args:
        growing: nor a file that still grows.
    """
    numbered = (path.with_name(f"{path.stem}-{number}{path.suffix}") for number in itertools.count(2))
    names = itertools.chain([path], numbered)
    return next(
        name for name in names if not os.path.lexists(name) and not (growing and has_partial_file(name))
    )
