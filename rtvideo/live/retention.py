"""How long recordings are kept: ``--keep`` deletes the oldest, and nothing that rtvideo did not write."""

from __future__ import annotations

import contextlib
import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from rtvideo import system
from rtvideo.live.recording_name import RecordingName
from rtvideo.media.durable import sync_folder
from rtvideo.values import Keep

#: Seconds by which the clock of the day must leave the steady one to count as set anew.
_JUMP = 60.0


@dataclass(frozen=True)
class _Entry:
    """A recording in the ledger.

    Attributes:
        name: relative to the folder of the ledger.
        size, changed: bytes, and nanoseconds of its last change: another file of this name is not ours.
        ended: when it was complete, in seconds on the clock of the day.
    """

    name: str
    size: int
    changed: int
    ended: float


class Ledger:
    """The list of complete recordings of one name by time, and the rule by which the oldest are deleted.

    It is a hidden file in the folder that the name begins with, one recording a line in JSON. Several
    processes may share it. All methods may be called from any thread.
    """

    def __init__(self, name: RecordingName, keep: Keep, warn: Callable[[str], None]) -> None:
        """Open no file yet.

        Args:
            name: by time, of all recordings in the ledger.
            keep: how long, or how many bytes in all; the file that grows is not counted.
            warn: told what is deleted, and what cannot be.
        """
        self._folder = name.folder
        self._path = self._folder / f".{name.fixed_part}.recordings"
        self._dated_folders = name.has_dated_folders
        self._keep, self._warn = keep, warn
        self._lock = threading.Lock()
        self._looked = (time.time(), time.monotonic())
        self._told: set[str] = set()

    def add(self, path: Path) -> None:
        """Note a complete recording, and delete the oldest ones that are not to be kept. This one stays."""
        with self._lock:
            try:
                with self._locked():
                    entries = self._corrected(self._read())
                    found = path.stat()
                    name = os.path.relpath(path.absolute(), self._folder)
                    newest = _Entry(name, found.st_size, found.st_mtime_ns, time.time())
                    kept = [*self._pruned(entries, newest), newest]
                    self._write(kept)
            except OSError as error:
                self._once(f"{self._path}: recordings cannot be listed, none is deleted: {error.strerror}")

    def _pruned(self, entries: list[_Entry], newest: _Entry) -> list[_Entry]:
        """Delete files; return the entries of those that are left."""
        keep, now = self._keep, time.time()
        left = sorted(entries, key=lambda entry: entry.ended)
        total = sum(entry.size for entry in left) + newest.size
        kept, deleted = [], []
        for entry in left:
            too_old = keep.seconds is not None and now - entry.ended > keep.seconds
            too_many = keep.bytes is not None and total > keep.bytes
            if not (too_old or too_many):
                kept.append(entry)
            elif self._delete(entry):
                deleted.append(entry.name)
                total -= entry.size
            elif self._is_ours(entry):  # it could not be deleted now
                kept.append(entry)
            else:
                total -= entry.size
        if deleted:
            which = deleted[0] if len(deleted) == 1 else f"{len(deleted)} recordings, the last {deleted[-1]}"
            self._warn(f"{self._folder}: deleted {which} (--keep {keep.text})")
        return kept

    def _delete(self, entry: _Entry) -> bool:
        path = self._folder / entry.name
        if not self._is_ours(entry):
            if os.path.lexists(path):
                self._once(f"{path}: has been changed since it was recorded; --keep leaves it alone")
            return False
        try:
            path.unlink()
        except OSError as error:
            self._once(f"{path}: cannot be deleted: {error.strerror}")
            return False
        if self._dated_folders:
            self._remove_empty(path.parent)
        return True

    def _remove_empty(self, folder: Path) -> None:
        """Remove the folders of days that hold nothing any more."""
        with contextlib.suppress(OSError):
            while folder != self._folder and self._folder in folder.parents:
                folder.rmdir()
                folder = folder.parent

    def _is_ours(self, entry: _Entry) -> bool:
        """Whether the file is the one that was recorded; a list that somebody wrote leads nowhere else."""
        path = Path(entry.name)
        if path.is_absolute() or ".." in path.parts:
            return False
        try:
            found = os.lstat(self._folder / path)
        except OSError:
            return False
        return (found.st_size, found.st_mtime_ns) == (entry.size, entry.changed)

    def _corrected(self, entries: list[_Entry]) -> list[_Entry]:
        """Move the times of recordings along with a clock that has been set.

        A small computer begins in 1970 until the network tells the time: what it had recorded by then would
        be 50 years old.
        """
        (day, steady), self._looked = self._looked, (time.time(), time.monotonic())
        jump = (self._looked[0] - day) - (self._looked[1] - steady)
        if abs(jump) < _JUMP:
            return entries
        return [
            replace(entry, ended=entry.ended + jump) if entry.ended <= day + _JUMP else entry
            for entry in entries
        ]

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        # The list itself is replaced, and a lock on it would go with the old one.
        lock = os.open(f"{self._path}.lock", os.O_RDWR | os.O_CREAT | system.PLAIN | system.NO_LINK, 0o666)
        try:
            with contextlib.suppress(OSError):  # a file system without locks
                system.lock(lock, wait=True)
            yield
        finally:
            os.close(lock)

    def _read(self) -> list[_Entry]:
        """Return the entries; a line that a power failure cut short is left out."""
        entries = []
        with contextlib.suppress(FileNotFoundError), open(self._path, encoding="utf-8") as file:
            for line in file:
                with contextlib.suppress(ValueError, TypeError):
                    entries.append(_Entry(**json.loads(line)))
        return entries

    def _write(self, entries: list[_Entry]) -> None:
        new = Path(f"{self._path}.new")
        with open(new, "w", encoding="utf-8") as file:
            file.writelines(json.dumps(asdict(entry)) + "\n" for entry in entries)
            file.flush()
            os.fsync(file.fileno())
        os.replace(new, self._path)
        sync_folder(self._folder)

    def _once(self, line: str) -> None:
        if line not in self._told:
            self._told.add(line)
            self._warn(line)
