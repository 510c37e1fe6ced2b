"""Subtitles of MP4 and MOV, written apart and joined to the file when it is complete."""

from __future__ import annotations

import io

import av


class Texts:
    """A file in memory that takes the text streams of another one.

    Attributes:
        container: to add streams and packets to.
    """

    def __init__(self, name: str, clock: str) -> None:
        """Open it.

        Args:
            name: FFmpeg's short name of the format, one of the MOV family.
            clock: ticks a second of the other file.
        """
        self._file = io.BytesIO()
        self.container = av.open(self._file, "w", format=name, container_options={"movie_timescale": clock})

    def finish(self) -> bytes:
        """Return the whole file."""
        self.container.start_encoding()
        self.container.close()
        return self._file.getvalue()
