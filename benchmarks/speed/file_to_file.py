"""File to file: what rtvideo takes on a real clip, its bounds, and how soon it starts."""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import av
import numpy as np

from benchmarks.common.files import ROOT
from rtvideo.cpus import usable_cpus
from rtvideo.engines.auto import SessionFactory, open_for
from rtvideo.engines.session import Settings
from rtvideo.files.job import enhance_video, processor_for, working_format
from rtvideo.frame import Planes
from rtvideo.media.codecs import choose
from rtvideo.media.destination import FileDestination
from rtvideo.media.file_input import FileInput
from rtvideo.media.output import EncodedOutput, VideoEncoder
from rtvideo.media.streams import plan
from rtvideo.options import Options
from rtvideo.processor import FramePair, FrameProcessor

#: Engine and noise removal (None is ``auto``); ``copy`` is enhancement that costs nothing.
Row = tuple[str, float | None]
ROWS: tuple[Row, ...] = (("copy", 0.0), ("fused", 0.0), ("fused", None), ("onnx", 0.0))


class CopyEngine:
    """The cheapest engine there can be: it moves each sample once."""

    engine = name = "copy"
    remembers = False
    debands = False

    def __init__(self) -> None:
        self.settings = Settings()
        self._out: Planes | None = None

    def submit(self, planes: Planes, out: Planes, time: float | None = None) -> None:
        """Copy a frame."""
        for taken, given in zip(planes, out, strict=True):
            np.copyto(given, taken)
        self._out = out

    def receive(self) -> Planes | None:
        """Return it."""
        out, self._out = self._out, None
        return out

    def flush(self) -> None:
        """Nothing waits."""

    def reset(self) -> None:
        """Nothing is remembered."""

    def close(self) -> None:
        """Nothing is held."""

    def __str__(self) -> str:
        return self.name


