"""Processes and nodes that are lost: the same frames come out, and the report counts the new beginnings."""

from __future__ import annotations

import json
import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.helpers import clips
from tests.helpers.waiting import grown, wait_until
from tests.rtvideo.cli.test_cli_video import make_clip, repeat
from tests.rtvideo.cluster.conftest import COPY

pytestmark = pytest.mark.slow

FRAMES = 8000


@pytest.fixture(scope="module")
def long_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("long")
    return repeat(make_clip(folder / "one.mp4", 1, (160, 120)), folder / "night.mp4", FRAMES)


def workers() -> list[int]:
    """Return the processes of Ray on this machine that enhance something."""
    found = []
    for entry in os.listdir("/proc"):
        try:
            if entry.isdigit() and Path(f"/proc/{entry}/cmdline").read_bytes().startswith(b"ray::rtvideo "):
                found.append(int(entry))
        except OSError:
            continue
    return found


def test_a_process_is_killed(on_cluster: Callable[..., int], long_clip: Path, tmp_path: Path) -> None:
    out, stats, killed = tmp_path / "lit.mp4", tmp_path / "stats.json", []

    def kill() -> None:
        wait_until(lambda: grown(tmp_path, ".*partial*.mp4", 200_000))
        killed.extend(workers())
        os.kill(killed[0], signal.SIGKILL)

    thread = threading.Thread(target=kill)
    thread.start()
    assert on_cluster([long_clip], out, *COPY, "--stats", str(stats)) == 0
    thread.join()
    (report,) = [json.loads(stats.read_text())]
    assert report["retries"] == 1 and report["resumed"] > 0
    assert clips.times(out) == clips.times(long_clip)
    assert not list(tmp_path.glob(".*"))
