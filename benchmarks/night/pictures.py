"""A frame of each clip by each method, to be looked at."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from PIL import Image as Pillow

from benchmarks.night.clips import Clip
from rtvideo.errors import OutputError
from rtvideo.sample.camera_simulator import Image


def prepare(folder: Path | None) -> None:
    """Make the folder, if one is wanted, before anything is measured.

    Raises:
        OutputError: it cannot be made.
    """
    try:
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{folder}: cannot be made: {error.strerror}") from None


def save(folder: Path | None, clip: Clip, shown: Sequence[tuple[str, Image]]) -> None:
    """Write the first frame that counts by each method, and its truth; without a folder do nothing."""
    if folder is None:
        return
    truth = [] if clip.truth is None else [("truth", clip.truth[clip.scored[0]])]
    for method, picture in (*shown, *truth):
        Pillow.fromarray(picture).save(folder / f"{_word(clip.name)}.{_word(method)}.png")


def _word(text: str) -> str:
    """Return a name as part of a file's name: a path is cut to its last part."""
    return re.sub(r"[^\w+-]+", "_", text.rsplit("/", 1)[-1])
