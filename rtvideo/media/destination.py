"""Where an encoded output goes: a file, or HLS segments. (For servers see `rtvideo.media.network.push`.)"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import av
from av.container import OutputContainer

from rtvideo.errors import OutputError, RtvideoError, UsageError
from rtvideo.media.containers import container_options, muxer_of
from rtvideo.media.durable import DurableFile, output_errors

#: Seconds between key frames of live output: where a viewer can join, and where HLS segments may end.
KEY_FRAME_INTERVAL = 2.0

#: Bytes written at once: the header of a fragment fits in, so that it is there whole or not at all.
_BUFFER = 1 << 20


class Destination:
    """Opens and closes what the muxer writes to, and explains its errors. Used for one output.

    Attributes:
        name: as it may be shown, without secrets.
        format: FFmpeg's short name of the muxer.
        holds: FFmpeg's short name of a file format that holds the same kinds of streams.
        written: video packets so far.
    """

    #: Whether the input's metadata and chapters are kept.
    keeps_metadata = False

    #: Whether somebody waits for the pictures, so that the encoder must not hold them back.
    waits = True

    def __init__(self, name: str, format: str, holds: str) -> None:
        self.name, self.format, self.holds = name, format, holds
        self.written = 0
        self._container: OutputContainer | None = None

    @property
    def connecting(self) -> bool:
        """Whether a server has not answered yet."""
        return False

    def open(self, metadata: dict[str, str], rates: Iterable[int]) -> OutputContainer:
        """Open the muxer.

        Args:
            metadata: that will be written.
            rates: ticks a second of the streams that may start late.
        """
        raise NotImplementedError

    def start(self, container: OutputContainer) -> None:
        """Open the encoders and write the header; all streams have been added."""
        container.start_encoding()

    def check_answered(self) -> None:
        """Raise OutputError where closing the container would wait for a server that has not answered."""

    def finish(self) -> None:
        """Make sure that all data has arrived; the container is closed."""

    def abort(self) -> None:
        """Close everything as it is; also where `open` failed."""
        if self._container is not None:
            with contextlib.suppress(Exception):
                self._container.close()

    @contextlib.contextmanager
    def errors(self) -> Iterator[None]:
        """Turn errors of FFmpeg and the system into one line."""
        try:
            with output_errors(Path(self.name)):
                yield
        except av.FFmpegError as error:
            if isinstance(error, OutputError):
                raise
            raise OutputError(f"{self.name}: FFmpeg cannot write it: {error.strerror}") from error


class FileDestination(Destination):
    """A new file, synced to the disk while it grows.

    Attributes:
        path: of the file.
    """

    keeps_metadata = True
    waits = False

    def __init__(self, path: Path, container: str, target: Path | None = None) -> None:
        """Take the name; `open` makes the file.

        Args:
            path: a new file.
            container: FFmpeg's short name of the format.
            target: the name that errors speak of, where ``path`` is a temporary one.
        """
        super().__init__(str(target or path), container, container)
        self.path = path
        self._file: DurableFile | None = None
        self._started = False

    def open(self, metadata: dict[str, str], rates: Iterable[int]) -> OutputContainer:
        """See `Destination.open`."""
        with output_errors(Path(self.name)):
            self._file = DurableFile(self.path)
        options = container_options(self.format, metadata, rates)
        self._container = av.open(
            self._file, "w", format=muxer_of(self.format), container_options=options, buffer_size=_BUFFER
        )
        return self._container

    def start(self, container: OutputContainer) -> None:
        """See `Destination.start`."""
        super().start(container)
        self._started = True

    def finish(self) -> None:
        """See `Destination.finish`."""
        assert self._file is not None
        self._file.finish()

    def abort(self) -> None:
        """Close the file without an index; what is in it can be read all the same."""
        if self._file is not None:
            self._file.close()
        super().abort()

    @contextlib.contextmanager
    def errors(self) -> Iterator[None]:
        """See `Destination.errors`. Until the header is written, FFmpeg's errors are about the streams."""
        with super().errors():
            try:
                yield
            except (ValueError, av.FFmpegError) as error:
                if self._started or isinstance(error, (OSError, RtvideoError)):
                    raise
                reason = getattr(error, "strerror", None) or error
                raise UsageError(
                    f"{self.name}: {self.format} refuses these streams: {reason}; try .mkv"
                ) from None


class HlsDestination(Destination):
    """A list of segments (HTTP Live Streaming), which FFmpeg writes beside each other."""

    def __init__(self, path: Path, *, live: bool) -> None:
        """Take the name of the list, ``.m3u8``.

        Args:
            live: the list names the last segments only, and the others are deleted.
        """
        super().__init__(str(path), "hls", "mpegts")
        # A mark before the number: else segment 10 of cam1 were segment 0 of cam11.
        name = str(path.with_suffix("")).replace("%", "%%")
        self._options = {
            "hls_segment_filename": f"{name}_%d.ts",
            "hls_time": f"{KEY_FRAME_INTERVAL:g}",
            "hls_list_size": "6" if live else "0",
            "hls_flags": "independent_segments+temp_file" + ("+delete_segments" if live else ""),
        }
        if not live:
            self._options["hls_playlist_type"] = "vod"

    @staticmethod
    def segments(path: Path) -> list[Path]:
        """Return the files that segments of a list would overwrite."""
        own = re.compile(re.escape(path.stem) + r"_\d+\.ts")
        return sorted(other for other in path.absolute().parent.iterdir() if own.fullmatch(other.name))

    def open(self, metadata: dict[str, str], rates: Iterable[int]) -> OutputContainer:
        """See `Destination.open`."""
        self._container = av.open(self.name, "w", format=self.format, container_options=self._options)
        return self._container
