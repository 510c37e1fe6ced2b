"""What does a Ray cluster cost?

    python benchmarks/cluster.py overhead night.mp4      # beside --jobs
    python benchmarks/cluster.py nodes night.mp4         # files on 1, 2 and 4 nodes
    python benchmarks/cluster.py film night.mp4          # pieces of one film, likewise
    python benchmarks/cluster.py memory night.mp4 --files 10000

Each question prints a table. What --flags has goes to rtvideo. ``nodes`` and ``film`` start Ray nodes of one
processor each on this machine, which may have fewer processors than there are nodes: so they count processor
time, that of Ray included. What is linear costs as much for a frame on four nodes as on one.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# The script also runs from a checkout that is not installed.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from model.command import Parser, run
from rtvideo import values
from rtvideo.errors import UsageError
from rtvideo.media.file_input import FileInput

#: Kernel ticks a second, the unit of /proc/PID/stat.
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Run:
    """What one call took: seconds on the clock, and of processors, those of Ray included."""

    seconds: float
    processor: float

    def __str__(self) -> str:
        return f"{self.seconds:.1f} s, {self.processor:.1f} s of processors"


class Meter(threading.Thread):
    """Watches all that descends from this process, where Ray's own end uncounted. Use it in a ``with``."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self._family, self._latest = {os.getpid()}, dict[int, int]()
        self._end = threading.Event()
        self._look()
        self._before = dict(self._latest)

    @property
    def spent(self) -> float:
        """Processor seconds of all of them but this process, since it was made."""
        return sum(ticks - self._before.get(pid, 0) for pid, ticks in self._latest.items()) / _TICKS

    def run(self) -> None:
        """Look twenty times a second."""
        while not self._end.wait(0.05):
            self._look()

    def __enter__(self) -> Meter:
        self.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._end.set()
        self.join()

    def _look(self) -> None:
        parents, ticks = dict[int, int](), dict[int, int]()
        for stat in Path("/proc").glob("[0-9]*/stat"):
            with contextlib.suppress(OSError):
                words, pid = stat.read_text().rpartition(")")[2].split(), int(stat.parent.name)
                parents[pid], ticks[pid] = int(words[1]), sum(map(int, words[11:13]))
        # Who was seen once belongs to them, also when its parent has ended.
        while new := {pid for pid, parent in parents.items() if parent in self._family} - self._family:
            self._family |= new
        self._latest |= {pid: ticks[pid] for pid in self._family & ticks.keys() - {os.getpid()}}


def enhanced(inputs: Path, out: Path, *flags: str) -> Run:
    """Run the command line of rtvideo."""
    shutil.rmtree(out, ignore_errors=True)
    command = [sys.executable, "-m", "rtvideo", "--input", str(inputs), "--out", f"{out}/", "--quiet", *flags]
    with Meter() as meter:
        began = time.perf_counter()
        subprocess.run(command, check=True)
        seconds = time.perf_counter() - began
    return Run(seconds, meter.spent)


@contextmanager
def nodes(count: int) -> Iterator[Any]:
    """Start so many nodes of one processor each."""
    from ray.cluster_utils import Cluster

    os.environ.setdefault("RAY_worker_niceness", "0")
    node = {"num_cpus": 1, "object_store_memory": 256 << 20}
    cluster = Cluster(initialize_head=True, head_node_args={**node, "include_dashboard": False})
    for _ in range(count - 1):
        cluster.add_node(**node)
    cluster.wait_for_nodes()
    try:
        yield cluster
    finally:
        cluster.shutdown()


def frames_of(folder: Path) -> int:
    """Return how many frames the videos of a folder have."""
    found = 0
    for path in folder.iterdir():
        source = FileInput(path)
        found += sum(packet.stream_index == source.video.index for packet in source.packets())
        source.close()
    return found


def copies(clip: Path, folder: Path, count: int) -> Path:
    """Return a folder with so many copies of a clip."""
    folder.mkdir()
    for number in range(count):
        os.link(shutil.copy(clip, folder.parent / clip.name), folder / f"{number:06}{clip.suffix}")
    return folder


