"""A file that is being written can be read at any moment, whatever ends the process that writes it."""

from __future__ import annotations

import errno
import os
import random
import signal
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import av
import pytest

from rtvideo.errors import OutputError
from rtvideo.files.job import enhance_video
from rtvideo.media.durable import DurableFile
from rtvideo.media.mp4.index import drop_torn_fragment
from rtvideo.media.partial_file import partial_files
from rtvideo.options import Options
from tests.helpers import clips
from tests.helpers.doubles import FakeSession, opening

ROOT = Path(__file__).resolve().parents[3]

#: Enhances a file and, at a given frame, is gone: no handler, no ``finally``, no flush.
KILLED = """
import os, signal, sys
from pathlib import Path
from rtvideo.files.job import enhance_video
from rtvideo.options import Options
from tests.helpers.doubles import FakeSession, opening

class Killed(FakeSession):
    def submit(self, *arguments):
        super().submit(*arguments)
        if len(self.times) == int(sys.argv[3]):
            os.kill(os.getpid(), signal.SIGKILL)

enhance_video(
    Path(sys.argv[1]), Path(sys.argv[2]), Options(resume=True, codec="mpeg4"),
    open_engine=opening(Killed(gain=3)),
)
"""


def times_in(path: Path) -> list[Fraction]:
    """Return the times of all frames that can be decoded, up to the first error."""
    found = []
    try:
        with av.open(str(path)) as container:
            for frame in container.decode(video=0):
                found.append(frame.pts * frame.time_base)
    except av.FFmpegError:
        pass
    return found


@pytest.mark.slow
@pytest.mark.parametrize("ending", [".mp4", ".mov", ".mkv"])
def test_any_beginning_of_the_file_holds_all_but_the_last_second(tmp_path: Path, ending: str) -> None:
    source = clips.write(tmp_path / "in.mkv", frames=200, audio=1, subtitles=1)
    with pytest.raises(RuntimeError):
        enhance_video(
            source,
            tmp_path / f"out{ending}",
            Options(resume=True, preset="veryfast"),
            open_engine=opening(FakeSession(fail_at=199)),  # type: ignore[arg-type]
        )
    (draft,) = partial_files(tmp_path / f"out{ending}")
    data = draft.read_bytes()
    with av.open(str(draft)) as container:
        places = [(p.pos + p.size, p.pts * p.time_base) for p in container.demux(video=0) if p.size]
    assert max(time for _, time in places) > 4
    chance = random.Random(1)
    for _ in range(25):
        size = chance.randrange(len(data) // 4, len(data))
        written = max(time for end, time in places if end <= size)
        cut = tmp_path / f"cut{ending}"
        cut.write_bytes(data[:size])
        if ending != ".mkv":
            drop_torn_fragment(cut)
        expected = [time for time in clips.times(source) if time <= written - 1]
        assert set(expected) <= set(times_in(cut)), f"cut after {size} bytes"


@pytest.mark.slow
@pytest.mark.parametrize("ending", [".mp4", ".mkv"])
def test_killed_again_and_again(tmp_path: Path, ending: str) -> None:
    source = clips.write(tmp_path / "in.mp4", frames=400, audio=1, options={"preset": "ultrafast", "g": "25"})
    target = tmp_path / f"out{ending}"
    chance = random.Random(2)
    for _ in range(3):
        words = [sys.executable, "-c", KILLED, source, target, str(chance.randrange(80, 120))]
        done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=60)
        assert done.returncode == -signal.SIGKILL, done.stderr
        assert not target.exists()
    report = enhance_video(
        source,
        target,
        Options(resume=True, codec="mpeg4"),
        open_engine=opening(FakeSession(gain=3)),  # type: ignore[arg-type]
    )
    assert report.resumed > 150, "each run went on from the one before"
    assert times_in(target) == clips.times(source)
    before, after = clips.streams(source)[1], clips.streams(target)[1]
    # Matroska has no place for the one packet before time zero.
    assert after.hashes == before.hashes[-len(after.hashes) :]
    assert len(after.hashes) >= len(before.hashes) - (ending == ".mkv")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["in.mp4", target.name]


def test_the_disk_refuses_what_the_system_accepted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(fd: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    source = clips.write(tmp_path / "in.mp4")
    monkeypatch.setattr(os, "fdatasync", broken)
    with pytest.raises(OutputError, match=r"out\.mp4: cannot be written: Input/output error \(\d+ MB free"):
        enhance_video(
            source,
            tmp_path / "out.mp4",
            Options(),
            open_engine=opening(FakeSession()),  # type: ignore[arg-type]
        )
    assert [p.name for p in tmp_path.iterdir()] == ["in.mp4"]


def test_a_durable_file_is_synced_while_it_grows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import threading

    synced = threading.Semaphore(0)
    monkeypatch.setattr(os, "fdatasync", lambda fd: synced.release())
    monkeypatch.setattr("rtvideo.media.durable.INTERVAL", 0.01)
    file = DurableFile(tmp_path / "a")
    file.write(b"abc")
    assert synced.acquire(timeout=30) and synced.acquire(timeout=30)
    file.finish()
    file.close()
    assert (tmp_path / "a").read_bytes() == b"abc" and file.closed


def test_a_file_that_is_deleted_while_it_grows_is_missed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rtvideo.media.durable.INTERVAL", 0.01)
    file = DurableFile(tmp_path / "a")
    (tmp_path / "a").unlink()
    file._thread.join(timeout=30)
    with pytest.raises(OSError, match="deleted"):
        file.write(b"abc")
    with pytest.raises(OSError, match="deleted"):
        file.finish()
