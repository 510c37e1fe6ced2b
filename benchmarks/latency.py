"""How old a picture is when it is enhanced, shown and in the file, and whether that grows.

A camera in a process of its own draws the time into its pictures (`benchmarks.live.time_code`). A viewer of
the live job reads it back from the enhanced ones, and in the end it is read from the recording. So everything
between the camera's `send` and the viewer is in the figures.

    python benchmarks/latency.py                        # 720p at 30 and 1080p at 60, a minute each
    python benchmarks/latency.py --sizes 1280x720@30 --seconds 600 --json latency.json
"""

from __future__ import annotations

import argparse
import os
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

# The script also runs from a checkout that is not installed.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import av
import numpy as np

from benchmarks.common.arguments import add_json
from benchmarks.common.files import ROOT, write_json
from benchmarks.common.machine import facts
from benchmarks.live import time_code
from benchmarks.live.times import in_words, percentiles
from model.command import Parser, run
from rtvideo import values
from rtvideo.errors import UsageError
from rtvideo.live.job import LiveReport, enhance_live
from rtvideo.options import LiveOptions, Options
from rtvideo.viewers.base import FrameInfo, ViewerControls

#: Seconds at the beginning that are left out: the engine and the encoder start.
_WARM = 2.0


class Probe:
    """A viewer that notes how old each picture is."""

    watched = True

    def __init__(self) -> None:
        self.ages: list[tuple[float, float]] = []
        self._began = time.monotonic()

    def opened(self, controls: ViewerControls, name: str) -> Probe:
        """Return itself: see `rtvideo.viewers.base.ViewerFactory`."""
        return self

    def show(self, original: av.VideoFrame, lit: av.VideoFrame, info: FrameInfo) -> None:
        """Read the time from the enhanced picture."""
        now = time.monotonic()
        if now - self._began > _WARM:
            self.ages.append((now, now - time_code.read(luma_of(lit))))

    def close(self) -> None:
        """Nothing to do."""


def luma_of(frame: av.VideoFrame) -> time_code.Luma:
    """Return the luma plane of a YUV frame, (height, width)."""
    plane = frame.planes[0]
    rows = np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)  # type: ignore[call-overload]
    luma: time_code.Luma = rows[: frame.height, : frame.width]
    return luma


def measure(size: str, rate: float, seconds: float, options: Options, *, record: bool) -> dict[str, Any]:
    """Run the live job for a while and return the figures."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "benchmarks.live.time_code", str(port), size, str(rate)]
    load = os.getloadavg()[0]
    probe, stop = Probe(), threading.Event()
    with (
        tempfile.TemporaryDirectory() as folder,
        subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT) as camera,
    ):
        assert camera.stdout is not None
        camera.stdout.readline()
        threading.Timer(seconds + _WARM, stop.set).start()
        outputs = [f"{folder}/out.mkv"] if record else []
        try:
            report = enhance_live(
                f"tcp://127.0.0.1:{port}",
                outputs,
                options,
                LiveOptions(reconnect=0),
                viewers=[probe.opened],
                stop=stop,
            )
        finally:
            camera.kill()
        stored = times_in(Path(outputs[0])) if record else []
    third = len(probe.ages) // 3
    if third < 50:
        raise UsageError(f"only {len(probe.ages)} pictures came: give --seconds more")
    ages = [age for _, age in probe.ages]
    return {
        "size": size,
        "rate": rate,
        "seconds": seconds,
        "load": [round(load, 2), round(os.getloadavg()[0], 2)],
        "engine": report.engine,
        "camera to viewer": percentiles(ages),
        "first third": percentiles(ages[:third]),
        "last third": percentiles(ages[-third:]),
        "stored times are off by": drift(stored),
        **figures(report),
    }


def figures(report: LiveReport) -> dict[str, Any]:
    """Return what the job's own statistics say."""
    latency = {name.partition(" ")[0]: value for name, value in report.latency.items()}
    return {
        "packet to": {name: value for name, value in latency.items() if name != "shown"},
        "stages": {name.partition("/")[0] or "record": value for name, value in report.milliseconds.items()},
        "frames": report.frames_out,
        "fps": round(report.fps, 1),
        "dropped": report.dropped_at,
        "adapted": report.adapted,
        "warnings": report.warnings,
    }


