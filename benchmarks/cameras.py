"""What do many cameras cost as a service, and does one that fails disturb the others?

Cameras on 127.0.0.1 send by RTSP; ``rtvideo serve`` records them in segments. Meanwhile one camera dies and
comes back, one sends garbage and one falls silent, again and again. The others must lose no picture, and
memory and file handles must stay as they are.

    python benchmarks/cameras.py                              # eight cameras of 640x360 for an hour
    python benchmarks/cameras.py --minutes 3 --cameras 4 --size 1280x720 --no-failures
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack, closing
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any
from urllib.request import urlopen

# The script also runs from a checkout that is not installed.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import av

from benchmarks.common.arguments import add_json
from benchmarks.common.files import ROOT, write_json
from benchmarks.common.machine import facts
from benchmarks.common.markdown import table
from benchmarks.common.process import Held, look
from benchmarks.live.rtsp_camera import RtspCamera, night, number, numbers
from model.command import Parser, run
from rtvideo import values

#: What the last cameras do in each round, and for how many seconds; rounds are so long.
_FAILURES = {"dead": 20.0, "garbage": 20.0, "silent": 20.0}
_ROUND = 60.0

#: Seconds between two looks, and from the start until the first.
_LOOK, _WARM = 10.0, 20.0


@dataclass
class Seen:
    """What was seen of one camera.

    Attributes:
        failure: what it does again and again; nothing for a good one.
        frames, dropped, restarts: as the service counts them.
        recorded: pictures in all its recordings, which can all be read; recordings: how many these are.
        gaps: places in all of them, and between them, at which the next picture is not the one that was sent
            next; missing: pictures that are not there, as far as their numbers tell.
        needs: how much less it had to do at each look, see `rtvideo.service.shedding`.
        cpu: share of one core.
        held: at each look, of its process at that time.
    """

    name: str
    failure: str = ""
    frames: int = 0
    dropped: int = 0
    restarts: int = 0
    recorded: int = 0
    recordings: int = 0
    gaps: int = 0
    missing: int = 0
    needs: list[int] = field(default_factory=list)
    cpu: float = 0.0
    held: list[Held] = field(default_factory=list)


def measure(
    count: int,
    size: tuple[int, int],
    rate: int,
    seconds: float,
    folder: Path,
    *,
    failures: bool,
    segment: float,
    defaults: Sequence[str] = (),
) -> tuple[list[Seen], float, int]:
    """Run a service, and return what was seen, how long it took to end, and its exit code.

    Args:
        size, rate: of the pictures.
        seconds: from the moment at which all were live.
        folder: recordings lie there.
        failures: the last three cameras fail in turn.
        segment: seconds of a recording.
        defaults: further lines of that table of the configuration.
    """
    clip = night(*size, rate)
    with ExitStack() as stack:
        cameras = [stack.enter_context(RtspCamera(clip, rate)) for _ in range(count)]
        seen = [Seen(f"cam{place + 1}") for place in range(count)]
        if failures:
            for each, failure in zip(seen[-len(_FAILURES) :], _FAILURES, strict=False):
                each.failure = failure
        port = _free_port()
        config = _config(cameras, seen, port, folder, segment, defaults)
        words = [sys.executable, "-m", "rtvideo", "serve", "--config", str(config)]
        service = stack.enter_context(subprocess.Popen(words, cwd=ROOT))
        try:
            _wait_until_live(port, count)
            _watch(port, cameras, seen, seconds)
            for state, each in zip(_states(port), seen, strict=True):
                each.frames, each.dropped = state["frames"], state["dropped"]
                each.restarts = state["restarts"]
        finally:
            began = time.monotonic()
            service.send_signal(signal.SIGTERM)
            code = service.wait(30)
            ended = time.monotonic() - began
    for each in seen:
        paths = sorted(folder.glob(f"{each.name}-*.mp4"))
        _count(each, paths, numbers(rate))
    return seen, ended, code


def _config(
    cameras: list[RtspCamera],
    seen: list[Seen],
    port: int,
    folder: Path,
    segment: float,
    defaults: Sequence[str],
) -> Path:
    parts = [
        f'[service]\nlisten = "{port}"\n[defaults]\nsegment = "{segment:g}s"\ntimeout = 5\nreconnect = 5\n',
        *(f"{line}\n" for line in defaults),
    ]
    for camera, each in zip(cameras, seen, strict=True):
        out = folder / f"{each.name}-%Y%m%d-%H%M%S.mp4"
        parts.append(f'[camera.{each.name}]\ninput = "rtsp://127.0.0.1:{camera.port}/live"\nout = "{out}"\n')
    (path := folder / "cameras.toml").write_text("".join(parts), encoding="utf-8")
    return path


def _watch(port: int, cameras: list[RtspCamera], seen: list[Seen], seconds: float) -> None:
    """Let cameras fail, and look at the processes."""
    began = time.monotonic()
    due = began + _WARM
    times: dict[int, tuple[float, float]] = {}
    while (now := time.monotonic()) < began + seconds:
        moment = (now - began) % _ROUND
        for camera, each in zip(cameras, seen, strict=True):
            fails = each.failure and _ROUND / 3 < moment < _ROUND / 3 + _FAILURES[each.failure]
            camera.mood = each.failure if fails else "good"
        if now >= due:
            due += _LOOK
            for state, each in zip(_states(port), seen, strict=True):
                pid = state["pid"]
                each.needs.append(state["need"])
                if pid is not None and (held := look(pid)) is not None:
                    each.held.append(held)
                    first = times.setdefault(pid, (now, _cpu(pid)))
                    if now > first[0]:
                        each.cpu = (_cpu(pid) - first[1]) / (now - first[0])
        time.sleep(0.2)
    for camera in cameras:
        camera.mood = "good"


def _states(port: int) -> list[dict[str, Any]]:
    with urlopen(f"http://127.0.0.1:{port}/state", timeout=10) as answer:
        return list(json.load(answer)["cameras"])


def _wait_until_live(port: int, count: int) -> None:
    end = time.monotonic() + 120
    while time.monotonic() < end:
        try:
            if sum(state["state"] == "live" for state in _states(port)) == count:
                return
        except OSError:
            pass
        time.sleep(0.2)
    raise TimeoutError("the cameras are not live after two minutes")


def _cpu(pid: int) -> float:
    """Return the seconds that a process has computed."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _count(seen: Seen, paths: Sequence[Path], period: int) -> None:
    """Count the pictures of a camera, whose numbers begin again after ``period``."""
    last: int | None = None
    for path in paths:
        seen.recordings += 1
        with av.open(str(path)) as file:
            for frame in file.decode(video=0):
                seen.recorded += 1
                this = number(frame)
                if last is not None and (step := (this - last) % period) != 1:
                    seen.gaps += 1
                    seen.missing += step - 1
                last = this