def overhead(clip: Path, work: Path, arguments: argparse.Namespace) -> None:
    """Compare ``--cluster local`` with ``--jobs``."""
    folder, jobs = copies(clip, work / "in", arguments.files), str(arguments.jobs)
    print("| run | `--jobs` | `--cluster local` | start of Ray and no file |\n| --- | --- | --- | --- |")
    (work / "none").mkdir()
    shutil.copy(clip, work / "none" / clip.name)
    for number in range(arguments.repeat):
        side = enhanced(folder, work / "out", "--jobs", jobs, *arguments.flags)
        ray = enhanced(folder, work / "out", "--cluster", "local", *arguments.flags)
        start = enhanced(work / "none", work / "out", "--cluster", "local", "--frames", "1", *arguments.flags)
        print(f"| {number + 1} | {side} | {ray} | {start} |", flush=True)


def per_frame(clip: Path, work: Path, arguments: argparse.Namespace, *flags: str) -> None:
    """Count the processor time of a frame on more and more nodes."""
    folder = copies(clip, work / "in", arguments.files)
    frames = frames_of(folder)
    alone = enhanced(folder, work / "out", "--threads", "1", *arguments.flags)
    print("| where | processor time a frame | of linear |\n| --- | --- | --- |")
    print(f"| no cluster, one thread | {1000 * alone.processor / frames:.2f} ms | |")
    first: float | None = None
    for count in (1, 2, 4):
        with nodes(count) as cluster:
            on_nodes = ["--cluster", cluster.address, *flags, *arguments.flags]
            cost = enhanced(folder, work / "out", *on_nodes).processor / frames
        first = first or cost
        print(f"| {count} node{'s' * (count > 1)} | {1000 * cost:.2f} ms | {first / cost:.2f} |", flush=True)


def memory(clip: Path, work: Path, arguments: argparse.Namespace) -> None:
    """Watch the memory of the command while it enhances many small files."""
    folder = copies(clip, work / "in", arguments.files)
    flags = ["--cluster", "local", "--quiet", *arguments.flags]
    command = [sys.executable, "-m", "rtvideo", "--input", str(folder), "--out", f"{work}/out/", *flags]
    process = subprocess.Popen(command)
    print("| files done | memory |\n| --- | --- |")
    due = 0
    while process.poll() is None:
        done = sum(not entry.name.startswith(".") for entry in os.scandir(work / "out")) if due else 0
        if done >= due and (work / "out").is_dir():
            status = Path(f"/proc/{process.pid}/status").read_text()
            resident = next(line.split()[1] for line in status.splitlines() if line.startswith("VmRSS"))
            print(f"| {done} | {int(resident) / 1024:.0f} MiB |", flush=True)
            due = done + max(1, arguments.files // 10)
        time.sleep(0.2)


#: What can be asked.
QUESTIONS: dict[str, Callable[[Path, Path, argparse.Namespace], None]] = {
    "overhead": overhead,
    "nodes": per_frame,
    "film": lambda clip, work, arguments: per_frame(clip, work, arguments, "--piece", arguments.piece),
    "memory": memory,
}


def main(words: Sequence[str] | None = None) -> int:
    """Run the command; return an exit code."""
    parser = Parser("python benchmarks/cluster.py", __doc__)
    parser.add_argument("question", choices=QUESTIONS)
    parser.add_argument("clip", type=Path, help="a video; rtvideo --sample makes one")
    add = parser.add_argument
    add("--files", type=values.positive, default=4, metavar="N", help="copies of it that are enhanced (4)")
    add("--jobs", type=values.positive, default=2, metavar="N", help="for overhead: files side by side (2)")
    add("--piece", default="10s", metavar="T", help="for film: length of a piece (10s)")
    add("--repeat", type=values.positive, default=1, metavar="N", help="for overhead: interleaved runs (1)")
    add("--flags", default="", help="for rtvideo, in one text: '--denoise off --preset fast'")
    return run(measure, parser, words, extra="ray")


def measure(arguments: argparse.Namespace) -> None:
    """Print the table that is asked for.

    Raises:
        UsageError: there is no such clip.
    """
    if not arguments.clip.is_file():
        raise UsageError(f"{arguments.clip}: no such file; rtvideo --sample makes a clip")
    arguments.flags = shlex.split(arguments.flags)
    with tempfile.TemporaryDirectory() as folder:
        QUESTIONS[arguments.question](arguments.clip, Path(folder), arguments)


if __name__ == "__main__":
    sys.exit(main())
