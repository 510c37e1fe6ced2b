"""Queues between threads: they wait for room, or drop the oldest item."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterator
from typing import Generic, TypeVar

_T = TypeVar("_T")


class ChannelAborted(Exception):
    """The channel was aborted, since another stage failed; this stage ends quietly."""


class Channel(Generic[_T]):
    """A bounded queue that can be closed by its writer and aborted by anybody.

    Attributes:
        dropped: items dropped so far.
    """

    def __init__(self, depth: int, *, drops: bool = False) -> None:
        """Make an empty queue.

        Args:
            depth: items that may wait.
            drops: a full queue drops its oldest item, and the writer waits no longer than `put` is told.
        """
        self._items: deque[_T] = deque()
        self._depth, self._drops = depth, drops
        self._closed = self._aborted = False
        self._changed = threading.Condition()
        self.dropped = 0

    def put(self, item: _T, until: float = 0.0) -> None:
        """Add an item; in a full queue, wait for room or drop the oldest one. After `close` do nothing.

        Args:
            until: where the oldest is dropped, room is waited for up to this moment of `time.monotonic`.

        Raises:
            ChannelAborted: the channel was aborted.
        """
        with self._changed:
            self._changed.wait_for(
                lambda: len(self._items) < self._depth or self._aborted or self._closed,
                timeout=max(0.0, until - time.monotonic()) if self._drops else None,
            )
            if self._aborted:
                raise ChannelAborted
            if self._closed:
                return
            if len(self._items) == self._depth:
                self._items.popleft()
                self.dropped += 1
            self._items.append(item)
            self._changed.notify_all()

    def renew(self, item: _T) -> None:
        """Replace the newest item that waits; if none waits, do nothing."""
        with self._changed:
            if self._items:
                self._items[-1] = item

    def __iter__(self) -> Iterator[_T]:
        """Take items, waiting for them, until the channel is closed and empty.

        Raises:
            ChannelAborted: the channel was aborted.
        """
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._items or self._closed or self._aborted)
                if self._aborted:
                    raise ChannelAborted
                if not self._items:
                    return
                item = self._items.popleft()
                self._changed.notify_all()
            yield item

    def close(self) -> None:
        """Say that no more items come."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def abort(self) -> None:
        """End the readers and writers that wait, and all later ones."""
        with self._changed:
            self._aborted = True
            self._items.clear()
            self._changed.notify_all()