def _free_port() -> int:
    with closing(socket.create_server(("127.0.0.1", 0))) as bound:
        return int(bound.getsockname()[1])


def main(words: Sequence[str] | None = None) -> int:
    """Run it, print the table; return 0 if good cameras lost nothing and the service ended as it should."""
    parser = Parser("python benchmarks/cameras.py", __doc__)
    add = parser.add_argument
    add("--cameras", type=values.positive, default=8, metavar="N", help="how many (8)")
    add("--size", type=values.size, default=(640, 360), metavar="WxH", help="of the picture (640x360)")
    add("--rate", type=values.positive, default=15, metavar="N", help="pictures a second (15)")
    add("--minutes", type=values.weight, default=60.0, metavar="N", help="from when all are live (60)")
    add("--segment", type=values.span, default=60.0, metavar="T", help="length of recordings (1m)")
    line = "a line for [defaults], as 'denoise = false'; more than once"
    add("--default", dest="defaults", action="append", default=[], metavar="LINE", help=line)
    add("--no-failures", dest="failures", action="store_false", help="all cameras behave")
    add_json(parser)
    return run(show, parser, words, extra="benchmark")


def show(arguments: argparse.Namespace) -> int:
    """Print what was seen, and write it."""
    with tempfile.TemporaryDirectory() as folder:
        seen, ended, code = measure(
            arguments.cameras,
            arguments.size,
            arguments.rate,
            60 * arguments.minutes,
            Path(folder),
            failures=arguments.failures,
            segment=arguments.segment,
            defaults=arguments.defaults,
        )
    counts = ("recorded", "gaps", "missing", "dropped", "files", "restarts")
    heads = ("camera", *counts, "core", "memory", "handles")
    print(table(heads, [_row(each) for each in seen]))
    print(f"\nended in {ended:.1f} s with exit code {code}")
    result = {"cameras": [asdict(each) for each in seen], "ended": ended, "exit_code": code}
    write_json(arguments.json, {"machine": facts(), **result})
    lost = [each.name for each in seen if not each.failure and (each.gaps or each.restarts)]
    return 1 if lost or code else 0


def _row(each: Seen) -> tuple[str, ...]:
    spans = ["", ""]
    if each.held:
        first, last = each.held[0], each.held[-1]
        spans = [f"{first.memory:.0f}, {last.memory:.0f} MB", f"{first.files}, {last.files}"]
    name = f"{each.name} ({each.failure})" if each.failure else each.name
    counts = (each.recorded, each.gaps, each.missing, each.dropped, each.recordings, each.restarts)
    return (name, *map(str, counts), f"{100 * each.cpu:.1f} %", *spans)


if __name__ == "__main__":
    sys.exit(main())
