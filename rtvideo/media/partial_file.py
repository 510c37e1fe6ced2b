"""An unfinished output: a file beside its final name, and a record of the job that writes it.

``lit.mp4`` grows as ``.lit.partial-3fa9c1.mp4``. ``.lit.partial-3fa9c1.mp4.job`` describes the job in JSON,
and is locked while the job runs. An output that a signal ended early has a record too, ``.lit.mp4.job``.
"""

from __future__ import annotations

import contextlib
import glob
import itertools
import json
import os
import secrets
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from rtvideo.media.durable import output_errors, sync_folder
from rtvideo.system import PLAIN, POSIX, lock, write_over

#: The entry in the record of a recording of live input, which cannot be made again.
LIVE = "live"

#: Bytes of an output's name in the names of its partial file and record, which must stay below 255 bytes.
_STEM, _NAME = 180, 240


class PartialFile:
    """The unfinished output of one run. A ``with`` statement discards it unless it was published.

    Attributes:
        target: the final name.
        path: where the output is written.
    """

    def __init__(
        self, target: Path, job: Mapping[str, Any], *, keep: bool = False, dated: Path | None = None
    ) -> None:
        """Choose a name and write the record.

        Args:
            job: everything that decides the result, as plain data.
            keep: if this run fails, leave the file for a later one.
            dated: the file whose date the output gets.

        Raises:
            OutputError: the folder does not allow it.
        """
        self.target = target
        self.path = target.with_name(f"{_beginning(target)}{secrets.token_hex(3)}{target.suffix}")
        self._record = record_of(self.path)
        self._job, self._keep, self._dated = dict(job), keep, dated
        with output_errors(target):
            self._lock = os.open(self._record, os.O_RDWR | os.O_CREAT | os.O_EXCL | PLAIN, 0o666)
            with contextlib.suppress(OSError):  # a file system without locks
                lock(self._lock, wait=False)
            try:
                self._write_record(self._job)
            except BaseException:
                self.discard()
                raise

    def publish(self, *, unfinished: bool = False) -> None:
        """Give the complete file its final name, and delete what earlier runs left of it (`partial_files`).

        Args:
            unfinished: it ends early. A later run may go on from there, or from what earlier runs left.

        Raises:
            OutputError: it cannot be renamed, and keeps its temporary name.
        """
        kept = record_of(self.target)
        with output_errors(self.target):
            if unfinished:
                self._write_record({**self._job, "bytes": self.path.stat().st_size})
            if not POSIX:
                self._unlock()
            if unfinished:
                os.replace(self._record, kept)
            if self._dated is not None:
                keep_date(self._dated, self.path)
            os.replace(self.path, self.target)
            if not unfinished:
                self._record.unlink(missing_ok=True)
                kept.unlink(missing_ok=True)
            sync_folder(self.target.absolute().parent)
        self._unlock()
        for earlier in [] if unfinished else partial_files(self.target):
            earlier.unlink(missing_ok=True)
            record_of(earlier).unlink(missing_ok=True)

    def recover(self) -> Path:
        """Give the incomplete file a name of its own, see `recover`."""
        if not POSIX:
            self._unlock()
        recovered = recover(self.path, self.target)
        self._unlock()
        return recovered

    def discard(self) -> None:
        """Delete the file and its record."""
        if not POSIX:
            self._unlock()
        for path in (self.path, self._record):
            with contextlib.suppress(OSError):
                path.unlink()
        self._unlock()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None and self._keep:
            self._unlock()
        elif self._lock >= 0:
            self.discard()

    def _unlock(self) -> None:
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def _write_record(self, job: Mapping[str, Any]) -> None:
        data = json.dumps(job, indent=1).encode()
        write_over(self._lock, data)
        os.fsync(self._lock)


def keep_date(source: Path, path: Path) -> None:
    """Give a file the date of another: photographs and recordings are sorted by it."""
    with contextlib.suppress(OSError):
        times = source.stat()
        os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


def record_of(path: Path) -> Path:
    """Return the name of the record of an unfinished file."""
    return path.with_name(f".{_short(path.name.lstrip('.'), _NAME)}.job")


def read_record(path: Path) -> dict[str, Any] | None:
    """Return the job in the record of a file, None if there is none or it belongs to another file."""
    try:
        job = json.loads(record_of(path).read_bytes())
        size = path.stat().st_size
    except (OSError, ValueError):
        return None
    if not isinstance(job, dict) or job.pop("bytes", size) != size:
        return None
    return job


def partial_files(target: Path, *, live: bool = False) -> list[Path]:
    """Return the files that earlier runs left of an output, the largest first, without those in use.

    Args:
        live: return recordings of live input, which cannot be made again. Else return only other files.
    """
    beginning = _beginning(target)
    with contextlib.suppress(OSError):
        found = [
            path
            for path in target.absolute().parent.iterdir()
            if path.name.startswith(beginning)
            and path.suffix == target.suffix
            and not _in_use(path)
            and (LIVE in (read_record(path) or {})) == live
        ]
        return sorted(found, key=lambda path: path.stat().st_size, reverse=True)
    return []


def has_partial_file(target: Path) -> bool:
    """Whether an output of this name is unfinished, in this run or in another one."""
    beginning = glob.escape(str(target.with_name(_beginning(target))))
    return bool(glob.glob(f"{beginning}*{glob.escape(target.suffix)}"))


def left_recordings(pattern: str, name: str) -> list[tuple[Path, Path]]:
    """Return the live recordings that earlier runs left, each with the name that it would have got.

    Args:
        pattern: of the names, as `glob.glob` takes it.
        name: in the records (`LIVE`).
    """
    folder, last = os.path.split(pattern)
    stem, suffix = os.path.splitext(last)
    found = []
    for text in sorted(glob.glob(os.path.join(folder, f".{stem}.partial-*{suffix}"))):
        path = Path(text)
        if (read_record(path) or {}).get(LIVE) == name and not _in_use(path):
            target = path.name[1:].rpartition(".partial-")[0] + path.suffix
            found.append((path, path.with_name(target)))
    return found


def recover(path: Path, target: Path) -> Path:
    """Give a recording that was cut short a name of its own, and return it.

    ``cam.recovered-20260131-235959.mp4`` says when ``cam.mp4`` was last written to.

    Args:
        path: the partial file.
        target: the name that it would have got.
    """
    ended = time.strftime("%Y%m%d-%H%M%S", time.localtime(path.stat().st_mtime))
    name = f"{_short(target.stem, _STEM)}.recovered-{ended}"
    names = itertools.chain([name], (f"{name}-{number}" for number in itertools.count(2)))
    free = (target.with_name(f"{name}{target.suffix}") for name in names)
    recovered = next(path for path in free if not os.path.lexists(path))
    os.rename(path, recovered)
    record_of(path).unlink(missing_ok=True)
    sync_folder(target.absolute().parent)
    return recovered


def _beginning(target: Path) -> str:
    return f".{_short(target.stem, _STEM)}.partial-"


def _short(text: str, size: int) -> str:
    return os.fsdecode(os.fsencode(text)[:size])


def _in_use(path: Path) -> bool:
    try:
        fd = os.open(record_of(path), os.O_RDWR | PLAIN)
    except OSError:
        return False
    try:
        lock(fd, wait=False)
    except BlockingIOError:
        return True
    except OSError:
        return False
    finally:
        os.close(fd)
    return False
