"""Encoded video in a pipe, for another program: stdout or a named pipe."""

from __future__ import annotations

from collections.abc import Iterable
from io import FileIO

import av
from av.container import OutputContainer

from rtvideo.media.destination import Destination
from rtvideo.media.network.pipes import PipeWriter, open_pipe

#: Formats that can be read from front to back, with what makes FFmpeg write each packet at once.
FORMATS = {
    "mpegts": {"flush_packets": "1"},
    "matroska": {"flush_packets": "1", "live": "1", "cluster_time_limit": "100"},
}


class PipeDestination(Destination):
    """A pipe that another program reads."""

    def __init__(self, address: str, format: str) -> None:
        """Take the name; `open` opens it.

        Args:
            address: ``-`` or a named pipe.
            format: one of `FORMATS`.
        """
        super().__init__("stdout" if address == "-" else address, format, format)
        self._address = address
        self._pipe: FileIO | None = None

    def open(self, metadata: dict[str, str], rates: Iterable[int]) -> OutputContainer:
        """See `Destination.open`."""
        self._pipe = open_pipe(self._address)
        self._container = av.open(
            PipeWriter(self._pipe), "w", format=self.format, container_options=FORMATS[self.format]
        )
        return self._container

    def finish(self) -> None:
        """See `Destination.finish`."""
        assert self._pipe is not None
        self._pipe.close()

    def abort(self) -> None:
        """See `Destination.abort`."""
        super().abort()
        if self._pipe is not None:
            self._pipe.close()
