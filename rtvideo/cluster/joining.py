"""Pieces joined to a film without encoding again; all that is beside its video comes from the input."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from rtvideo.cluster.piece import EncodedPiece
from rtvideo.errors import UnavailableError
from rtvideo.files.finished import mark
from rtvideo.files.job import losses_beside, planned_output
from rtvideo.media.codecs import Encoding
from rtvideo.media.destination import FileDestination
from rtvideo.media.file_input import FileInput
from rtvideo.media.mp4.copies import Copies
from rtvideo.media.output import EncodedOutput, VideoEncoder
from rtvideo.media.output_path import check_output
from rtvideo.media.partial_file import PartialFile
from rtvideo.media.timing import Packet, decoded
from rtvideo.options import Options


def join(
    input: Path,
    output: Path,
    options: Options,
    pieces: Sequence[Callable[[], EncodedPiece]],
    job: dict[str, Any],
    warn: Callable[[str], None],
) -> None:
    """Write the film.

    Args:
        pieces: in their order; each is asked for when it is due.
        job: what is written into the finished file, see `rtvideo.files.finished`.
        warn: is told of what was lost under way.

    Raises:
        InputError, OutputError, UsageError: see `rtvideo.files.job.enhance_video`.
        UnavailableError: the pieces do not fit together.
    """
    container = check_output(input, output, options)
    with ExitStack() as stack:
        source = FileInput(input, options.video_stream)
        stack.callback(source.close)
        source.curve = options.transfer
        encoding, streams, parts = planned_output(source, container, options, lambda line: None)
        copies = Copies(input, parts) if parts else None
        if copies is not None:
            stack.callback(copies.close)
        draft = stack.enter_context(PartialFile(output, job, dated=input))
        video = JoinedVideo(encoding, pieces)
        sink = EncodedOutput(
            FileDestination(draft.path, container, output), video, source, streams, copies=copies
        )
        try:
            _interleave(source, video.packets(), sink)
            sink.finish()
        except BaseException:
            sink.abort()
            raise
        mark(draft.path, job)
        draft.publish()
        for note in losses_beside(source, sink, container, copies):
            warn(f"{input}: {note}")


def _interleave(source: FileInput, video: Iterator[Packet], sink: EncodedOutput) -> None:
    """Write the video's packets and those of the other streams in the order of their times."""
    due = next(video, None)
    for packet in source.packets():
        if packet.stream_index == source.video.index:
            continue
        until = decoded(packet)
        while due is not None and until is not None and (decoded(due) or 0) <= until:
            sink.mux([due])
            due = next(video, None)
        sink.copy(packet)
    if due is not None:
        sink.mux([due])
    for packet in video:
        sink.mux([packet])


class JoinedVideo(VideoEncoder):
    """Takes the place of the encoder, which gives the header alone: the packets are those of the pieces."""

    def __init__(self, encoding: Encoding, pieces: Sequence[Callable[[], EncodedPiece]]) -> None:
        """Prepare to read pieces, which were encoded with ``encoding``."""
        super().__init__(encoding, threads=1)
        self._pieces = pieces

    def packets(self) -> Iterator[Packet]:
        """Yield all packets.

        Raises:
            UnavailableError: an encoder of another node made another header.
        """
        delay = max((_delay(load()) for load in self._pieces), default=0)
        shown = np.empty(0, np.int64)
        for load in self._pieces:
            piece = load()
            self._check_header(piece)
            if not len(piece.pts):
                continue
            ordered = np.sort(piece.pts)
            if self.first_pts is None:
                self.first_pts = int(ordered[0])
                shown = _before(ordered, delay)
            # The order of decoding must grow across the seam: B-frames make it run ahead.
            shown = np.concatenate([shown, ordered])
            piece.dts = shown[: len(ordered)]
            shown = shown[len(ordered) :]
            last = int(np.argmax(piece.pts))
            self._last_pts, self._last_duration = int(piece.pts[last]), int(piece.durations[last])
            self.frames += len(ordered)
            for packet in piece.packets(self.encoding.time_base):
                packet.stream = self._stream
                yield packet

    def flush(self, late: threading.Event | None = None) -> Iterator[Packet]:
        """Yield nothing: all packets have come by `packets`."""
        return iter(())

    def _check_header(self, piece: EncodedPiece) -> None:
        own = self._stream.codec_context.extradata
        if own and piece.extradata and bytes(own) != piece.extradata:
            raise UnavailableError(
                f"the encoder {self.encoding.codec} of a node is another than the one here; "
                "install the same version of PyAV on all of them"
            )


def _before(shown: npt.NDArray[np.int64], delay: int) -> npt.NDArray[np.int64]:
    """Return when the first ``delay`` packets are decoded, before any frame is shown, as encoders do."""
    early: npt.NDArray[np.int64] = shown[0] - np.arange(delay, 0, -1, dtype=np.int64)
    if len(shown) > delay:
        early = shown[:delay] - (shown[delay] - shown[0])
    return early


def _delay(piece: EncodedPiece) -> int:
    """Return by how many frames the order of decoding runs ahead of that of showing."""
    ranks: npt.NDArray[np.intp] = np.argsort(np.argsort(piece.pts))
    return int(max(np.max(np.arange(len(ranks)) - ranks, initial=0), 0))
