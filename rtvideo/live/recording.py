"""A live recording: a file that grows under a temporary name, and gets its own when it is complete."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from av.container import OutputContainer

from rtvideo.media.containers import container_for
from rtvideo.media.destination import FileDestination
from rtvideo.media.partial_file import PartialFile


class Recording(FileDestination):
    """A file that takes what comes live."""

    def __init__(self, target: Path) -> None:
        """Take the name; `open` makes the file.

        Raises:
            UsageError: its ending is no video format.
        """
        super().__init__(target, container_for(target))
        self._target = target
        self._partial: PartialFile | None = None

    def open(self, metadata: dict[str, str], rates: Iterable[int]) -> OutputContainer:
        """See `rtvideo.media.destination.Destination.open`."""
        self._partial = PartialFile(self._target, {"live": self.name})
        self.path = self._partial.path
        return super().open(metadata, rates)

    def finish(self) -> None:
        """Give the file its name."""
        super().finish()
        assert self._partial is not None
        self._partial.publish()

    def abort(self) -> None:
        """Leave no file behind."""
        super().abort()
        if self._partial is not None:
            self._partial.discard()
