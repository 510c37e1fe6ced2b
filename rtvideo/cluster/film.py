"""One film on many machines: cut here, enhanced everywhere, joined here."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import av
import ray

from rtvideo.cluster.board import Notes
from rtvideo.cluster.cutting import WARM_UP, CannotCutError, Cutter
from rtvideo.cluster.joining import join
from rtvideo.cluster.piece import Film, Piece
from rtvideo.cluster.piece_job import Interrupted, enhance_piece
from rtvideo.cluster.planning import film_of
from rtvideo.cluster.scheduler import LostError, Unit
from rtvideo.cluster.store import PieceStore, record_of
from rtvideo.errors import RtvideoError
from rtvideo.files.job import losses_met
from rtvideo.files.resume import fixed_job
from rtvideo.media.file_input import FileInput
from rtvideo.media.output_path import check_output
from rtvideo.models import find
from rtvideo.options import AUTO, Options, Report
from rtvideo.version import __version__


class FilmJob:
    """One film as units of a cluster.

    Attributes:
        report: what happened, complete when ``ended`` was called without an error.
        share: part of the film that is enhanced, from 0 to 1.
    """

    def __init__(
        self,
        key: str,
        input: Path,
        output: Path,
        options: Options,
        seconds: float,
        *,
        gpu: bool,
        warn: Callable[[str], None],
        ended: Callable[[Exception | None], None],
    ) -> None:
        """Prepare; `units` begins.

        Args:
            key: begins the keys of its units.
            seconds: how long pieces are at least.
            gpu: whether they run on GPUs; all do or none does, so that no seam shows.
            warn: is told each warning.
            ended: called once, with what kept the film from being made.
        """
        self.report = Report(input=str(input), output=str(output), model=options.model)
        self._key, self._input, self._output, self._options = key, input, output, options
        self._seconds, self._gpu, self._ended = seconds, gpu, ended
        self._on_warning = warn
        self._facts: dict[int, dict[str, Any]] = {}
        self._waiting: set[int] = set()
        self._all_cut = self._over = self._interrupted = False
        self._expected = 1.0
        self._store: PieceStore | None = None
        self._began = time.perf_counter()

    @property
    def share(self) -> float:
        """Part of the film that is enhanced."""
        return min(1.0, len(self._facts) / max(1.0, self._expected))

    @property
    def weight(self) -> float:
        """Which part of the film a piece is, about."""
        return 1 / max(1.0, self._expected)

    def units(self) -> Iterator[Unit]:
        """Yield a unit for each piece that is not done yet; the last one that comes back joins them.

        Raises:
            CannotCutError: it must be enhanced in one go. Nothing has begun then, or all of it is void.
        """
        try:
            yield from self._units()
        except CannotCutError:
            self._close(failed=False)
            self._over = True
            raise
        except RtvideoError as error:
            self._end(error)

    def stop(self) -> None:
        """Leave what is done for ``--resume``: the run was told to stop."""
        if not self._over:
            self._end(Interrupted(str(self._input)))

    def _units(self) -> Iterator[Unit]:
        container = check_output(self._input, self._output, self._options)
        with closing(FileInput(self._input, self._options.video_stream)) as source:
            source.curve = self._options.transfer
            film = film_of(source, container, self._options, self._warn)
            self._open_store()
            if source.duration:
                self._expected = source.duration / self._seconds
            shared = ray.put(film)
            for piece in Cutter(source.video, self._seconds).pieces(source.packets()):
                if self._over:
                    return
                if not self._is_done(piece):
                    self._waiting.add(piece.number)
                    yield self._unit(shared, piece)
            self.report.incomplete = source.incomplete
            self.report.damaged += source.damaged
        self._all_cut = True
        self._join_if_done()

    def _open_store(self) -> None:
        """Take over what an earlier run left."""
        before = record_of(self._output) if self._options.resume else None
        if before is not None:
            self._seconds = float(before.get("piece", self._seconds))
        job = {**self._job(), "piece": self._seconds, "warm_up": WARM_UP}
        self._store = PieceStore(self._output, job, resume=self._options.resume)

    def _job(self) -> dict[str, Any]:
        versions = {"rtvideo": __version__, "pyav": av.__version__}
        asked = {name: getattr(self._options, name) for name in AUTO}
        return versions | asked | fixed_job(self._input, self._options, find(self._options.model))

    def _is_done(self, piece: Piece) -> bool:
        """Whether an earlier run has left the piece, and it is whole."""
        assert self._store is not None
        if piece.number in self._store.found:
            with suppress(OSError, ValueError):
                facts = self._store.load(piece.number).facts
                self.report.resumed += facts["frames_out"]
                self._facts[piece.number] = facts
                return True
        return False

    def _unit(self, film: Any, piece: Piece) -> Unit:
        return Unit(
            f"{self._key}.{piece.number}",
            piece_on_node,
            (film, ray.put(piece)),
            partial(self._done, piece.number),
            self._end,
            size=len(piece.video),
            gpu=self._gpu,
        )

    def _done(self, number: int, returned: tuple[bytes, dict[str, Any]]) -> None:
        if self._over:
            return
        assert self._store is not None
        data, facts = returned
        try:
            self._store.put(number, data)
        except RtvideoError as error:
            self._end(error)
            return
        self._facts[number] = facts
        self._waiting.discard(number)
        self._join_if_done()

    def _join_if_done(self) -> None:
        if self._over or not self._all_cut or self._waiting:
            return
        assert self._store is not None
        chosen = {tuple(facts[name] for name in AUTO) for facts in self._facts.values()}
        if len(chosen) > 1:
            self._end(LostError("nodes have different engines; name one with --engine"))
            return
        first = self._facts[0]
        job = self._job() | {name: first[name] for name in ("engine", *AUTO)}
        pieces = [partial(self._store.load, number) for number in sorted(self._facts)]
        try:
            join(self._input, self._output, self._options, pieces, job, self._warn)
        except (RtvideoError, ValueError, OSError) as error:
            self._end(error)
            return
        self._fill_report()
        self._end(None)

    def _fill_report(self) -> None:
        report, all_facts = self.report, [self._facts[number] for number in sorted(self._facts)]
        first = all_facts[0]
        report.engine, report.engine_name = first["engine_in_full"], first["engine_name"]
        for name in AUTO:
            setattr(report, name, first[name])
        for facts in all_facts:
            report.frames_in += facts["frames_in"]
            report.frames_out += facts["frames_out"]
            report.damaged += facts["damaged"]
            report.retries += facts.get("retries", 0)
        report.milliseconds = _mean([(facts["frames_out"], facts["milliseconds"]) for facts in all_facts])
        report.seconds = time.perf_counter() - self._began
        report.fps = (report.frames_out - report.resumed) / report.seconds
        for note in losses_met(
            report.damaged, sum(f["changed"] for f in all_facts), sum(f["moved"] for f in all_facts)
        ):
            self._warn(f"{self._input}: {note}")

    def _end(self, error: Exception | None) -> None:
        if self._over:
            return
        self._over = True
        if isinstance(error, Interrupted) and self._store is not None and self._facts:
            self._store.keep()
        self._close(failed=error is not None)
        self._ended(error)

    def _close(self, *, failed: bool) -> None:
        if self._store is not None:
            self._store.close(failed=failed)
            self._store = None

    def _warn(self, line: str) -> None:
        self.report.warnings.append(line)
        self._on_warning(line)


def piece_on_node(board: Any, key: str, gpu: bool, film: Film, piece: Piece) -> tuple[bytes, dict[str, Any]]:
    """Enhance a piece on the node that this runs on; return `EncodedPiece.to_bytes` and its facts."""
    notes = Notes(board, key)
    if not gpu and film.options.device == "auto":
        film = replace(film, options=replace(film.options, device="cpu"))
    made = enhance_piece(film, piece, on_progress=notes, stop=notes.stop)
    made.facts["retries"] = notes.attempt - 1
    notes.finish(made.facts["frames_out"])
    return made.to_bytes(), made.facts


def worth_cutting(input: Path, seconds: float) -> bool:
    """Whether a file is a video of more than one and a half pieces."""
    try:
        with av.open(str(input.absolute())) as container:
            return bool(container.streams.video) and (container.duration or 0) / 1e6 > 1.5 * seconds
    except (av.FFmpegError, OSError):
        return False  # the job that opens it says what is wrong


def _mean(stages: list[tuple[int, dict[str, dict[str, float]]]]) -> dict[str, dict[str, float]]:
    """Return the mean of the figures of pieces, by their frames."""
    total = max(1, sum(frames for frames, _ in stages))
    means: dict[str, dict[str, float]] = {}
    for frames, figures in stages:
        for stage, ranks in figures.items():
            for rank, value in ranks.items():
                mean = means.setdefault(stage, {})
                mean[rank] = mean.get(rank, 0.0) + value * frames / total
    return {stage: {rank: round(v, 3) for rank, v in ranks.items()} for stage, ranks in means.items()}
