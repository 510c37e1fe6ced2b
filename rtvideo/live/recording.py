"""A live recording: a file that grows under a temporary name, and gets its own when it is complete.

What comes live cannot be recorded again, so a recording that is cut short keeps a name of its own.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable
from pathlib import Path

import av
from av.container import OutputContainer

from rtvideo.live.recording_name import RecordingName, free
from rtvideo.live.retention import Ledger
from rtvideo.media.containers import MOV_FAMILY, container_for
from rtvideo.media.destination import FileDestination
from rtvideo.media.mp4.index import drop_torn_fragment
from rtvideo.media.partial_file import LIVE, PartialFile, record_of, recover


class Recording(FileDestination):
    """A file that records a live source.

    Attributes:
        worthless: whether `abort` deletes what has been recorded.
    """

    def __init__(
        self,
        name: RecordingName,
        warn: Callable[[str], None],
        *,
        live: bool,
        recorded: Callable[[str], None] = lambda name: None,
        ledger: Ledger | None = None,
    ) -> None:
        """Take the name; `open` makes the file.

        Args:
            warn: told under which name an incomplete recording is kept.
            live: the input cannot be read again.
            recorded: told the name of the complete file.
            ledger: is to list it, and what earlier runs left; None: it is kept for ever.

        Raises:
            UsageError: the ending is no video format.
        """
        super().__init__(Path(name.text), container_for(name.path))
        self.worthless = not live
        self._names, self._warn, self._recorded = name, warn, recorded
        self._ledger = ledger
        self._job = {LIVE if live else "input": name.text}
        self._partial: PartialFile | None = None

    def open(self, metadata: dict[str, str], rates: Iterable[int]) -> OutputContainer:
        """See `rtvideo.media.destination.Destination.open`."""
        for path, target in self._names.left_behind():
            if path.stat().st_size:
                self._mend(path)
                kept = recover(path, target)
                empty = "" if _holds_picture(kept) else ", but there is no picture in it"
                self._warn(f"{target}: an earlier recording was cut short; it is kept as {kept.name}{empty}")
                self._list(kept)
            else:
                path.unlink()
                record_of(path).unlink()
        target = self._names.take()
        self.name = str(target)
        self._partial = PartialFile(target, self._job)
        self.path = self._partial.path
        return super().open(metadata, rates)

    def finish(self) -> None:
        """Give the file its name; one by time without a picture is not kept."""
        super().finish()
        assert self._partial is not None
        if self._names.timed and not self.written:
            self._partial.discard()
            return
        if self._names.timed:
            self._partial.target = free(self._partial.target, growing=False)
        self._partial.publish()
        self._recorded(str(self._partial.target))
        self._list(self._partial.target)

    def abort(self) -> None:
        """Keep what has been recorded under a name of its own, unless it is worthless."""
        super().abort()
        if self._partial is None:
            return
        if self.worthless or not self.written:
            self._partial.discard()
            return
        with contextlib.suppress(OSError):  # it was deleted, or a later run will find it
            self._mend(self.path)
            kept = self._partial.recover()
            self._warn(f"{self.name}: is not complete; what was recorded is kept as {kept.name}")
            self._list(kept)

    def _list(self, path: Path) -> None:
        if self._ledger is not None:
            self._ledger.add(path)

    def _mend(self, path: Path) -> None:
        if self.format in MOV_FAMILY:
            drop_torn_fragment(path)


def _holds_picture(path: Path) -> bool:
    """Whether a file has a packet of video: what was cut off in its first second may have none."""
    try:
        with av.open(str(path)) as file:
            return any(packet.size for packet in file.demux(video=0))
    except (av.FFmpegError, IndexError):
        return False
