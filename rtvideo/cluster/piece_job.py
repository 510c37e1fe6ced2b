"""A piece of a film on a node: decoded, enhanced and encoded, its packets given back."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from fractions import Fraction
from pathlib import Path

import av

from rtvideo.cluster.piece import EncodedPiece, Film, Piece
from rtvideo.cpus import encoder_threads
from rtvideo.engines.session import report_on
from rtvideo.files.job import open_session_for, processor_for
from rtvideo.files.pipeline import Pipeline
from rtvideo.media.codecs import trial_output
from rtvideo.media.file_input import FileInput
from rtvideo.media.output import VideoEncoder
from rtvideo.media.tags import Tags
from rtvideo.media.timing import Packet, tick
from rtvideo.options import AUTO, Report


class Interrupted(Exception):
    """The run was told to stop; of a piece that is not complete nothing is kept."""


def enhance_piece(
    film: Film,
    piece: Piece,
    *,
    on_progress: Callable[[int, int | None], None] = lambda done, total: None,
    stop: threading.Event | None = None,
) -> EncodedPiece:
    """Return the piece, enhanced and encoded.

    Raises:
        InputError, UsageError, UnavailableError: as `rtvideo.files.job.enhance_video`.
        Interrupted: ``stop`` was set.
    """
    stop, expected = stop or threading.Event(), piece.frames
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="rtvideo-")))
        path = folder / "piece.nut"
        path.write_bytes(piece.video)
        source = stack.enter_context(closing(PieceInput(path, film, piece)))
        session = stack.enter_context(closing(open_session_for(source, film.encoding, film.options, None)))
        processor = processor_for(source, film.encoding, session, film.options.compare)
        encoder = VideoEncoder(film.encoding, threads=encoder_threads(), phase=film.phase)
        out = stack.enter_context(_PieceOutput(film.container, encoder, piece))
        pipeline = Pipeline(source.read(), processor, out, stop)
        pipeline.run(lambda: on_progress(encoder.frames, expected))
        if stop.is_set():
            raise Interrupted(film.name)
        report = Report(input=film.name, output=film.name)
        report_on(session, report)
        counters = pipeline.counters
        stages = {name: getattr(counters, name).milliseconds() for name in ("decode", "enhance", "encode")}
        facts = {
            "engine": session.name,
            "engine_name": report.engine_name,
            "engine_in_full": report.engine,
            **{name: getattr(session.settings, name) for name in AUTO},
            "frames_in": expected,
            "frames_out": encoder.frames,
            "damaged": source.damaged,
            "changed": processor.changed,
            "moved": encoder.moved,
            "milliseconds": stages,
        }
        return EncodedPiece.of(out.packets, out.extradata, facts)


class PieceInput(FileInput):
    """The frames of a piece, at their times in the film, and those before it that warm the engine up."""

    def __init__(self, path: Path, film: Film, piece: Piece) -> None:
        """Open the NUT file of a piece."""
        self._film, self._piece = film, piece
        super().__init__(path)
        self.curve = film.options.transfer

    @property
    def tags(self) -> Tags:
        """The colour tags of the film: NUT has no place for all of them."""
        return self._film.tags

    @property
    def lossless(self) -> bool:
        """See `FileInput.lossless`."""
        return self._film.lossless

    def read(self) -> Iterator[av.VideoFrame]:
        """Yield the frames."""
        base, piece = self._film.time_base, self._piece
        scale = Fraction(tick(self.video)) / base
        for frame in super().read():
            assert isinstance(frame, av.VideoFrame)
            time = piece.origin + round((frame.pts or 0) * scale)
            if piece.end is not None and time >= piece.end:
                return
            if time not in piece.durations:
                continue  # before the warm-up, or one that the film's edit list leaves out
            frame.pts, frame.time_base, frame.duration = time, base, piece.durations[time]
            yield frame


class _PieceOutput:
    """Encodes the frames of a piece, and keeps the packets. Use it in a ``with`` statement.

    Attributes:
        packets: as the encoder made them.
    """

    def __init__(self, container: str, encoder: VideoEncoder, piece: Piece) -> None:
        self.packets: list[Packet] = []
        self._encoder, self._begin = encoder, piece.begin
        self._out = trial_output(container)  # encoders ask what their packets will be put into
        self._stream = encoder.add_to(self._out)
        self._out.start_encoding()

    @property
    def extradata(self) -> bytes:
        """The header that the encoder made."""
        return self._stream.codec_context.extradata or b""

    def write(self, frame: av.VideoFrame) -> None:
        """Encode a frame, if it is the piece's own."""
        if self._begin is None or frame.pts is None or frame.pts >= self._begin:
            self.packets += self._encoder.encode(frame)

    def copy(self, packet: Packet) -> None:
        """Nothing else is in a piece."""

    def finish(self, late: threading.Event) -> int:
        """Flush the encoder."""
        self.packets += self._encoder.flush(late)
        return 0

    def __enter__(self) -> _PieceOutput:
        return self

    def __exit__(self, *error: object) -> None:
        self._stream.codec_context.flush_buffers()
