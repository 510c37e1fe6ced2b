"""Processes and nodes that are lost: the same frames come out, and the report counts the new beginnings."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.helpers import clips
from tests.helpers.waiting import grown, wait_until
from tests.rtvideo.cli.test_cli_video import make_clip, repeat
from tests.rtvideo.cluster.conftest import COPY, in_time

pytestmark = pytest.mark.slow

FRAMES = 3000

#: Pieces of 10 seconds at 30 frames a second: ten of them.
PIECES = (*COPY, "--piece", "10")

#: Seconds that a loaded machine has to come to where something is killed.
PATIENCE = 200


@pytest.fixture(scope="module")
def long_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("long")
    return repeat(make_clip(folder / "one.mp4", 1, (160, 120)), folder / "night.mp4", FRAMES)


def workers() -> list[int]:
    """Return the processes of Ray that enhance something; only of nodes that this process has started."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            title = stat.with_name("cmdline").read_bytes()
            if title.startswith(b"ray::rtvideo ") and _parent(_parent(int(stat.parent.name))) == os.getpid():
                found.append(int(stat.parent.name))
        except OSError:
            continue
    return found


def _parent(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


@contextmanager
def meanwhile(action: Callable[[], object]) -> Iterator[None]:
    """Do something in another thread; what it raises fails the test."""
    errors: list[BaseException] = []

    def run() -> None:
        try:
            action()
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    yield
    thread.join()
    assert not errors, errors


def retries_of(path: Path) -> int:
    return int(json.loads(path.read_text())["retries"])


def test_a_process_is_killed_in_a_file(
    on_cluster: Callable[..., int], long_clip: Path, tmp_path: Path
) -> None:
    out, stats = tmp_path / "lit.mp4", tmp_path / "stats.json"

    def kill() -> None:
        wait_until(lambda: grown(tmp_path, ".*partial*.mp4", 200_000), PATIENCE)
        os.kill(workers()[0], signal.SIGKILL)

    with meanwhile(kill):
        assert on_cluster([long_clip], out, *COPY, "--piece", "1h", "--stats", str(stats)) == 0
    assert retries_of(stats) == 1
    assert json.loads(stats.read_text())["resumed"] > 0  # what was written is not made again
    assert clips.times(out) == clips.times(long_clip)
    assert [path.name for path in tmp_path.glob(".*")] == []


def test_a_process_and_then_a_node_are_killed_in_a_film(nodes: Any, long_clip: Path, tmp_path: Path) -> None:
    out, stats = tmp_path / "lit.mp4", tmp_path / "stats.json"
    flags = [*PIECES, "--stats", str(stats), "--cluster", nodes.address, "--quiet"]
    command = [sys.executable, "-m", "rtvideo", "--input", str(long_clip), "--out", str(out), *flags]
    with in_time():
        third = nodes.add_node(num_cpus=2, object_store_memory=100 << 20)

    def kill() -> None:
        wait_until(lambda: list(tmp_path.glob(".lit.mp4.pieces/*.npz")) and workers(), PATIENCE)
        os.kill(workers()[0], signal.SIGKILL)
        nodes.remove_node(third, allow_graceful=False)

    with meanwhile(kill):
        made = subprocess.run(command, check=False, timeout=2 * PATIENCE, capture_output=True, text=True)
    assert made.returncode == 0, made.stderr
    assert retries_of(stats) >= 1
    assert clips.times(out) == clips.times(long_clip)
    assert [path.name for path in tmp_path.glob(".*")] == []


def test_the_command_is_killed_and_goes_on(
    nodes: Any, on_cluster: Callable[..., int], long_clip: Path, tmp_path: Path
) -> None:
    out, stats = tmp_path / "lit.mp4", tmp_path / "stats.json"
    command = [sys.executable, "-m", "rtvideo", "--input", str(long_clip), "--out", str(out), *PIECES]
    process = subprocess.Popen([*command, "--cluster", nodes.address, "--quiet"])
    wait_until(lambda: list(tmp_path.glob(".lit.mp4.pieces/*.npz")), PATIENCE)
    process.kill()
    process.wait()
    done = {path: path.stat().st_mtime_ns for path in tmp_path.glob(".lit.mp4.pieces/*.npz")}
    assert done and not out.exists()
    assert on_cluster([long_clip], out, *PIECES, "--crf", "30", "--resume") == 2  # another job
    assert on_cluster([long_clip], out, *PIECES, "--resume", "--stats", str(stats)) == 0
    assert json.loads(stats.read_text())["resumed"] >= 300 * len(done)
    assert clips.times(out) == clips.times(long_clip)
    assert [path.name for path in tmp_path.glob(".*")] == []
