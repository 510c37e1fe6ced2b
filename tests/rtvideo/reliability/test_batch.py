"""Several files in one call: each to its own end, side by side if wanted, and again if not finished."""

from __future__ import annotations

import multiprocessing
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from rtvideo.cli.entry import main
from rtvideo.cli.inputs import Task
from rtvideo.cli.outcome import TaskResult
from rtvideo.cli.signals import Stop
from rtvideo.cli.workers import run_side_by_side
from rtvideo.errors import ExitCode
from rtvideo.options import Options
from tests.helpers import clips
from tests.helpers.waiting import grown
from tests.rtvideo.cli.test_cli_video import frames_of, make_clip, repeat

pytestmark = pytest.mark.slow

#: Frames of a clip that is not done before a test has done something to it.
LONG = 20_000

#: No engine, so that nothing but files is at work.
COPY = ("--strength", "0", "--threads", "1")


def folder_of(path: Path, good: int = 2) -> Path:
    path.mkdir()
    for number in range(good):
        clips.write(path / f"{number}.mp4", audio=1)
    (path / "bad.mp4").write_text("no video")
    return path


def long_clip(path: Path) -> Path:
    one = make_clip(path.with_name(f"one-{path.name}"), 1, (160, 120))
    repeat(one, path, LONG)
    one.unlink()
    return path


def wait_for(done: Callable[[], object], process: subprocess.Popen[str] | None = None) -> None:
    while not done():
        assert process is None or process.poll() is None, process.communicate()
        time.sleep(0.01)


def written(folder: Path) -> list[Path]:
    return grown(folder, ".*partial*.mp4")


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_a_bad_file_stops_no_other(tmp_path: Path, jobs: str, capsys: pytest.CaptureFixture[str]) -> None:
    folder_of(tmp_path / "in", good=3)
    words = [str(tmp_path / "in"), "-o", str(tmp_path / "out"), "--jobs", jobs, *COPY]
    assert main([*words, "--stats", str(tmp_path / "stats.json")]) == ExitCode.INPUT
    assert {path.name: frames_of(path) for path in (tmp_path / "out").iterdir()} == {
        "0.mp4": 12,
        "1.mp4": 12,
        "2.mp4": 12,
    }
    *_, head, row = capsys.readouterr().err.splitlines()
    assert head == "4 inputs: 3 done, 1 failed"
    assert row.split() == [str(tmp_path / "in" / "bad.mp4"), "failed", "exit", "code", "3"]
    assert main(words) == ExitCode.INPUT  # which outranks that the others exist
    capsys.readouterr()
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").iterdir()}
    assert main([*words, "--resume"]) == ExitCode.INPUT
    assert capsys.readouterr().err.splitlines()[-2] == "4 inputs: 3 skipped, 1 failed"
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "out").iterdir()} == before
    (tmp_path / "in" / "bad.mp4").unlink()
    (tmp_path / "out" / "1.mp4").unlink()
    assert main([*words, "--resume", "-q"]) == ExitCode.DONE
    assert frames_of(tmp_path / "out" / "1.mp4") == 12
    assert capsys.readouterr().err == ""


def test_a_process_that_dies_takes_one_file_with_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "out").mkdir()
    sources = [long_clip(tmp_path / "long.mp4"), *(clips.write(tmp_path / f"{n}.mp4") for n in range(3))]
    tasks = [Task(source, tmp_path / "out" / source.name) for source in sources]
    outcomes: dict[int, TaskResult] = {}

    def kill() -> None:
        wait_for(lambda: written(tmp_path / "out") and len(outcomes) == 3)
        for process in multiprocessing.active_children():
            os.kill(process.pid or 0, signal.SIGKILL)

    thread = threading.Thread(target=kill)
    thread.start()
    options = Options(strength=0, threads=1)
    run_side_by_side(tasks, options, Stop(), 2, outcomes.__setitem__, quiet=True, verbose=False)
    thread.join()
    assert [outcomes[place].code for place in range(4)] == [ExitCode.INTERNAL, 0, 0, 0]
    assert "long.mp4: the process that enhanced it died (SIGKILL)" in outcomes[0].error
    assert sorted(p.name for p in (tmp_path / "out").glob("*.mp4") if p.name[0] != ".") == [
        "0.mp4", "1.mp4", "2.mp4",
    ]  # fmt: skip
    assert multiprocessing.active_children() == []


