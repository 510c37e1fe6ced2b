"""How late is the web page, and what do its viewers cost?

    python benchmarks/page_latency.py [--size 1280x720] [--fps 30] [--seconds 10] [--viewers 0,1,8]
                                      [--json FILE]

A clock is drawn into each picture as it is handed over, and read back from the canvas of a real Chromium on
this machine. The way from there to the glass, a refresh of the screen or two, is not in it. Other viewers are
plain sockets that read. The picture moves, with noise, so that the encoder has work. Needs Chromium and the
package websockets.
"""

from __future__ import annotations

import argparse
import os
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

# The script also runs from a checkout that is not installed.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import av
import numpy as np
import numpy.typing as npt

from benchmarks.common.arguments import add_json
from benchmarks.common.files import write_json
from benchmarks.common.machine import facts
from benchmarks.live.times import in_words, percentiles
from model.command import Parser, imports, run
from rtvideo import values
from rtvideo.stopwatch import Stopwatch
from rtvideo.viewers.base import FrameInfo, ViewerControls
from rtvideo.viewers.web.address import Address
from rtvideo.viewers.web.viewer import WebOptions, WebViewer

with imports(__name__, "benchmark"):
    from websockets.exceptions import ConnectionClosed
    from websockets.sync.client import ClientConnection, connect

    from benchmarks.live.chromium import browser

#: Bits of the clock, in milliseconds, from left to right, the highest first.
BITS = 16

#: Replaces the page's function that draws by one that also reads the clock.
READ = """
window.ages = [];
document.getElementById("split").value = 0;
const plain = draw;
draw = () => {
  plain();
  const row = pen.getImageData(0, 8, canvas.width, 1).data;
  let then = 0;
  for (let bit = 0; bit < 16; bit++) {
    then = 2 * then + (row[4 * Math.round((bit + 0.5) * canvas.width / 16)] > 120);
  }
  ages.push((Date.now() - then) & 0xffff);
};
"""


def moving(width: int, height: int, count: int = 16) -> list[npt.NDArray[np.uint8]]:
    """Return luma planes of a dim scene that moves."""
    noise = np.random.default_rng(0).normal(0, 3, (height, width + 8 * count))
    scene = 60 + 40 * np.sin(np.arange(width + 8 * count) / 40) + noise
    return [scene[:, 8 * k : 8 * k + width].clip(16, 235).astype(np.uint8) for k in range(count)]


def stamped(luma: npt.NDArray[np.uint8]) -> av.VideoFrame:
    """Return a frame with the time of day, modulo 65.536 s, as a row of dark and bright blocks."""
    height, width = luma.shape
    now = int(time.time() * 1000) % (1 << BITS)
    planes = np.full((height * 3 // 2, width), 128, np.uint8)
    planes[:height] = luma
    for bit in range(BITS):
        high = now >> (BITS - 1 - bit) & 1
        planes[:16, bit * width // BITS : (bit + 1) * width // BITS] = 200 if high else 40
    return av.VideoFrame.from_ndarray(planes, "yuv420p")


def drain(socket: ClientConnection) -> None:
    """Read whatever comes, as a browser does."""
    try:
        for _ in socket:
            pass
    except ConnectionClosed:
        pass


def play(viewer: WebViewer, size: tuple[int, int], fps: float, ended: threading.Event) -> Stopwatch:
    """Show stamped frames at their rate until told to end; return what each call took."""
    scene, watch, index = moving(*size), Stopwatch(), 0
    due = time.monotonic()
    while not ended.wait(max(0.0, due - time.monotonic())):
        due = max(due + 1 / fps, time.monotonic() - 1 / fps)
        frame = stamped(scene[index % len(scene)])
        index += 1
        began = time.perf_counter()
        viewer.show(frame, frame, FrameInfo("benchmark", fps=fps, latency=0.0))
        watch.add(time.perf_counter() - began)
    return watch


def measure(size: tuple[int, int], fps: float, seconds: float, viewers: int) -> dict[str, Any]:
    """Return percentiles in milliseconds of ``show``, and of the age of pictures where there is a page."""
    load = os.getloadavg()[0]
    viewer = WebViewer(WebOptions(Address()), ViewerControls(), "benchmark")
    ended = threading.Event()
    times: list[Stopwatch] = []
    result: dict[str, Any] = {"viewers": viewers}
    player = threading.Thread(target=lambda: times.append(play(viewer, size, fps, ended)))
    player.start()
    try:
        with ExitStack() as stack:
            for _ in range(viewers - 1):
                place = viewer.url.replace("http", "ws") + "live"
                socket = stack.enter_context(connect(place, proxy=None, max_size=None))
                threading.Thread(target=drain, args=[socket], daemon=True).start()
            if viewers:
                page = stack.enter_context(browser(viewer.url))
                page.wait_for(
                    "document.querySelector('video')?.getVideoPlaybackQuality().totalVideoFrames > 30", 90
                )
                page.run(READ)
                time.sleep(seconds)
                result["page"] = percentiles([age / 1000 for age in page.run("ages")])
            else:
                time.sleep(seconds)
            ended.set()
            player.join()
    finally:
        ended.set()
        player.join()
        viewer.close()
    result["show"] = times[0].milliseconds()
    result["load"] = [round(load, 1), round(os.getloadavg()[0], 1)]
    return result


def main(words: Sequence[str] | None = None) -> int:
    """Measure, and print a line for each number of viewers; return an exit code."""
    parser = Parser("python benchmarks/page_latency.py", __doc__)
    add = parser.add_argument
    add("--size", type=values.size, default=(1280, 720), metavar="WxH", help="(1280x720)")
    add("--fps", type=values.rate, default=30.0)
    add("--seconds", type=values.length, default=10.0)
    add("--viewers", type=_counts, default=[0, 1, 8], metavar="N,N", help="at a time (0,1,8)")
    add_json(parser)
    return run(show, parser, words, extra="benchmark")


def show(arguments: argparse.Namespace) -> None:
    """Measure each number of viewers, print it, and write all."""
    width, height = arguments.size
    record: dict[str, Any] = facts() | {"size": f"{width}x{height}", "fps": arguments.fps, "rows": []}
    for viewers in arguments.viewers:
        row = measure(arguments.size, arguments.fps, arguments.seconds, viewers)
        record["rows"].append(row)
        print(f"{viewers} viewers, load {' and '.join(map(str, row['load']))} (before, after)")
        print(f"  show: {in_words(row['show'])}")
        if "page" in row:
            print(f"  age of pictures in the page: {in_words(row['page'])}")
    write_json(arguments.json, record)


def _counts(text: str) -> list[int]:
    return [values.count(part) for part in text.split(",")]


if __name__ == "__main__":
    sys.exit(main())
