"""How near the pipeline comes to what the processor allows, file to file.

    python benchmarks/pipeline.py [CLIP] [--engine copy|auto] [--frames N] [--runs N] [--json FILE]

The stages run one after the other first, and the CPU time of all their threads is counted: that is the work
that must be done. The number of cores divided by it bounds the frames a second of any arrangement. Then all
stages run side by side, as ``rtvideo`` runs them; the ratio says what waiting costs. Without a clip it makes
one of 1080p. The ratio only means something on a machine that has nothing else to do.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import av
import numpy as np

from rtvideo.cpus import usable_cpus
from rtvideo.engines.session import Session, Settings
from rtvideo.files.job import engine_of, enhance_video, picture_of
from rtvideo.frame import Geometry, Planes
from rtvideo.media.codecs import choose
from rtvideo.media.destination import FileDestination
from rtvideo.media.file_input import Source
from rtvideo.media.frames import FrameEnhancer, working_geometry
from rtvideo.media.output import EncodedOutput, VideoEncoder
from rtvideo.media.streams import plan
from rtvideo.options import Options


class CopyEngine:
    """The cheapest engine there can be: it moves each sample once."""

    name = "copy"
    remembers = False

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


def opener(options: Options) -> Callable[[Geometry, float | None], tuple[Session, float]] | None:
    """Return what opens the copying engine, or None for the ones that the program ships."""
    return (lambda geometry, fps: (CopyEngine(), 0.0)) if options.engine == "copy" else None


def make_clip(path: Path, frames: int) -> Path:
    """Write a moving 1080p picture with grain: neither the easiest nor the hardest thing to code."""
    rng = np.random.default_rng(0)
    wide = np.kron(rng.integers(16, 90, (68, 160)), np.ones((16, 16))).astype(np.uint8)
    grain = rng.integers(0, 6, (8, 1080, 1920), dtype=np.uint8)
    with av.open(str(path), "w") as out:
        video = out.add_stream(
            "libx264", rate=30, width=1920, height=1080, options={"preset": "fast", "crf": "23"}
        )
        chroma = np.full((540, 1920), 128, np.uint8)
        for index in range(frames):
            shift = 2 * index % 600
            luma = wide[:1080, shift : shift + 1920] + grain[index % 8]
            frame = av.VideoFrame.from_ndarray(np.concatenate([luma, chroma]), "yuv420p")
            frame.pts = index
            out.mux(video.encode(frame))
        out.mux(video.encode(None))
    return path


def work(clip: Path, target: Path, options: Options, until: str) -> tuple[int, float, float]:
    """Do the stages up to ``until`` one after the other; return frames, CPU and wall seconds."""
    with ExitStack() as stack:
        source = Source(clip)
        stack.callback(source.close)
        encoding, _ = choose(picture_of(source, options), "mp4", options.codec, options.crf, options.preset)
        session: Session = CopyEngine()
        if options.engine != "copy":
            session, _ = engine_of(options)(working_geometry(encoding), source.fps)
        stack.callback(session.close)
        worker = FrameEnhancer(encoding, session, source.tags, source.first)
        sink = EncodedOutput(
            FileDestination(target, "mp4"), VideoEncoder(encoding), source, plan(source, "mp4")
        )
        frames, cpu, wall = 0, time.process_time(), time.perf_counter()
        for event in source.read():
            if not isinstance(event, av.VideoFrame):
                continue
            frames += 1
            if until != "decode":
                deliver(worker.push(event), worker, sink, until)
            if frames == options.frames:
                break
        if until != "decode":
            deliver(worker.flush(), worker, sink, until)
        if until == "encode":
            sink.finish()
        spent = time.process_time() - cpu, time.perf_counter() - wall
        sink.abort()
        target.unlink(missing_ok=True)
    return frames, *spent


def deliver(done: Iterator[av.VideoFrame], worker: FrameEnhancer, sink: EncodedOutput, until: str) -> None:
    """Encode frames, or only give their memory back."""
    for frame in done:
        if until == "encode":
            sink.write(frame)
        worker.release(frame)


def measure(clip: Path, options: Options, runs: int) -> dict[str, Any]:
    """Return medians over interleaved runs, in milliseconds a frame and frames a second."""
    load = os.getloadavg()[0]
    cpu: dict[str, list[float]] = {"decode": [], "enhance": [], "encode": []}
    fps: list[float] = []
    total: list[float] = []
    engine = ""
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "out.mp4"
        for _ in range(runs):
            for until, times in cpu.items():
                frames, seconds, _ = work(clip, target, options, until)
                times.append(1000 * seconds / frames)
            began = time.process_time()
            report = enhance_video(
                clip,
                target,
                options if options.engine != "copy" else replace(options, engine="auto"),
                stop=threading.Event(),
                open_engine=opener(options),
            )
            total.append(1000 * (time.process_time() - began) / report.frames_out)
            fps.append(report.fps)
            engine = report.engine
            target.unlink()
    upto = {name: statistics.median(times) for name, times in cpu.items()}
    cores = usable_cpus()
    bound = 1000 * cores / upto["encode"]
    achieved = statistics.median(fps)
    return {
        "clip": clip.name,
        "engine": engine,
        "cores": cores,
        "cpu_ms": {
            "decode": upto["decode"],
            "enhance": upto["enhance"] - upto["decode"],
            "encode": upto["encode"] - upto["enhance"],
            "all, side by side": statistics.median(total),
        },
        "bound_fps": bound,
        "achieved_fps": achieved,
        "achieved_spread": [min(fps), max(fps)],
        "ratio": achieved / bound,
        "load_before": load,
        "machine": {
            "cpu": platform.processor() or platform.machine(),
            "python": platform.python_version(),
            "av": av.__version__,
        },
    }


def main(arguments: list[str] | None = None) -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("clip", nargs="?", type=Path, help="a video; by default one of 1080p is made")
    parser.add_argument("--engine", default="copy", help="copy (default), or an engine of rtvideo")
    parser.add_argument("--model", default="night")
    parser.add_argument("--denoise", type=float, default=None, help="0..1; default: auto")
    parser.add_argument("--codec")
    parser.add_argument("--preset")
    parser.add_argument("--frames", type=int, default=180)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--json", type=Path, help="write the figures here too")
    chosen = parser.parse_args(arguments)
    options = Options(
        engine=chosen.engine,
        model=chosen.model,
        denoise=chosen.denoise,
        codec=chosen.codec,
        preset=chosen.preset,
        frames=chosen.frames,
    )
    with tempfile.TemporaryDirectory() as folder:
        clip = chosen.clip or make_clip(Path(folder) / "moving_1080p30.mp4", chosen.frames)
        result = measure(clip, options, chosen.runs)
    for stage, milliseconds in result["cpu_ms"].items():
        print(f"{stage:18} {milliseconds:8.2f} ms of CPU a frame")
    print(f"{'bound':18} {result['bound_fps']:8.1f} frames/s on {result['cores']} cores")
    low, high = result["achieved_spread"]
    spread = f"({low:.1f} to {high:.1f}), {result['engine']}"
    print(f"{'achieved':18} {result['achieved_fps']:8.1f} frames/s {spread}")
    print(f"{'ratio':18} {result['ratio']:8.3f}")
    if result["load_before"] > 0.5:
        print(
            f"not alone: load {result['load_before']:.1f} before the start; only the CPU times count",
            file=sys.stderr,
        )
    if chosen.json:
        chosen.json.write_text(json.dumps(result, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
