"""Recordings with names by time, and in segments."""

from __future__ import annotations

import os
import re
import time
from itertools import pairwise
from pathlib import Path

import av
import pytest

from rtvideo.errors import OutputError, UsageError
from rtvideo.live.recording import Recording
from rtvideo.live.recording_name import RecordingName
from rtvideo.media.partial_file import LIVE, PartialFile
from rtvideo.options import LiveOptions
from tests.helpers import clips
from tests.helpers.servers import CYCLE, Server, Wire, http_video, number, send_video
from tests.rtvideo.live.test_job import CAMERA, LAVFI, decoded, live

pytestmark = pytest.mark.timeout(60)


def sounds(path: Path) -> list[bytes]:
    with av.open(str(path)) as file:
        return [bytes(packet) for packet in file.demux(audio=0) if packet.size]


def checked(segments: list[Path], whole: Path) -> list[av.VideoFrame]:
    """Check that segments are complete by themselves, and together hold the sound of the whole recording."""
    for path in segments:
        found = decoded(path)
        assert found[0].key_frame and 0 <= found[0].time < 0.2, "by the delay of the encoder at most"
        if path != segments[-1]:
            assert float(found[-1].time - found[0].time) == pytest.approx(0.88, abs=0.1)
            assert len(sounds(path)) > 30
    assert [packet for path in segments for packet in sounds(path)] == sounds(whole)
    return [frame for path in segments for frame in decoded(path)]


@pytest.mark.slow
@pytest.mark.parametrize("suffix", ["mp4", "mkv", "ts"])
def test_segments_lack_nothing_and_hold_nothing_twice(tmp_path: Path, suffix: str) -> None:
    source, whole, pattern = tmp_path / "in.ts", tmp_path / f"whole.{suffix}", tmp_path / f"cam-%Y.{suffix}"
    with source.open("wb") as file, Server(lambda connection, server: None) as ends:
        sound = ("aac", 48000, "mono")
        send_video(Wire(file.write), ends, format="mpegts", frames=75, speed=1000, sound=sound)
    report = live(str(source), whole, pattern, how=LiveOptions(adapt=False, segment=0.9))
    stem = time.strftime("cam-%Y")
    segments = [tmp_path / f"{stem}{number}.{suffix}" for number in ("", "-2", "-3", "-4")]
    assert sorted(report.recordings) == sorted(map(str, [*segments, whole]))
    assert sorted(tmp_path.iterdir()) == sorted([source, whole, *segments])
    pieces = checked(segments, whole)
    assert [number(frame) for frame in pieces] == [index % CYCLE for index in range(75)]


@pytest.mark.slow
@pytest.mark.network
def test_segments_of_a_camera(tmp_path: Path) -> None:
    whole, pattern = tmp_path / "whole.mkv", tmp_path / "cam-%Y%m%d-%H%M%S.mkv"
    with Server(http_video(sound=("aac", 48000, "mono"))) as server:
        address = f"http://127.0.0.1:{server.port}/"
        report = live(address, whole, pattern, how=LiveOptions(adapt=False, segment=0.9), frames=60)
    segments = sorted(map(Path, set(report.recordings) - {str(whole)}), key=os.path.getmtime)
    assert len(segments) == 3
    assert all(re.fullmatch(r"cam-\d{8}-\d{6}(-2)?\.mkv", path.name) for path in segments)
    pieces = checked(segments, whole)
    assert len(pieces) == report.frames_out - report.dropped_at.get(str(pattern), 0)
    assert all((number(b) - number(a)) % CYCLE > 0 for a, b in pairwise(pieces))


def test_a_name_by_time_never_replaces_a_recording(tmp_path: Path) -> None:
    pattern = tmp_path / "100%%-%Y" / "cam-%Y.mkv"
    reports = [live(CAMERA, pattern, how=LAVFI, frames=2) for _ in range(2)]
    year = time.strftime("%Y")
    folder = tmp_path / f"100%-{year}"
    assert sorted(path.name for path in folder.iterdir()) == [f"cam-{year}-2.mkv", f"cam-{year}.mkv"]
    assert [Path(*report.recordings).name for report in reports] == [f"cam-{year}.mkv", f"cam-{year}-2.mkv"]


def test_a_name_by_time_is_not_given_to_a_recording_without_a_picture(tmp_path: Path) -> None:
    recording = Recording(RecordingName(str(tmp_path / "%Y.mkv")), print, live=True)
    recording.open({}, ())
    recording.finish()
    assert not list(tmp_path.iterdir())


def test_a_recording_with_a_name_by_time_that_was_cut_short_is_kept(tmp_path: Path) -> None:
    pattern, earlier = tmp_path / "%Y" / "cam-%d.mkv", tmp_path / "1999" / "cam-31.mkv"
    earlier.parent.mkdir()
    clip = clips.write(tmp_path / "clip.mkv")
    partial = PartialFile(earlier, {LIVE: str(pattern)})
    os.rename(clip, partial.path)
    os.utime(partial.path, (1e9, 1e9))
    partial._unlock()
    said: list[str] = []
    live(CAMERA, pattern, how=LAVFI, frames=2, say=said.append)
    (kept,) = earlier.parent.iterdir()
    assert kept.name.startswith("cam-31.recovered-2001") and len(decoded(kept)) == 12
    assert any(
        line == f"{earlier}: an earlier recording was cut short; it is kept as {kept.name}" for line in said
    )


def test_a_percent_sign_that_is_meant(tmp_path: Path) -> None:
    live(CAMERA, tmp_path / "50%%.mkv", how=LAVFI, frames=2)
    assert [path.name for path in tmp_path.iterdir()] == ["50%.mkv"]


def test_names_that_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"50%\.mkv: %\. is no part of a date; .* is written %%"):
        live(CAMERA, tmp_path / "50%.mkv", how=LAVFI)
    there = tmp_path / "there.mkv"
    there.touch()
    with pytest.raises(UsageError, match=r"exists already.*a name by time, such as cam-%Y%m%d-%H%M%S\.mp4"):
        live("rtsp://127.0.0.1/", there)
    for name in ("a.mkv", "a.m3u8"):
        with pytest.raises(
            UsageError, match=r"--segment 60: needs a recording with a name by time, as --out"
        ):
            live(CAMERA, tmp_path / name, how=LiveOptions(wishes=LAVFI.wishes, segment=60))
    with pytest.raises(OutputError, match=r"the folder .*nowhere does not exist"):
        live(CAMERA, tmp_path / "nowhere" / "%Y.mkv", how=LAVFI)
    with pytest.raises(UsageError, match="is no video format"):
        live(CAMERA, tmp_path / "%Y.jpg", how=LAVFI)
    assert [path.name for path in tmp_path.iterdir()] == ["there.mkv"]


@pytest.mark.parametrize(("text", "timed"), [("a.mp4", False), ("a%%.mp4", False), ("%F/a.mp4", True)])
def test_which_names_have_the_time_in_them(text: str, timed: bool) -> None:
    assert RecordingName(text).timed == timed