def measure(
    clip: Path,
    engines: Sequence[str],
    preset: str,
    frames: int,
    runs: int,
    *,
    rows: Sequence[Row] = ROWS,
    device: str = "auto",
    bound: bool = False,
) -> list[dict[str, Any]]:
    """Return a record a row: frames a second of interleaved runs, x264 at ``preset``.

    ``bound`` adds what no arrangement of the same work could exceed: the number of processors divided by the
    CPU seconds a frame of all stages, done one after the other.
    """
    rows = [(e, d) for e, d in rows if e == "copy" or e in engines]
    copy = Options(engine="copy", device=device, codec="libx264", preset=preset, frames=frames)
    limits: dict[str, list[float]] = {"decode only": [], "encode only": []}
    fps: dict[Row, list[float]] = {row: [] for row in rows}
    cpu: dict[Row, list[float]] = {row: [] for row in rows}
    ran: dict[Row, tuple[str, float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "out.mp4"
        for _ in range(runs):
            count, limit = decode_only(clip, target, copy)
            limits["decode only"].append(limit)
            limits["encode only"].append(encode_only(clip, target, copy))
            for row in rows:
                options = replace(copy, engine=row[0], denoise=row[1])
                open_engine = _opener(options)
                shipped = replace(options, engine="auto") if row[0] == "copy" else options
                report = enhance_video(clip, target, shipped, stop=threading.Event(), open_engine=open_engine)
                target.unlink()
                fps[row].append(report.fps)
                ran[row] = report.engine, report.denoise
                if bound:
                    cpu[row].append(one_after_the_other(clip, target, options))
    free = statistics.median(fps["copy", 0.0])
    common = {"clip": clip.name, "size": size_of(clip), "preset": preset, "frames": count}
    table = [{**common, "row": name, **_spread(found)} for name, found in limits.items()]
    for row, found in fps.items():
        (engine, denoise), (name, amount) = row, ran[row]
        record = {
            **common,
            "row": "free enhancement" if engine == "copy" else name,
            "denoise": "auto" if denoise is None else denoise,
            "denoise_done": amount,
            **_spread(found),
            "of_free": statistics.median(found) / free,
        }
        if bound:
            record["bound_fps"] = usable_cpus() / statistics.median(cpu[row])
        table.append(record)
    return table


def line(record: Mapping[str, Any]) -> str:
    """Return a record for people."""
    denoise = f", denoise {record['denoise']}" if "denoise" in record else ""
    text = (
        f"{record['clip']} {record['preset']:10} {record['row'] + denoise:45} {record['fps']:7.1f} frames/s"
    )
    if "bound_fps" in record:
        text += f"  {record['fps'] / record['bound_fps']:.2f} of at most {record['bound_fps']:.1f}"
    return text


def size_of(clip: Path) -> str:
    """Return ``WIDTHxHEIGHT``. Raises InputError where the clip cannot be read."""
    with closing(FileInput(clip)) as source:
        return f"{source.first.width}x{source.first.height}"


def decode_only(clip: Path, target: Path, options: Options) -> tuple[int, float]:
    """Return how many frames there are, and frames a second of decoding alone."""
    with _opened(clip, target, replace(options, engine="copy")) as (frames, _, _):
        began = time.perf_counter()
        count = sum(1 for _ in frames)
        return count, count / (time.perf_counter() - began)


def encode_only(clip: Path, target: Path, options: Options) -> float:
    """Return frames a second of encoding frames that are in memory already."""
    with _opened(clip, target, replace(options, engine="copy")) as (frames, processor, sink):
        pictures = [pair.lit for frame in frames for pair in processor.push(frame)]
        began = time.perf_counter()
        for picture in pictures:
            sink.write(picture)
        sink.finish()
        return len(pictures) / (time.perf_counter() - began)


def one_after_the_other(clip: Path, target: Path, options: Options) -> float:
    """Return CPU seconds a frame of all threads: of decoding, enhancing and encoding in turn."""
    with _opened(clip, target, options) as (frames, processor, sink):
        began, count = time.process_time(), 0

        def encode(pairs: Iterator[FramePair]) -> None:
            for pair in pairs:
                sink.write(pair.lit)
                assert processor.pool is not None
                processor.pool.give(pair.lit)

        for count, frame in enumerate(frames, start=1):  # noqa: B007 (used below)
            encode(processor.push(frame))
        encode(processor.flush())
        sink.finish()
        return (time.process_time() - began) / count


def start_up(clip: Path, runs: int) -> dict[str, float]:
    """Return medians in seconds of whole processes: ``--version``, and one frame out of ``clip``."""
    with tempfile.TemporaryDirectory() as folder:
        output = str(Path(folder) / "out.mp4")
        commands = {
            "version": ["--version"],
            "first_frame": ["--input", str(clip.resolve()), "--out", output, "--frames", "1", "-y", "-q"],
        }
        times: dict[str, list[float]] = {name: [] for name in commands}
        for _ in range(runs):
            for name, arguments in commands.items():
                began = time.perf_counter()
                subprocess.run(
                    [sys.executable, "-m", "rtvideo", *arguments], check=True, cwd=ROOT, capture_output=True
                )
                times[name].append(time.perf_counter() - began)
    return {name: statistics.median(found) for name, found in times.items()}


@contextmanager
def _opened(
    clip: Path, target: Path, options: Options
) -> Iterator[tuple[Iterator[av.VideoFrame], FrameProcessor, EncodedOutput]]:
    """Yield a clip's frames, what enhances and what encodes them; what was written is taken away again."""
    with closing(FileInput(clip)) as source:
        video = source.parameters().composed(options.compare, "mp4")
        encoding, _ = choose(video, "mp4", options.codec, options.crf, options.preset)
        open_engine = _opener(options) or partial(open_for, options)
        with closing(open_engine(working_format(source, encoding).geometry, source.fps)) as session:
            sink = EncodedOutput(
                FileDestination(target, "mp4"), VideoEncoder(encoding), source, plan(source, "mp4")
            )
            try:
                yield _frames(source, options.frames), processor_for(source, encoding, session), sink
            finally:
                sink.abort()
                target.unlink(missing_ok=True)


def _frames(source: FileInput, most: int | None) -> Iterator[av.VideoFrame]:
    count = 0
    for event in source.read():
        if isinstance(event, av.VideoFrame):
            yield event
            count += 1
            if count == most:
                return


def _opener(options: Options) -> SessionFactory | None:
    """Return what opens the copying engine, or None for the ones that the program ships."""
    return (lambda geometry, fps: CopyEngine()) if options.engine == "copy" else None


def _spread(found: Sequence[float]) -> dict[str, Any]:
    return {"fps": statistics.median(found), "spread": [min(found), max(found)]}
