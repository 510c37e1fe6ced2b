"""Outputs that cannot be written: one line with the path and the room left, exit code 6, nothing left."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

import rtvideo
from tests.rtvideo.cli.test_cli_video import make_clip
from tests.rtvideo.reliability.test_batch import long_clip

ROOT = Path(__file__).resolve().parents[3]

#: Runs the command line without root's privileges, after a first run that loads all that root alone may read.
UNPRIVILEGED = """
import os, sys
from rtvideo.cli.entry import main
assert main([*sys.argv[2:], "-o", sys.argv[1]]) == 0
os.setgroups([]); os.setgid(65534); os.setuid(65534)
sys.exit(main(sys.argv[2:] + ["-o", os.environ["TARGET"]]))
"""

#: Runs it where files may not grow beyond a size, which is what a quota is to a program.
LIMITED = """
import resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
from rtvideo.cli.entry import main
sys.exit(main(sys.argv[1:]))
"""

#: Runs it when a marker has been written, deleting the folder as soon as the output has begun to grow.
REMOVED = """
import shutil, sys, threading, time
from pathlib import Path
folder = Path(sys.argv[1])
def remove():
    while not any(path.stat().st_size > 2000 for path in folder.glob(".*.mp4")):
        time.sleep(0.01)
    shutil.rmtree(folder)
threading.Thread(target=remove, daemon=True).start()
from rtvideo.cli.entry import main
sys.exit(main(sys.argv[2:]))
"""


def run(*words: object, code: str = "", prefix: tuple[str, ...] = ()) -> tuple[int, list[str]]:
    """Run ``rtvideo``, copying frames, so that no engine matters."""
    start = ["-c", code] if code else ["-m", "rtvideo"]
    done = subprocess.run(
        [*prefix, sys.executable, *start, *map(str, words)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
    )
    assert done.stdout == "" and "Traceback" not in done.stderr, done.stderr
    return done.returncode, done.stderr.splitlines()


def refused(code: int, said: list[str], path: Path, words: str) -> None:
    assert code == 6, said
    (line,) = said
    assert str(path) in line and re.search(words, line), line


COPY = ("-q", "--strength", "0", "--threads", "1", "--crf", "0")
ROOM = r"\(\d+ MB free there\)"


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_clip(tmp_path_factory.mktemp("clip") / "in.mp4", 100)


@pytest.mark.slow
@pytest.mark.parametrize("keep", [False, True])
def test_a_full_disk(tmp_path: Path, clip: Path, keep: bool) -> None:
    """A file system of 64 kB, mounted where only this process sees it."""
    if not _can_mount():
        pytest.skip("no user namespace in which a small disk can be mounted (unshare -rm)")
    (tmp_path / "disk").mkdir()
    target = tmp_path / "disk" / "out.mp4"
    words = [sys.executable, "-m", "rtvideo", "-i", str(clip), "-o", str(target), *COPY]
    script = 'mount -t tmpfs -o size=64k none "$1" && shift && "$@"; code=$?; ls -A "$0"; exit $code'
    done = subprocess.run(
        ["unshare", "-rm", "sh", "-c", script, str(target.parent), str(target.parent), *words]
        + (["--resume"] if keep else []),
        cwd=ROOT, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    refused(done.returncode, done.stderr.splitlines(), target, rf"No space left on device {ROOM}")
    left = [name for name in done.stdout.split() if not name.endswith(".job")]
    assert bool(left) == keep and "out.mp4" not in left


def _can_mount() -> bool:
    if shutil.which("unshare") is None:
        return False
    try:
        script = "mount -t tmpfs none /mnt"
        return subprocess.run(["unshare", "-rm", "sh", "-c", script], capture_output=True).returncode == 0
    except OSError:
        return False


def test_a_disk_that_is_full_from_the_start(clip: Path) -> None:
    """/dev/full takes nothing; not even root can make a file in /proc."""
    refused(
        *run("-i", clip, "-o", "/proc/out.mp4", *COPY), Path("/proc/out.mp4"), "cannot be written|permission"
    )


@pytest.mark.slow
@pytest.mark.parametrize("keep", [False, True])
def test_a_quota(tmp_path: Path, clip: Path, keep: bool) -> None:
    words = ["-i", clip, "-o", tmp_path / "out.mp4", *COPY, *(["--resume"] if keep else [])]
    refused(*run(*words, code=LIMITED), tmp_path / "out.mp4", rf"File too large {ROOM}")
    left = sorted(path.suffix for path in tmp_path.iterdir())
    assert left == ([".job", ".mp4"] if keep else [])
    assert run(*words)[0] == 0, "with room it works"
    assert [path.name for path in tmp_path.iterdir()] == ["out.mp4"]


@pytest.mark.slow
@pytest.mark.parametrize("mode", [0o555, 0o000])
def test_no_permission(clip: Path, mode: int, monkeypatch: pytest.MonkeyPatch) -> None:
    package = Path(rtvideo.__file__).parent
    if os.geteuid() == 0 and any(path.stat().st_mode & 0o5 != 0o5 for path in (package, *package.parents)):
        pytest.skip("root: nobody else may read this checkout, so nobody else can be tested")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        locked, target = folder / "locked", folder / "locked" / "out.mp4"
        folder.chmod(0o755)
        locked.mkdir()
        locked.chmod(mode)
        shutil.copy(clip, folder / "in.mp4")
        monkeypatch.setenv("TARGET", str(target))
        if os.geteuid() == 0:
            (folder / "free").mkdir()
            code, said = run(folder / "free" / "out.mp4", "-i", folder / "in.mp4", *COPY, code=UNPRIVILEGED)
        else:
            code, said = run("-i", clip, "-o", target, *COPY)
        refused(code, said, target, "[Pp]ermission")
        locked.chmod(0o755)
        assert list(locked.iterdir()) == []


@pytest.mark.slow
def test_the_folder_goes_away_meanwhile(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    source = long_clip(tmp_path / "in.mp4")
    target = tmp_path / "out" / "out.mp4"
    code, said = run(tmp_path / "out", "-i", source, "-o", target, *COPY, code=REMOVED)
    refused(code, said, target, "deleted|No such file")
    assert not (tmp_path / "out").exists()


def test_a_folder_that_is_a_file(tmp_path: Path, clip: Path) -> None:
    (tmp_path / "file").write_text("")
    target = tmp_path / "file" / "out.mp4"
    refused(*run("-i", clip, "-o", target, *COPY), target, "does not exist")


@pytest.mark.slow
def test_a_name_that_is_too_long(tmp_path: Path, clip: Path) -> None:
    target = tmp_path / ("n" * 300 + ".mp4")
    refused(*run("-i", clip, "-o", target, *COPY), target, "File name too long")
    longest = tmp_path / ("n" * 251 + ".mp4")
    assert run("-i", clip, "-o", longest, *COPY)[0] == 0
    assert [path.name for path in tmp_path.iterdir()] == [longest.name]