def start(*words: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "rtvideo", *map(str, words), *COPY]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )


@pytest.mark.parametrize(
    ("number", "jobs"),
    [(signal.SIGHUP, 1), (signal.SIGINT, 2), (signal.SIGTERM, 2)],
)
def test_a_signal_ends_all_with_playable_files(tmp_path: Path, number: signal.Signals, jobs: int) -> None:
    (tmp_path / "in").mkdir()
    clip = long_clip(tmp_path / "in" / "a.mp4")
    for name in ("b.mp4", "c.mp4"):
        os.link(clip, tmp_path / "in" / name)
    process = start("-i", tmp_path / "in", "-o", tmp_path / "out", "--jobs", jobs)
    wait_for(lambda: len(written(tmp_path / "out")) == jobs, process)
    if number == signal.SIGTERM:
        process.send_signal(number)
    else:  # as a terminal does, to the whole group
        os.killpg(process.pid, number)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 128 + number, said
    assert "Traceback" not in said and "KeyboardInterrupt" not in said
    outputs = sorted((tmp_path / "out").glob("[a-z]*"))
    assert len(outputs) == jobs, said
    assert all(0 < frames_of(path) < LONG for path in outputs)
    assert f"3 inputs: {jobs} stopped early, {3 - jobs} not begun" in said
    stopped = [line for line in said.splitlines() if "stopped at" in line]
    assert len(stopped) == jobs, said
    for line in stopped:
        assert re.fullmatch(
            r"[12] of 3: [abc]\.mp4: stopped at \d+ % \(\d+ frames\); "
            "the same command with --resume goes on",
            line,
        )


def test_a_signal_before_the_workers_are_ready_kills_none(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for name in ("a.mp4", "b.mp4", "c.mp4"):
        long_clip(tmp_path / "in" / name)
    process = start("-i", tmp_path / "in", "-o", tmp_path / "out", "--jobs", 2)
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    wait_for(lambda: len(children.read_text().split()) == 3, process)  # with that of multiprocessing
    os.killpg(process.pid, signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130, said
    assert "died" not in said and "Traceback" not in said
    assert re.search(r"^3 inputs: 2 stopped early, 1 not begun$", said, re.MULTILINE), said
    assert all(frames_of(path) for path in (tmp_path / "out").glob("[a-z]*"))


@pytest.mark.parametrize(("jobs", "resume"), [(1, True), (2, False)])
def test_a_second_signal_aborts(tmp_path: Path, jobs: int, resume: bool) -> None:
    (tmp_path / "in").mkdir()
    for name in ("a.mp4", "b.mp4"):
        long_clip(tmp_path / "in" / name)
    words = ["--resume"] if resume else []
    process = start("-i", tmp_path / "in", "-o", tmp_path / "out", "--jobs", jobs, *words)
    wait_for(lambda: len(written(tmp_path / "out")) == jobs, process)
    # At once, so that the second comes while the encoder still drains.
    process.send_signal(signal.SIGINT)
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=60)
    assert process.returncode in (130, 143), said
    assert "Traceback" not in said
    assert not list((tmp_path / "out").glob("[a-z]*"))
    assert len(list((tmp_path / "out").glob(".*partial*.mp4"))) == (jobs if resume else 0)


def test_workers_end_with_their_parent(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for name in ("a.mp4", "b.mp4"):
        long_clip(tmp_path / "in" / name)
    process = start("-i", tmp_path / "in", "-o", tmp_path / "out", "--jobs", 2)
    wait_for(lambda: len(written(tmp_path / "out")) == 2, process)
    process.kill()
    # The pipe of stderr ends when the last of the processes that hold it is gone.
    process.communicate(timeout=60)
    assert len(list((tmp_path / "out").glob("[a-z]*"))) == 2, "they finalised what they had"
