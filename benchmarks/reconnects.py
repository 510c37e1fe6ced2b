"""Does a camera that drops its connection cost memory, threads or file handles each time that it comes back?

A camera on 127.0.0.1 sends a second of H.264 and AAC and hangs up, again and again. ``rtvideo`` records it,
and is looked at from outside.

    python benchmarks/reconnects.py                      # 200 times 1920x1080, about ten minutes
    python benchmarks/reconnects.py --size 320x180 --times 20
"""

from __future__ import annotations

import argparse
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

# The script also runs from a checkout that is not installed.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.common.arguments import add_json
from benchmarks.common.files import ROOT, write_json
from benchmarks.common.machine import facts
from benchmarks.common.markdown import table
from benchmarks.common.process import Held, look
from benchmarks.live.dropping_camera import DroppingCamera
from model.command import Parser, run
from rtvideo import values

#: Seconds for which a camera is tried again: for ever, here.
_RECONNECT = "86400"


@dataclass(frozen=True)
class Look:
    """What ``rtvideo`` held after so many reconnects."""

    reconnects: int
    held: Held


@dataclass(frozen=True)
class Reconnects:
    """All looks at a run, and how it ended after SIGTERM (143 is right)."""

    looks: list[Look]
    exit_code: int


def record(size: tuple[int, int], times: int, every: int, folder: Path, seconds: float = 1.0) -> Reconnects:
    """Record a camera that drops ``times`` times, and look every ``every`` times.

    Args:
        folder: the recording lies there.
        seconds: of video in each connection.
    """
    looks: list[Look] = []
    with DroppingCamera(*size, seconds) as camera:
        words = ["-i", f"http://127.0.0.1:{camera.port}/", "-o", str(folder / "out.mp4"), "-q"]
        words += ["--reconnect", _RECONNECT, "--preset", "ultrafast", "--denoise", "off", "--no-adapt"]
        with subprocess.Popen([sys.executable, "-m", "rtvideo", *words], cwd=ROOT) as process:
            while process.poll() is None and len(looks) <= times // every:
                if camera.served > len(looks) * every and (held := look(process.pid)):
                    looks.append(Look(camera.served - 1, held))
                time.sleep(0.02)
            process.send_signal(signal.SIGTERM)
            return Reconnects(looks, process.wait())


def main(words: Sequence[str] | None = None) -> int:
    """Run it, print the table; return 0 if ``rtvideo`` ended as it should."""
    parser = Parser("python benchmarks/reconnects.py", __doc__)
    add = parser.add_argument
    add("--size", type=values.size, default=(1920, 1080), help="of the picture (1920x1080)", metavar="WxH")
    add("--times", type=values.positive, default=200, help="reconnects (200)")
    add("--every", type=values.positive, default=20, help="reconnects from look to look (20)")
    add_json(parser)
    return run(show, parser, words, extra="benchmark")


def show(arguments: argparse.Namespace) -> int:
    """Print what was held, and write it."""
    with tempfile.TemporaryDirectory() as folder:
        done = record(arguments.size, arguments.times, arguments.every, Path(folder))
    heads = ("reconnects", "memory", "threads", "file handles")
    print(
        table(
            heads,
            [
                (
                    str(each.reconnects),
                    f"{each.held.memory:.0f} MB",
                    str(each.held.threads),
                    str(each.held.files),
                )
                for each in done.looks
            ],
        )
    )
    write_json(arguments.json, {"machine": facts(), **asdict(done)})
    return 0 if done.exit_code == 128 + signal.SIGTERM else 1


if __name__ == "__main__":
    sys.exit(main())
