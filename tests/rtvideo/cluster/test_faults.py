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
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from rtvideo.cluster.piece import Film, Piece
from tests.helpers import clips
from tests.helpers.waiting import grown, wait_until
from tests.rtvideo.cli.test_cli_video import make_clip, repeat
from tests.rtvideo.cluster.conftest import COPY, in_time
from tests.rtvideo.cluster.test_film import psnr

pytest.importorskip("ray", reason="ray: pip install 'rtvideo[ray]'")

from rtvideo.cluster.board import Notes
from rtvideo.cluster.film import piece_on_node

pytestmark = pytest.mark.slow

FRAMES = 3000

#: Pieces of 10 seconds at 30 frames a second: ten of them.
PIECES = (*COPY, "--piece", "10")

#: Seconds that a loaded machine has to come to where something is killed.
PATIENCE = 200


@pytest.fixture(scope="module")
def long_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("long")
    path, rng = folder / "night.mp4", np.random.default_rng(0)
    with (
        av.open(str(make_clip(folder / "seven.mp4", 7, (160, 120)))) as clip,
        av.open(str(path), "w") as made,
    ):
        video = made.add_stream_from_template(clip.streams.video[0])
        packets = [bytes(packet) for packet in clip.demux(video=0) if packet.size]
        sound = made.add_stream("aac", rate=8000, layout="mono")
        for number in range(FRAMES):
            packet = av.Packet(packets[number % 7])
            packet.stream, packet.is_keyframe = video, True
            packet.pts = packet.dts = number
            packet.duration, packet.time_base = 1, Fraction(1, 30)
            made.mux(packet)
        for number in range(FRAMES * 8000 // 30 // 1024):
            noise = rng.normal(0, 0.1, (1, 1024)).astype(np.float32)
            frame = av.AudioFrame.from_ndarray(noise, format="fltp", layout="mono")
            frame.sample_rate, frame.pts = 8000, 1024 * number
            made.mux(sound.encode(frame))
        made.mux(sound.encode(None))
    return path


def check(out: Path, film: Path) -> None:
    """Check that all frames are there, each at its time and as it was, and the sound untouched."""
    assert clips.times(out) == clips.times(film)
    assert clips.streams(out)[1] == clips.streams(film)[1]
    assert min(psnr(film, out)) > 32  # it is 36; a frame in the place of another has 27 at most


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
    check(out, long_clip)
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
    check(out, long_clip)
    assert [path.name for path in tmp_path.glob(".*")] == []


def test_pieces_that_fail_are_begun_again_three_times(
    on_cluster: Callable[..., int],
    long_clip: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    good, bad = repeat(long_clip, tmp_path / "good.mp4", 250), repeat(long_clip, tmp_path / "bad.mp4", 250)

    def failing(board: Any, key: str, gpu: bool, film: Film, piece: Piece) -> Any:
        (tmp_path / f"{key}.{Notes(board, key).attempt}").touch()
        if film.name == str(bad) or (piece.number == 1 and not (tmp_path / f"{key}.3").exists()):
            raise OSError(28, "No space left on device")
        return piece_on_node(board, key, gpu, film, piece)

    monkeypatch.setattr("rtvideo.cluster.film.piece_on_node", failing)
    stats = tmp_path / "stats.json"
    assert on_cluster([bad, good], f"{tmp_path}/lit/", *COPY, "--piece", "3", "--stats", str(stats)) == 1
    (report,) = json.loads(stats.read_text())
    assert (report["input"], report["retries"]) == (str(good), 2)
    assert {path.name for path in tmp_path.glob("1.0.*")} == {"1.0.1", "1.0.2", "1.0.3", "1.0.4"}
    assert clips.times(tmp_path / "lit" / "good.mp4") == clips.times(good)
    said = capfd.readouterr().err
    assert "No space left on device" in said and "2 inputs: 1 done, 1 failed" in said
    assert [path.name for path in (tmp_path / "lit").iterdir()] == ["good.mp4"]


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
    check(out, long_clip)
    assert [path.name for path in tmp_path.glob(".*")] == []
