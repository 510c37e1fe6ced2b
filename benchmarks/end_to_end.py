"""File to file: what rtvideo takes on a real clip, its bounds, and how soon it starts."""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import av

from benchmarks.pipeline import CopyEngine, opener, work
from rtvideo.files.job import enhance_video, picture_of
from rtvideo.media.codecs import choose
from rtvideo.media.destination import FileDestination
from rtvideo.media.file_input import Source
from rtvideo.media.frames import FrameEnhancer
from rtvideo.media.output import EncodedOutput, VideoEncoder
from rtvideo.media.streams import plan
from rtvideo.options import Options

ROOT = Path(__file__).resolve().parents[1]

#: Engine and noise removal (None is ``auto``); ``copy`` is enhancement that costs nothing.
ROWS: tuple[tuple[str, float | None], ...] = (("copy", 0.0), ("fused", 0.0), ("fused", None), ("onnx", 0.0))


def measure(
    clip: Path,
    engines: Sequence[str],
    preset: str,
    frames: int,
    runs: int,
    *,
    rows: Sequence[tuple[str, float | None]] = ROWS,
    device: str = "auto",
) -> list[dict[str, Any]]:
    """Return a record a row: frames a second of interleaved runs, x264 at ``preset``."""
    rows = [(e, d) for e, d in rows if e == "copy" or e in engines]
    with closing(Source(clip)) as source:
        size = f"{source.first.width}x{source.first.height}"
    bounds: dict[str, list[float]] = {"decode only": [], "encode only": []}
    fps: dict[tuple[str, float | None], list[float]] = {row: [] for row in rows}
    said: dict[tuple[str, float | None], tuple[str, float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "out.mp4"
        for _ in range(runs):
            copy = Options(engine="copy", device=device, codec="libx264", preset=preset, frames=frames)
            count, _, decoding = work(clip, target, copy, "decode")
            bounds["decode only"].append(count / decoding)
            bounds["encode only"].append(encode_only(clip, target, copy))
            for row in rows:
                options = replace(copy, engine=row[0], denoise=row[1])
                report = enhance_video(
                    clip,
                    target,
                    options if row[0] != "copy" else replace(options, engine="auto"),
                    stop=threading.Event(),
                    open_engine=opener(options),
                )
                target.unlink()
                fps[row].append(report.fps)
                said[row] = report.engine, report.denoise
    free = statistics.median(fps["copy", 0.0])
    common = {"clip": clip.name, "size": size, "preset": preset, "frames": count}
    table = [{**common, "row": name, **_spread(values)} for name, values in bounds.items()]
    for (engine, denoise), values in fps.items():
        ran, amount = said[engine, denoise]
        table.append(
            {
                **common,
                "row": "free enhancement" if engine == "copy" else ran,
                "denoise": "auto" if denoise is None else denoise,
                "denoise_done": amount,
                **_spread(values),
                "of_free": statistics.median(values) / free,
            }
        )
    return table


def encode_only(clip: Path, target: Path, options: Options) -> float:
    """Return frames a second of encoding frames that are in memory already."""
    with ExitStack() as stack:
        source = stack.enter_context(closing(Source(clip)))
        encoding, _ = choose(picture_of(source, options), "mp4", options.codec, options.crf, options.preset)
        worker = FrameEnhancer(encoding, CopyEngine(), source.tags, source.first)
        frames: list[av.VideoFrame] = []
        for event in source.read():
            if isinstance(event, av.VideoFrame):
                frames += worker.push(event)
            if len(frames) == options.frames:
                break
        sink = EncodedOutput(
            FileDestination(target, "mp4"), VideoEncoder(encoding), source, plan(source, "mp4")
        )
        began = time.perf_counter()
        for frame in frames:
            sink.write(frame)
        sink.finish()
        spent = time.perf_counter() - began
        sink.abort()
        target.unlink(missing_ok=True)
    return len(frames) / spent


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
    return {name: statistics.median(values) for name, values in times.items()}


def _spread(values: Sequence[float]) -> dict[str, Any]:
    return {"fps": statistics.median(values), "spread": [min(values), max(values)]}
