"""The pictures that one browser has yet to be sent: a second's worth at most, whatever the browser does."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass

#: Chunks that may wait. One more, and all are dropped up to the next keyframe.
LIMIT = 30


@dataclass(frozen=True, eq=False)
class Stream:
    """What must be sent before the first chunk of a stream.

    Attributes:
        description: JSON for the page.
        header: the beginning of the MP4, or nothing.
    """

    description: str
    header: bytes = b""


@dataclass(frozen=True)
class Chunk:
    """One encoded picture.

    Attributes:
        stream: the stream that it belongs to.
        key: whether it can be decoded without the pictures before it.
    """

    stream: Stream
    data: bytes
    key: bool


class SendQueue:
    """A queue that drops chunks rather than grow. It belongs to the thread of one event loop.

    Attributes:
        dropped: chunks left out because the browser was too slow or joined between keyframes.
    """

    def __init__(self, limit: int = LIMIT) -> None:
        self.dropped = 0
        self._limit = limit
        self._chunks: deque[Chunk] = deque()
        self._needs_keyframe = True
        self._filled = asyncio.Event()

    def __len__(self) -> int:
        return len(self._chunks)

    @property
    def needs_keyframe(self) -> bool:
        """Whether only a keyframe can follow."""
        return self._needs_keyframe

    def put(self, chunk: Chunk) -> None:
        """Add a chunk, or drop it."""
        if len(self._chunks) >= self._limit:
            self.dropped += len(self._chunks)
            self._chunks.clear()
            self._filled.clear()
            self._needs_keyframe = True
        if self._needs_keyframe and not chunk.key:
            self.dropped += 1
            return
        self._needs_keyframe = False
        self._chunks.append(chunk)
        self._filled.set()

    async def get(self) -> Chunk:
        """Wait for the oldest chunk and take it."""
        await self._filled.wait()
        chunk = self._chunks.popleft()
        if not self._chunks:
            self._filled.clear()
        return chunk
