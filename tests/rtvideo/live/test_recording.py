"""Recordings of live input: what was recorded is never lost, whatever ends the run."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from rtvideo.errors import OutputError
from rtvideo.files.job import enhance_video
from rtvideo.media.durable import DurableFile
from rtvideo.media.partial_file import LIVE, PartialFile, partial_files
from rtvideo.options import Options
from tests.helpers import clips
from tests.helpers.doubles import FakeSession, opening
from tests.helpers.waiting import grown
from tests.rtvideo.live.test_job import CAMERA, LAVFI, decoded, live

pytestmark = pytest.mark.timeout(90)

RECORD = [
    sys.executable,
    "-m",
    "rtvideo",
    "--input-format",
    "lavfi",
    "-i",
    CAMERA,
    "--denoise",
    "off",
    "--no-adapt",
]


def killed(target: Path) -> None:
    """Record until something is in the file, then die as in a power cut."""
    before, end = set(target.parent.iterdir()), time.monotonic() + 60
    with subprocess.Popen([*RECORD, "-o", str(target)], stderr=subprocess.DEVNULL) as program:
        while not set(grown(target.parent, f".*{target.suffix}", 6_000)) - before:
            assert program.poll() is None and time.monotonic() < end
            time.sleep(0.02)
        program.kill()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "suffix"), [([], ".mp4"), (["--resume"], ".mkv"), (["-y"], ".mov")], ids=str
)
def test_a_recording_that_was_killed_is_kept_by_the_same_command(
    tmp_path: Path, words: list[str], suffix: str
) -> None:
    target = tmp_path / f"out{suffix}"
    killed(target)
    again = [*RECORD, "-o", str(target), "--duration", "0.5", *words]
    done = subprocess.run(again, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    (kept,) = tmp_path.glob(f"out.recovered-*{suffix}")
    assert f"earlier recording was cut short; it is kept as {kept.name}" in done.stderr
    assert len(decoded(kept)) > 5 and 0 < len(decoded(target)) <= 26
    assert sorted(tmp_path.iterdir()) == sorted([kept, target]), "no temporary files are left"


def left_behind(target: Path) -> None:
    """Leave what a killed recording leaves."""
    clip = clips.write(target.with_name(f"clip{target.suffix}"))
    partial = PartialFile(target, {LIVE: "camera"})
    os.rename(clip, partial.path)
    os.utime(partial.path, (1e9, 1e9))
    partial._unlock()


def test_each_of_several_recordings_gets_a_name(tmp_path: Path) -> None:
    for _ in range(2):
        left_behind(tmp_path / "out.mkv")
    live(CAMERA, tmp_path / "out.mkv", how=LAVFI, frames=3)
    kept = sorted(tmp_path.glob("out.recovered-2001*.mkv"))
    assert len(kept) == 2 and kept[0].stem.endswith("-2") and len(list(tmp_path.iterdir())) == 3
    assert all(len(decoded(path)) == 12 for path in kept)


def test_one_that_holds_no_picture_is_kept_and_named_so(tmp_path: Path) -> None:
    """The process was killed when the header was written, and nothing else."""
    left_behind(target := tmp_path / "out.mkv")
    (partial,) = partial_files(target, live=True)
    partial.write_bytes(partial.read_bytes()[:300])
    report = live(CAMERA, target, how=LAVFI, frames=3)
    (kept,) = tmp_path.glob("out.recovered-*.mkv")
    assert any(
        f"it is kept as {kept.name}, but there is no picture in it" in line for line in report.warnings
    )


@pytest.mark.parametrize("resume", [False, True])
def test_a_file_of_the_same_name_neither_deletes_nor_continues_a_recording(
    tmp_path: Path, resume: bool
) -> None:
    left_behind(tmp_path / "out.mkv")
    source = clips.write(tmp_path / "in.mp4")
    report = enhance_video(
        source, tmp_path / "out.mkv", Options(resume=resume), open_engine=opening(FakeSession())
    )
    assert report.warnings == [] and len(partial_files(tmp_path / "out.mkv", live=True)) == 1


def test_a_recording_that_cannot_go_on_keeps_what_it_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write, written = DurableFile.write, 0

    def full(self: DurableFile, data: bytes) -> int:
        nonlocal written
        written += len(data)
        if written > 6_000:
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(self, data)

    monkeypatch.setattr(DurableFile, "write", full)
    said: list[str] = []
    with pytest.raises(OutputError, match=r"out\.mp4: cannot be written: No space left"):
        live(CAMERA, tmp_path / "out.mp4", how=LAVFI, say=said.append)
    (kept,) = tmp_path.iterdir()
    assert kept.name.startswith("out.recovered-") and len(decoded(kept)) > 5
    assert any(line.endswith(f"what was recorded is kept as {kept.name}") for line in said)
