"""Tasks that a thread looks for: the first ones run while it goes on, and memory does not grow with them."""

from __future__ import annotations

import os
import pickle
import struct
import tempfile
import threading
from collections.abc import Iterable, Iterator
from typing import Generic, TypeVar

T = TypeVar("T")

#: Before each task in the file: its bytes.
_LENGTH = struct.Struct("<I")


class Listing(Generic[T]):
    """The tasks of a run, which wait in a temporary file. Each iteration reads them from the first one on."""

    def __init__(self, tasks: Iterable[T]) -> None:
        """Begin to look for them: ``tasks`` is iterated in a thread of its own."""
        self._file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115
        self._changed = threading.Condition()
        self._count = self._size = 0
        self._complete = self._closed = False
        self._error: Exception | None = None
        self._thread = threading.Thread(target=self._fill, args=(tasks,), name="listing", daemon=True)
        self._thread.start()

    @property
    def count(self) -> int:
        """How many were found up to now."""
        return self._count

    @property
    def total(self) -> int | None:
        """How many there are; None while more are looked for."""
        return self._count if self._complete else None

    def at_least(self, count: int) -> bool:
        """Return whether there are so many, as soon as that is known."""
        with self._changed:
            self._changed.wait_for(lambda: self._count >= count or self._complete)
        return self._count >= count

    def __iter__(self) -> Iterator[T]:
        """Yield all tasks, and wait for each that is not found yet.

        Raises:
            Exception: what kept the thread from looking further.
        """
        place = 0
        while True:
            with self._changed:
                while self._size == place and not self._complete:
                    self._changed.wait()
            if place == self._size:
                break
            (length,) = _LENGTH.unpack(os.pread(self._file.fileno(), _LENGTH.size, place))
            data = os.pread(self._file.fileno(), length, place + _LENGTH.size)
            place += _LENGTH.size + length
            task: T = pickle.loads(data)
            yield task
        if self._error is not None:
            raise self._error

    def close(self) -> None:
        """Look no further."""
        self._closed = True
        self._thread.join()
        self._file.close()

    def _fill(self, tasks: Iterable[T]) -> None:
        try:
            for task in tasks:
                if self._closed:
                    break
                data = pickle.dumps(task)
                self._file.write(_LENGTH.pack(len(data)) + data)
                with self._changed:
                    self._count += 1
                    self._size += _LENGTH.size + len(data)
                    self._changed.notify_all()
        except Exception as error:
            self._error = error
        finally:
            with self._changed:
                self._complete = True
                self._changed.notify_all()
