"""``--keep``: which recordings are deleted, and which never are."""

from __future__ import annotations

import os
import shutil
import time
from argparse import ArgumentTypeError
from pathlib import Path

import pytest

from rtvideo.errors import UsageError
from rtvideo.live.recording_name import RecordingName
from rtvideo.live.retention import Ledger
from rtvideo.media.partial_file import LIVE, PartialFile
from rtvideo.options import LiveOptions
from rtvideo.values import keep
from tests.helpers import clips
from tests.rtvideo.live.test_job import CAMERA, LAVFI, live

DAY = 86400.0


class Cameras:
    """Recordings of 1000 bytes, and a ledger of them; the clocks are the test's."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder, self.said = folder, list[str]()
        self.day, self.steady = 1e9, 0.0
        monkeypatch.setattr(time, "time", lambda: self.day)
        monkeypatch.setattr(time, "monotonic", lambda: self.steady)

    def ledger(self, text: str, pattern: str = "cam-%d.mp4") -> Ledger:
        return Ledger(RecordingName(str(self.folder / pattern)), keep(text), self.said.append)

    def record(self, ledger: Ledger, name: str, size: int = 1000) -> Path:
        path = self.folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(bytes(size))
        ledger.add(path)
        return path

    def wait(self, seconds: float) -> None:
        self.day, self.steady = self.day + seconds, self.steady + seconds

    @property
    def names(self) -> list[str]:
        return sorted(path.name for path in self.folder.rglob("[!.]*.mp4"))


@pytest.fixture
def cameras(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cameras:
    return Cameras(tmp_path, monkeypatch)


def test_what_is_older_is_deleted_and_said(cameras: Cameras) -> None:
    ledger = cameras.ledger("2d")
    for number in range(5):
        cameras.record(ledger, f"cam-{number}.mp4")
        cameras.wait(DAY)
    assert cameras.names == ["cam-2.mp4", "cam-3.mp4", "cam-4.mp4"]
    assert cameras.said[-1] == f"{cameras.folder}: deleted cam-1.mp4 (--keep 2d)"


def test_what_is_too_much_is_deleted_oldest_first_and_never_the_newest(cameras: Cameras) -> None:
    ledger = cameras.ledger("0.003MB")
    for number in (7, 3, 5, 1):
        cameras.record(ledger, f"cam-{number}.mp4")
        cameras.wait(60)
    assert cameras.names == ["cam-1.mp4", "cam-3.mp4", "cam-5.mp4"]
    cameras.record(ledger, "cam-9.mp4", 5000)
    assert cameras.names == ["cam-9.mp4"]
    assert "deleted 3 recordings, the last cam-1.mp4" in cameras.said[-1]


def test_another_run_goes_on_with_the_list(cameras: Cameras) -> None:
    for number in range(4):
        cameras.record(cameras.ledger("2d"), f"cam-{number}.mp4")
        cameras.wait(DAY)
    assert cameras.names == ["cam-1.mp4", "cam-2.mp4", "cam-3.mp4"]


def test_nothing_else_is_deleted(cameras: Cameras) -> None:
    ledger, other = cameras.ledger("1d"), cameras.ledger("1d", "yard-%d.mp4")
    (cameras.folder / "cam-a.mp4").write_bytes(b"put there by somebody")
    cameras.record(other, "yard-1.mp4")
    changed, linked = (cameras.record(ledger, f"cam-{name}.mp4") for name in ("changed", "linked"))
    changed.write_bytes(b"cut by somebody")
    elsewhere = cameras.folder / "yard-1.mp4"
    linked.unlink()
    linked.symlink_to(elsewhere)
    cameras.wait(2 * DAY)
    cameras.record(ledger, "cam-new.mp4")
    assert cameras.names == ["cam-a.mp4", "cam-changed.mp4", "cam-linked.mp4", "cam-new.mp4", "yard-1.mp4"]
    assert f"{changed}: has been changed since it was recorded; --keep leaves it alone" in cameras.said


def test_a_list_that_somebody_wrote_leads_nowhere_else(cameras: Cameras, tmp_path: Path) -> None:
    outside = tmp_path / "precious.mp4"
    outside.write_bytes(bytes(1000))
    (inside := tmp_path / "cams").mkdir()
    cameras.folder = inside
    ledger = cameras.ledger("1d")
    cameras.record(ledger, "cam-1.mp4")
    (listed,) = inside.glob(".*.recordings")
    line, state = listed.read_text(), outside.stat()
    forged = line.replace("cam-1.mp4", "../precious.mp4").replace(
        str((inside / "cam-1.mp4").stat().st_mtime_ns), str(state.st_mtime_ns)
    )
    listed.write_text(line + forged + line[:20])  # and a line that was cut short
    cameras.wait(2 * DAY)
    cameras.record(ledger, "cam-2.mp4")
    assert outside.exists() and cameras.names == ["cam-2.mp4"]


@pytest.mark.parametrize("jump", [20 * 365 * DAY, -20 * 365 * DAY])
def test_a_clock_that_is_set_makes_nothing_old(cameras: Cameras, jump: float) -> None:
    ledger = cameras.ledger("2d")
    cameras.record(ledger, "cam-1.mp4")
    cameras.wait(60)
    cameras.day += jump
    cameras.record(ledger, "cam-2.mp4")
    cameras.wait(DAY)
    cameras.record(ledger, "cam-3.mp4")
    assert cameras.names == ["cam-1.mp4", "cam-2.mp4", "cam-3.mp4"]
    cameras.wait(1.5 * DAY)
    cameras.record(ledger, "cam-4.mp4")
    assert cameras.names == ["cam-3.mp4", "cam-4.mp4"]


def test_folders_of_days_go_when_they_are_empty(cameras: Cameras) -> None:
    ledger = cameras.ledger("1d", "%F/cam-%H.mp4")
    first, second = (cameras.record(ledger, f"{day}/cam-1.mp4").parent for day in ("2001-1-1", "2001-1-2"))
    (second / "notes.txt").touch()
    cameras.wait(2 * DAY)
    cameras.record(ledger, "2001-1-4/cam-1.mp4")
    assert not first.exists() and [path.name for path in second.iterdir()] == ["notes.txt"]


def test_a_folder_that_takes_no_list_ends_no_recording(cameras: Cameras) -> None:
    ledger = cameras.ledger("1d")
    cameras.record(ledger, "cam-1.mp4")
    (listed,) = cameras.folder.glob(".*.recordings")
    listed.unlink()
    listed.mkdir()
    cameras.record(ledger, "cam-2.mp4")
    assert cameras.names == ["cam-1.mp4", "cam-2.mp4"]
    assert any("recordings cannot be listed, none is deleted: " in line for line in cameras.said)


def test_a_run_deletes_what_an_earlier_one_recorded_complete_or_not(tmp_path: Path) -> None:
    pattern, how = tmp_path / "cam-%Y.mkv", LiveOptions(wishes=LAVFI.wishes, adapt=False, keep=keep("1h"))
    (first,) = live(CAMERA, pattern, how=how, frames=2).recordings
    partial = PartialFile(tmp_path / "cam-1999.mkv", {LIVE: str(pattern)})
    shutil.move(clips.write(tmp_path / "clip.mkv"), partial.path)
    partial._unlock()
    live(CAMERA, pattern, how=how, frames=2)
    assert len(list(tmp_path.glob("cam-*"))) == 3
    (listed,) = tmp_path.glob(".*.recordings")
    listed.write_text(listed.read_text().replace('"ended": ', '"ended": -'))
    (last,) = live(CAMERA, pattern, how=how, frames=2).recordings
    assert [str(path) for path in tmp_path.glob("cam-*")] == [last] and last != first


@pytest.mark.parametrize("text", ["7", "0d", "-1d", "7 days", "200 G", "", "7d,,"])
def test_what_is_no_limit(text: str) -> None:
    with pytest.raises(ArgumentTypeError, match=r"allowed: a time such as 7d or 12h, a size such as 200GB"):
        keep(text)


def test_a_fixed_name_is_refused(tmp_path: Path) -> None:
    how = LiveOptions(wishes=LAVFI.wishes, keep=keep("7d,200GB"))
    with pytest.raises(UsageError, match="--keep 7d,200GB: needs a recording with a name by time"):
        live(CAMERA, tmp_path / "a.mkv", how=how)
    assert not os.listdir(tmp_path)
