"""The package without what Windows and macOS lack: it is taken away in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import av
import pytest

from rtvideo import system
from rtvideo.errors import ExitCode
from tests.helpers import clips

ROOT = Path(__file__).resolve().parents[2]

#: Takes away what the other system lacks; Windows has a lock of its own, here a stand-in on Linux's.
WITHOUT = """
import fcntl, importlib, os, pkgutil, platform, signal, sys, types
import asyncio, multiprocessing.connection, shutil, socket, subprocess, tempfile, uuid

system, *words = sys.argv[1:]
everywhere = ["sched_getaffinity", "fdatasync", "memfd_create", "setxattr", "getxattr"]
windows = ["geteuid", "getegid", "getuid", "getgid", "pwrite", "pread", "nice", "mkfifo", "fork", "fchmod"]
windows += ["O_CLOEXEC", "O_DIRECTORY", "O_NOFOLLOW", "O_NONBLOCK"]
for name in everywhere + (windows if system == "Windows" else []):
    delattr(os, name)
if system == "Windows":
    held = set()

    def locking(descriptor, mode, size):
        assert mode == 2 and os.lseek(descriptor, 0, os.SEEK_CUR) > 1 << 20, "a record could not be read"
        try:
            real.flock(descriptor, real.LOCK_EX | real.LOCK_NB)
        except BlockingIOError:
            raise PermissionError(13, "locked") from None

    real, msvcrt = fcntl, types.ModuleType("msvcrt")
    msvcrt.locking, msvcrt.LK_NBLCK = locking, 2
    sys.modules["msvcrt"] = msvcrt
    for name in ("fcntl", "grp", "pwd", "resource", "termios", "tty", "pty", "syslog"):
        sys.modules[name] = None
    for name in ("SIGHUP", "SIGUSR1", "SIGUSR2", "SIGKILL", "SIGALRM", "pthread_sigmask", "alarm"):
        delattr(signal, name)
platform.system = lambda: system

import rtvideo
if not words:
    heavy = {"torch", "onnx", "onnxruntime", "cv2", "ray"}
    sys.modules.update(dict.fromkeys(heavy))
    for found in pkgutil.walk_packages(rtvideo.__path__, "rtvideo."):
        if not found.name.endswith(("window_process", "__main__")):
            try:
                importlib.import_module(found.name)
            except ModuleNotFoundError as error:
                if error.name not in heavy and sys.modules.get(error.name, error) is None:
                    raise  # else an extra that is not installed
    sys.exit()
from rtvideo.__main__ import program
sys.argv = ["rtvideo", *words]
sys.exit(program())
"""


def run(system: str, *words: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", WITHOUT, system, *map(str, words)]
    return subprocess.run(
        command, capture_output=True, text=True, timeout=250, env=os.environ | {"PYTHONPATH": str(ROOT)}
    )


@pytest.mark.slow
@pytest.mark.parametrize("name", ["Windows", "Darwin"])
def test_every_module_can_be_imported(name: str) -> None:
    done = run(name)
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
@pytest.mark.compile
def test_a_file_is_enhanced_without_what_windows_lacks(tmp_path: Path) -> None:
    clips.write(tmp_path / "night.mp4", frames=5)
    done = run("Windows", tmp_path / "night.mp4", "--engine", "fused")
    assert done.returncode == 0, done.stderr
    with av.open(tmp_path / "night_lit.mp4") as lit:
        assert len(list(lit.decode(video=0))) == 5
    assert sorted(path.name for path in tmp_path.iterdir()) == ["night.mp4", "night_lit.mp4"]


@pytest.mark.slow
def test_the_doctor_names_what_is_not_there() -> None:
    done = run("Windows", "--doctor")
    assert "not here: cameras" in done.stdout and "rtvideo serve" in done.stdout
    assert "window: on Linux alone, not on Windows" in done.stdout
    assert "trial: model night enhanced a frame" in done.stdout
    refused = run("Windows", "serve", "--config", "cameras.toml")
    assert refused.returncode == ExitCode.UNAVAILABLE and "needs Linux" in refused.stderr


def test_a_lock_is_held_until_the_file_is_closed(tmp_path: Path) -> None:
    first, second = (os.open(tmp_path / "lock", os.O_RDWR | os.O_CREAT | system.PLAIN) for _ in range(2))
    system.lock(first, wait=False)
    with pytest.raises(BlockingIOError):
        system.lock(second, wait=False)
    os.close(first)
    system.lock(second, wait=True)
    system.write_over(second, b"longer before")
    system.write_over(second, b"now")
    assert (tmp_path / "lock").read_bytes() == b"now"
    os.close(second)
