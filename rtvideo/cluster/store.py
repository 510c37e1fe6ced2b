"""Finished pieces of a film on the disk, beside its output, until they are joined: ``--resume`` finds them.

Those of ``lit.mp4`` lie in the folder ``.lit.mp4.pieces``, with a record of their job in JSON that is locked
while a run writes there.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rtvideo import system
from rtvideo.cluster.piece import EncodedPiece
from rtvideo.errors import UsageError
from rtvideo.files.resume import differences
from rtvideo.media.durable import output_errors

#: Bytes of an output's name in that of the folder.
_NAME = 230

_RECORD = "job.json"


class PieceStore:
    """The pieces of one film. Use it in a ``with`` statement: what is not to be kept is deleted.

    Attributes:
        path: the folder.
        found: numbers of the pieces that an earlier run finished.
    """

    def __init__(self, output: Path, job: Mapping[str, Any], *, resume: bool) -> None:
        """Make the folder, or take over that of an earlier run.

        Args:
            job: all that decides the pieces.
            resume: go on with what an earlier run left, and leave what this one makes if it fails.

        Raises:
            UsageError: the earlier run was another job, or runs still.
            OutputError: the folder cannot be written.
        """
        self.path, self._resume, self._output = folder_of(output), resume, output
        self.found: set[int] = set()
        self._kept = False
        with output_errors(output):
            self.path.mkdir(exist_ok=True)
            self._lock = os.open(self.path / _RECORD, os.O_RDWR | os.O_CREAT | system.PLAIN, 0o666)
            try:
                self._take_over(dict(job))
            except BaseException:
                os.close(self._lock)
                raise

    def _take_over(self, job: dict[str, Any]) -> None:
        try:
            system.lock(self._lock, wait=False)
        except BlockingIOError:
            raise UsageError(f"{self._output}: another run is at work on it ({self.path})") from None
        except OSError:
            pass  # a file system without locks
        before = record_of(self._output)
        if before and self._resume:
            if changes := differences(before, job):
                raise UsageError(
                    f"{self._output}: cannot be resumed, since it was begun with other settings: {changes}; "
                    "give the earlier ones, or leave --resume out to start over"
                )
            self.found = {int(path.stem) for path in self.path.glob("*.npz")}
            return
        for path in self.path.glob("*.npz"):
            path.unlink()
        system.write_over(self._lock, json.dumps(job, indent=1).encode())

    def put(self, number: int, data: bytes) -> None:
        """Keep a finished piece, of which `EncodedPiece.to_bytes` are the data.

        Raises:
            OutputError: it cannot be written.
        """
        path = self._path(number)
        with output_errors(self._output):
            temporary = path.with_suffix(".part")
            temporary.write_bytes(data)
            os.replace(temporary, path)

    def load(self, number: int) -> EncodedPiece:
        """Return a piece.

        Raises:
            ValueError, OSError: it is damaged.
        """
        return EncodedPiece.load(self._path(number))

    def keep(self) -> None:
        """Leave the pieces for a later run."""
        self._kept = True

    def __enter__(self) -> PieceStore:
        return self

    def __exit__(self, kind: type[BaseException] | None, *error: object) -> None:
        self.close(failed=kind is not None)

    def close(self, *, failed: bool) -> None:
        """Delete the pieces, unless they are for a later run."""
        os.close(self._lock)
        if not (self._kept or (failed and self._resume)):
            shutil.rmtree(self.path, ignore_errors=True)

    def _path(self, number: int) -> Path:
        return self.path / f"{number:06}.npz"


def folder_of(output: Path) -> Path:
    """Return where the pieces of an output lie."""
    return output.with_name(f".{os.fsdecode(os.fsencode(output.name)[:_NAME])}.pieces")


def record_of(output: Path) -> dict[str, Any] | None:
    """Return the job of the pieces that an earlier run left of an output; None if there are none."""
    with contextlib.suppress(OSError, ValueError):
        found = json.loads((folder_of(output) / _RECORD).read_bytes())
        return found if isinstance(found, dict) else None
    return None