def times_in(path: Path) -> list[tuple[float, float]]:
    """Return for each picture of a recording its time in the file and the time that it shows."""
    with av.open(str(path)) as file:
        return [(float(frame.time or 0), time_code.read(luma_of(frame))) for frame in file.decode(video=0)]


def drift(times: Sequence[tuple[float, float]]) -> dict[str, float]:
    """Return by how many milliseconds the distances of a recording's pictures differ from the real ones."""
    if len(times) < 2:
        return {}
    middle = statistics.median(shown - stored for stored, shown in times)
    return percentiles([abs(shown - stored - middle) for stored, shown in times])


def verdict(result: dict[str, Any]) -> list[str]:
    """Return what was asked for and what came, in words."""
    enhanced, seen = result["packet to"]["enhanced"]["p99"], result["camera to viewer"]["p99"]
    slowest = max(stage["median"] for stage in result["stages"].values() if stage)
    growth = result["last third"]["p99"] / result["first third"]["p99"]
    dropped = sum(result["dropped"].values())
    return [
        f"p99 from packet to enhanced: {enhanced * result['rate'] / 1e3:.2f} frame times (720p30: below 2)",
        f"p99 from camera to viewer: {seen / slowest:.1f} times the slowest stage (1080p60: up to 3)",
        f"p99 of the last third: {growth:.2f} times that of the first",
        f"dropped: {dropped} of {result['frames'] + dropped}",
    ]


def sizes(text: str) -> list[tuple[str, float]]:
    """Return sizes and rates of ``1280x720@30,1920x1080@60``."""
    found = [re.fullmatch(r"(\d+x\d+)@([\d.]+)", part) for part in text.split(",")]
    if not all(found):
        allowed = "WIDTHxHEIGHT@RATE, such as 1280x720@30"
        raise argparse.ArgumentTypeError(f"{text!r} is not allowed; allowed: {allowed}")
    return [(one[1], float(one[2])) for one in found if one]


def main(words: Sequence[str] | None = None) -> int:
    """Measure, print, and write JSON if wanted; return an exit code."""
    parser = Parser("python benchmarks/latency.py", __doc__)
    add = parser.add_argument
    usual = "1280x720@30,1920x1080@60"
    add("--sizes", type=sizes, default=usual, help=f"WIDTHxHEIGHT@RATE, comma separated ({usual})")
    add("--seconds", type=values.length, default=60.0, help="for each (60)")
    add("--denoise", choices=("auto", "off", "on"), default="auto")
    add("--no-record", action="store_true", help="a viewer alone, no file")
    add_json(parser)
    return run(show, parser, words, extra="benchmark")


def show(arguments: argparse.Namespace) -> None:
    """Measure each size, print it, and write all."""
    denoise = {"auto": None, "off": 0.0, "on": 1.0}[arguments.denoise]
    results = []
    for size, rate in arguments.sizes:
        result = measure(
            size, rate, arguments.seconds, Options(denoise=denoise), record=not arguments.no_record
        )
        results.append(result)
        load = " and ".join(map(str, result["load"]))
        print(f"{size}@{rate:g}, {arguments.seconds:g} s, load {load} (before, after), {result['engine']}")
        for name in ("camera to viewer", "first third", "last third", "stored times are off by"):
            print(f"  {name}: {in_words(result[name])}")
        for group in ("packet to", "stages"):
            for name, value in result[group].items():
                print(f"  {group} {name}: {in_words(value)}")
        dropped = ", ".join(f"{count} {place}" for place, count in result["dropped"].items()) or "none"
        print(f"  dropped: {dropped}; {result['fps']} frames/s", *result["warnings"], sep="\n  ")
        for text in verdict(result):
            print(f"  {text}")
    write_json(arguments.json, {"machine": facts(), "results": results})


if __name__ == "__main__":
    sys.exit(main())
