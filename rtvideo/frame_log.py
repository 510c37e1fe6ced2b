"""``--log``: what was done to each frame, in a line of JSON, for those who must account for a picture."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av

from rtvideo.engines.session import Settings
from rtvideo.errors import UsageError
from rtvideo.media.durable import output_errors
from rtvideo.media.gpu.surfaces import downloaded
from rtvideo.media.light import measure
from rtvideo.media.output_path import refuse_files_of_run
from rtvideo.media.planes import FrameFormat
from rtvideo.options import Options, flags_of
from rtvideo.system import PLAIN
from rtvideo.version import __version__

if TYPE_CHECKING:
    from rtvideo.engines.session import Session
    from rtvideo.models import Model

#: The settings that each line has.
_SHARES = ("strength", "brightness", "denoise", "temporal", "deband")


class FrameLog:
    """A log of one run: a line about the run, then one about each frame. One thread.

    Each line is written whole and at once, so that a run that is killed leaves whole lines.
    """

    def __init__(self, path: Path, run: Mapping[str, Any], options: Options) -> None:
        """Begin the log, or go on with it where ``options`` say so.

        Args:
            run: what the first line says, see `frame_log`.

        Raises:
            UsageError: it exists, and may not be replaced.
            OutputError: it cannot be written.
        """
        self.path, self._count = path, 0
        how = os.O_APPEND if options.resume else os.O_TRUNC if options.overwrite else os.O_EXCL
        with output_errors(path):
            try:
                self._file = os.open(path, os.O_WRONLY | os.O_CREAT | PLAIN | how, 0o666)
            except FileExistsError:
                raise UsageError(f"{path}: --log exists already; --overwrite replaces it") from None
        self._line(run)

    def frame(
        self, before: av.VideoFrame, after: av.VideoFrame, format: FrameFormat, settings: Settings
    ) -> None:
        """Write what became of a frame.

        Args:
            before, after: in ``format``, or on a GPU.
            settings: with which it was enhanced.

        Raises:
            OutputError: the log cannot be written.
        """
        dark, lit = measure(downloaded(before), format), measure(downloaded(after), format)
        gain = round(lit.brightness / dark.brightness, 3) if dark.brightness >= 1 / 255 else None
        self._line(
            {
                "frame": self._count,
                "time": None if after.time is None else round(after.time, 6),
                "luma": [round(dark.brightness, 4), round(lit.brightness, 4)],
                "noise": [round(dark.noise, 2), round(lit.noise, 2)],
                "gain": gain,
                **{name: getattr(settings, name) for name in _SHARES},
            }
        )
        self._count += 1

    def skip(self) -> None:
        """Count a frame that an earlier run has written, and its log."""
        self._count += 1

    def close(self) -> None:
        """End the log."""
        os.close(self._file)

    def _line(self, facts: Mapping[str, Any]) -> None:
        with output_errors(self.path):
            os.write(self._file, json.dumps(facts).encode() + b"\n")


@contextmanager
def frame_log(
    options: Options, input: str, outputs: list[str], model: Model | None, session: Session, source: str = ""
) -> Iterator[FrameLog | None]:
    """Keep the log that the options ask for, if any; in a folder it gets the name of the first output.

    Args:
        input, outputs: as they were given, without passwords.
        source: the fingerprint of the input, where there is one.

    Raises:
        UsageError, OutputError: see `FrameLog`; the log would be the input or an output.
    """
    if options.log is None:
        yield None
        return
    path = Path(options.log)
    if path.is_dir():
        path /= f"{Path((outputs or [input])[0]).name}.jsonl"
    refuse_files_of_run(path, "--log", (input, *outputs))
    given = {name: (getattr(options, name), default) for name, default, _ in flags_of(options)}
    run = {
        "rtvideo": __version__,
        "began": datetime.now(UTC).isoformat(timespec="seconds"),
        "input": input,
        "input_hash": source or None,
        "outputs": outputs,
        "model": None if model is None else model.name,
        "model_sha256": None if model is None else model.digest,
        "engine": str(session),
        "options": {name: one for name, (one, default) in given.items() if one != default and name != "log"},
    }
    with closing(FrameLog(path, run, options)) as log:
        yield log
