"""Where nobody is at home: the first process of a container, file systems that cannot be written to."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import av
import pytest

from tests.helpers import clips
from tests.helpers.waiting import grown, wait_until
from tests.rtvideo.reliability.test_batch import long_clip

ROOT = Path(__file__).resolve().parents[3]

ALONE = ["unshare", "-r", "--pid", "--fork", "--mount-proc", "--kill-child"]


def _works(*command: str) -> bool:
    return (
        shutil.which("unshare") is not None and subprocess.run(command, capture_output=True).returncode == 0
    )


def rtvideo(*words: object) -> list[str]:
    return [sys.executable, "-m", "rtvideo", *map(str, words)]


def child_of(pid: int) -> int:
    """Return the process that `unshare` forked, the first of its namespace."""
    children = Path(f"/proc/{pid}/task/{pid}/children")
    wait_until(lambda: children.read_text().split())
    return int(children.read_text().split()[0])


@pytest.mark.slow
def test_the_first_process_of_a_container_completes_its_file(tmp_path: Path) -> None:
    if not _works(*ALONE, "true"):
        pytest.skip("no namespace for processes (unshare -r --pid)")
    clip, target = long_clip(tmp_path / "in.mp4"), tmp_path / "lit.mp4"
    words = rtvideo("-i", clip, "-o", target, "--strength", "0", "--threads", "1", "--preset", "veryslow")
    process = subprocess.Popen([*ALONE, *words], cwd=ROOT, stderr=subprocess.PIPE, text=True)
    wait_until(lambda: grown(tmp_path, ".lit.partial-*.mp4"))
    os.kill(child_of(process.pid), signal.SIGTERM)
    began = time.monotonic()
    _, said = process.communicate(timeout=60)
    assert process.returncode == 143, said
    assert time.monotonic() - began < 10  # then Docker kills it
    assert "lit.mp4: stopped at" in said
    with av.open(str(target)) as made:
        assert sum(1 for _ in made.decode(video=0)) > 0


SIGNALLED = """
import os, sys
class OnTheWay:
    def find_spec(self, name, path=None, target=None):
        if name == "rtvideo.cli.entry":
            os.kill(os.getpid(), int(sys.argv.pop()))
sys.meta_path.insert(0, OnTheWay())
from rtvideo.__main__ import program
sys.exit(program())
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_before_the_work_leaves_nothing_and_says_nothing(number: int, tmp_path: Path) -> None:
    clips.write(tmp_path / "in.mp4")
    words = ["-i", str(tmp_path / "in.mp4"), "-o", str(tmp_path / "lit.mp4"), str(int(number))]
    done = subprocess.run(
        [sys.executable, "-c", SIGNALLED, *words], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stdout, done.stderr) == (128 + number, "", "")
    assert [path.name for path in tmp_path.iterdir()] == ["in.mp4"]


@pytest.mark.compile
def test_home_cache_and_package_may_be_read_only(tmp_path: Path) -> None:
    home, temporary, out = (tmp_path / name for name in ("home", "tmp", "out"))
    for folder in (home, temporary, out):
        folder.mkdir()
    clip = clips.write(tmp_path / "in.mp4", frames=3)
    done = _read_only([home, ROOT / "rtvideo"], rtvideo(clip, "-o", out / "a.mp4"), home, temporary)
    assert done.returncode == 0, done.stderr
    assert [path.name for path in out.iterdir()] == ["a.mp4"]
    assert not list(temporary.iterdir())  # kernels that were built there are gone


def test_an_output_on_a_read_only_file_system_is_one_line(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    clip = clips.write(tmp_path / "in.mp4", frames=3)
    for words, said in (
        ((clip, "-o", out / "a.mp4", "--strength", "0"), f"{out / 'a.mp4'}: no permission"),
        ((clip, "-o", out / "%d.png", "--strength", "0"), "is not writable"),
        ((clip, "-o", f"{out}/new/", "--strength", "0"), "Read-only file system"),
        (("--sample", out / "a.mp4", "-q"), f"{out / 'a.mp4'}: cannot be written: Read-only file system"),
    ):
        done = _read_only([out], rtvideo(*words), tmp_path, tmp_path)
        assert done.returncode == 6 and done.stderr.count("\n") == 1, done.stderr
        assert said in done.stderr


def _read_only(
    folders: list[Path], command: list[str], home: Path, temporary: Path
) -> subprocess.CompletedProcess[str]:
    """Run a command that sees some folders on a file system that is read-only, root or not."""
    mount = 'mount --bind "$1" "$1" && mount -o remount,bind,ro "$1" || exit 99'
    script = f'while [ "$1" != -- ]; do {mount}; shift; done; shift; "$@"'
    namespace = ["unshare", "-rm", "sh", "-c", script, "sh"]
    done = subprocess.run(
        [*namespace, *map(str, folders), "--", *command],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={
            **os.environ,
            "HOME": str(home),
            "TMPDIR": str(temporary),
            "XDG_CACHE_HOME": "",
            "PYTHONDONTWRITEBYTECODE": "1",
        },
        timeout=120,
    )
    if done.returncode in (1, 99) and "rtvideo" not in done.stderr:
        pytest.skip("no namespace in which folders can be mounted read-only (unshare -rm)")
    return done


def test_without_any_folder_to_build_in_one_line_says_what_to_set(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from rtvideo.errors import UnavailableError
    from rtvideo.kernels import cache

    def full(**wish: object) -> str:
        raise FileNotFoundError(2, "No usable temporary directory found")

    monkeypatch.setattr(cache, "_temporary_folder", [])
    monkeypatch.setattr("tempfile.mkdtemp", full)
    (tmp_path / "file").write_text("")
    with pytest.raises(UnavailableError, match="set TMPDIR or XDG_CACHE_HOME"):
        cache.writable(tmp_path / "file" / "kernels")
