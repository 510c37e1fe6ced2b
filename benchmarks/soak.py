"""Long runs: does memory, the count of open files or of threads grow with the length of the input?

    python benchmarks/soak.py --frames 50000 --live-minutes 30 --json soak.json

A file of so many small frames, and so many minutes of a live input at 30 frames a second (as y4m on stdin, as
fast as it is taken), each by ``rtvideo`` in a process of its own that is looked at from outside.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path
from typing import IO

# The script also runs from a checkout that is not installed.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import av
import numpy as np

from benchmarks.common.arguments import add_json
from benchmarks.common.files import ROOT, write_json
from benchmarks.common.markdown import table
from benchmarks.common.process import Held, look
from model.command import Parser, run
from rtvideo import values

SIZE, RATE = (160, 96), 30


@dataclass(frozen=True)
class Soak:
    """One long run: medians of the tenth after its middle (all is open by then) and of its last tenth."""

    name: str
    frames: int
    seconds: float
    exit_code: int
    early: Held
    late: Held


def write_clip(path: Path, frames: int) -> Path:
    """Write a long dark clip with sound quickly: a second of it again and again."""
    width, height = SIZE
    rng = np.random.default_rng(0)
    with av.open(str(path), "w") as out:
        video = out.add_stream("mpeg4", rate=RATE, width=width, height=height, pix_fmt="yuv420p")
        sound = out.add_stream("aac", rate=48_000, layout="mono")
        video.codec_context.gop_size = RATE
        pictures = [rng.integers(10, 60, (height * 3 // 2, width), np.uint8) for _ in range(RATE)]
        for index in range(frames):
            frame = av.VideoFrame.from_ndarray(pictures[index % RATE], "yuv420p")
            frame.pts, frame.time_base = index, Fraction(1, RATE)
            out.mux(video.encode(frame))
            tone = av.AudioFrame.from_ndarray(np.zeros((1, 48_000 // RATE), np.float32), "fltp", "mono")
            tone.pts, tone.sample_rate = index * 48_000 // RATE, 48_000
            out.mux(sound.encode(tone))
        out.mux(video.encode(None))
        out.mux(sound.encode(None))
    return path


def feed(stream: IO[bytes], frames: int) -> None:
    """Write frames as y4m."""
    width, height = SIZE
    rng = np.random.default_rng(0)
    pictures = [rng.integers(10, 60, height * 3 // 2 * width, np.uint8).tobytes() for _ in range(RATE)]
    try:
        stream.write(f"YUV4MPEG2 W{width} H{height} F{RATE}:1 Ip A1:1 C420jpeg\n".encode())
        for index in range(frames):
            stream.write(b"FRAME\n" + pictures[index % RATE])
        stream.close()
    except BrokenPipeError:
        pass  # the exit code tells


def soak(name: str, words: list[str], frames: int, fill: Callable[[IO[bytes]], None] | None = None) -> Soak:
    """Run ``rtvideo`` with ``words`` and look at it until it ends.

    Args:
        frames: that it is given.
        fill: writes its stdin.
    """
    began = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, "-m", "rtvideo", *words, "-q", "--threads", "1", "--preset", "ultrafast"],
        cwd=ROOT,
        stdin=subprocess.PIPE if fill else subprocess.DEVNULL,
    )
    if fill is not None:
        threading.Thread(target=fill, args=[process.stdin], daemon=True).start()
    looks: list[Held] = []
    while process.poll() is None:
        if (held := look(process.pid)) is not None:
            looks.append(held)
        time.sleep(0.1)
    tenth, middle = max(1, len(looks) // 10), len(looks) // 2
    seconds = time.monotonic() - began
    early, late = _median(looks[middle : middle + tenth]), _median(looks[-tenth:])
    return Soak(name, frames, seconds, process.returncode, early, late)


def _median(looks: list[Held]) -> Held:
    return Held(
        statistics.median(held.memory for held in looks),
        round(statistics.median(held.files for held in looks)),
        round(statistics.median(held.threads for held in looks)),
    )


def run_both(frames: int, minutes: float, folder: Path) -> list[Soak]:
    """Run both; a count of 0 leaves one out."""
    done = []
    if frames:
        clip = write_clip(folder / "long.mp4", frames)
        done.append(soak("file", ["-i", str(clip), "-o", str(folder / "lit.mp4")], frames))
    live = round(minutes * 60 * RATE)
    if live:
        words = ["-i", "-", "-o", str(folder / "live.mkv")]
        done.append(soak("live", words, live, lambda stream: feed(stream, live)))
    return done


def main(words: Sequence[str] | None = None) -> int:
    """Run both, print the table; return the worst exit code."""
    parser = Parser("python benchmarks/soak.py", __doc__)
    add = parser.add_argument
    add("--frames", type=values.count, default=50_000, help="of the file; 0 for none (50000)")
    add("--live-minutes", type=values.time, default=30.0, help="of the live input; 0 for none (30)")
    add_json(parser)
    return run(show, parser, words, extra="benchmark")


def show(arguments: argparse.Namespace) -> int:
    """Print what was held, write it, and return the worst exit code."""
    live = f"{arguments.live_minutes:g} minutes of live input"
    print(
        f"a file of {arguments.frames} frames, then {live}: takes minutes, and prints at the end",
        file=sys.stderr,
    )
    with tempfile.TemporaryDirectory() as folder:
        done = run_both(arguments.frames, arguments.live_minutes, Path(folder))
    heads = (
        "run",
        "frames",
        "seconds",
        "exit code",
        "memory, in the middle and at the end",
        "files",
        "threads",
    )
    rows = [
        (
            s.name,
            str(s.frames),
            f"{s.seconds:.0f}",
            str(s.exit_code),
            f"{s.early.memory:.0f} MB, {s.late.memory:.0f} MB",
            f"{s.early.files}, {s.late.files}",
            f"{s.early.threads}, {s.late.threads}",
        )
        for s in done
    ]
    print(table(heads, rows))
    write_json(arguments.json, [asdict(s) for s in done])
    return max((abs(s.exit_code) for s in done), default=0)


if __name__ == "__main__":
    sys.exit(main())
