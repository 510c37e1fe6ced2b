"""The clock of an input: what it does in the wild, and where its packets must come to lie."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtvideo.files.job import enhance_video
from rtvideo.media.timeline import Timeline
from rtvideo.options import Options, Report
from tests.helpers import clips
from tests.helpers.doubles import FakeSession, opening

WRAP = 2**33


def part(start: float, seconds: float, step: float = 0.04, stream: int = 0) -> list[tuple[int, float, float]]:
    """Return packets of one stream: (stream, time, duration), all in seconds."""
    return [(stream, start + k * step, step) for k in range(round(seconds / step))]


def woven(*streams: list[tuple[int, float, float]]) -> list[tuple[int, float, float]]:
    """Return packets of one part in the order of their times, as a muxer writes them."""
    return sorted((packet for stream in streams for packet in stream), key=lambda packet: packet[1])


@dataclass
class Case:
    """What an input's clock does: packets in the order of the file, and where each stream ends up."""

    packets: list[tuple[int, float, float]]
    last: dict[int, float]
    resets: int = 0
    leaps: int = 0
    joins: bool = True
    start: float = 0.0


CASES = {
    "steady": Case(woven(part(0, 4), part(0.01, 4, 0.02, 1)), {0: 3.96, 1: 3.99}),
    "late start": Case(part(600, 2), {0: 601.96}),
    "joined": Case(part(1.4, 2) + part(1.4, 2), {0: 5.36}, resets=1),
    "joined three times": Case(part(1, 2) * 3, {0: 6.96}, resets=2),
    "joined with sound": Case(woven(part(1, 2), part(1.02, 2, 0.02, 1)) * 2, {0: 4.98, 1: 5.0}, resets=1),
    "sound begins the second part": Case(
        woven(part(1, 2), part(1, 2, 0.02, 1)) + woven(part(0.5, 2), part(0.48, 2, 0.02, 1)),
        {0: 4.98, 1: 4.98},
        resets=1,
    ),
    "the first part's sound comes late": Case(
        [
            *woven(part(1, 1.5), part(1, 1.5, 0.02, 1)),
            *part(2.5, 0.5),
            *part(1, 0.4),
            *part(2.5, 0.5, 0.02, 1),
            *part(1.4, 1.6),
            *part(1, 2, 0.02, 1),
        ],
        {0: 4.96, 1: 4.98},
        resets=1,
    ),
    "leaps ahead by a day": Case(part(0, 2) + part(86400, 2), {0: 3.96}, leaps=1),
    "leaps ahead where gaps are kept": Case(part(0, 2) + part(86400, 2), {0: 86401.96}, joins=False),
    "set back where gaps are kept": Case(part(100, 2) + part(0, 2), {0: 103.96}, resets=1, joins=False),
    "a gap of five seconds": Case(part(0, 2) + part(7, 2), {0: 8.96}),
    "one damaged time": Case([*part(0, 2), (0, 5e4, 0.04), *part(2.04, 2)], {0: 4.0}, leaps=1),
    "a clock about to wrap": Case(
        woven(part(-2.7, 4), part(-2.72, 4, 0.02, 1)), {0: 3.98, 1: 3.98}, start=-2.72
    ),
    "below zero for good": Case(part(-0.08, 2), {0: 1.88}, joins=False, start=-0.08),
    "back by a little": Case([(0, 1.0, 0.04), (0, 0.9, 0.04), (0, 1.08, 0.04)], {0: 1.08}),
}


@pytest.mark.parametrize("name", CASES)
def test_where_packets_come_to_lie(name: str) -> None:
    case = CASES[name]
    timeline = Timeline(start=Fraction(case.start).limit_denominator(1000), joins=case.joins)
    last: dict[int, float] = {}
    for stream, time, duration in case.packets:
        exact = Fraction(time).limit_denominator(10**6)
        offset = timeline.offset(stream, exact, Fraction(duration).limit_denominator(1000), steady=True)
        placed = float(exact + offset)
        if name != "one damaged time":
            assert placed >= last.get(stream, -1e9) - 0.5
        last[stream] = placed
    assert last == pytest.approx(case.last, abs=0.021)
    assert (timeline.resets, timeline.leaps) == (case.resets, case.leaps)


@pytest.mark.slow
@given(
    starts=st.lists(st.floats(-1000, 1e5, allow_nan=False), min_size=1, max_size=6),
    lengths=st.lists(st.integers(20, 60), min_size=6, max_size=6),
)
def test_parts_joined_at_any_time_follow_each_other(starts: list[float], lengths: list[int]) -> None:
    """Sound and picture stay as far apart as they were recorded, and no step is left."""
    timeline = Timeline(joins=True)
    apart, last = set(), {}
    for start, length in zip(starts, lengths, strict=False):
        begin = Fraction(start).limit_denominator(90000)
        for k in range(length):
            places = []
            for stream in (0, 1):
                time = begin + Fraction(k, 25) + Fraction(stream, 100)
                places.append(time + timeline.offset(stream, time, Fraction(1, 25), steady=True))
                if stream in last:
                    assert -0.51 <= places[-1] - last[stream] <= 10.1
                last[stream] = places[-1]
            apart.add(places[1] - places[0])
    assert apart == {Fraction(1, 100)}


def test_subtitles_come_when_they_come() -> None:
    timeline = Timeline(joins=True)
    assert timeline.offset(0, Fraction(0), Fraction(1), steady=True) == 0
    for time in (1, 500, 4000):
        assert timeline.offset(1, Fraction(time), Fraction(2), steady=False) == 0
    assert timeline.leaps == 0


def transport_stream(path: Path, first: int = 0, **changes: object) -> Path:
    """Write a clip with sound as MPEG-TS whose clock begins at a tick of 1/90000 s."""
    source = clips.write(path.with_suffix(".mp4"), frames=30, audio=1, **changes)
    with av.open(str(source)) as old, av.open(str(path), "w", format="mpegts") as out:
        copies = {stream.index: out.add_stream_from_template(stream) for stream in old.streams}
        for packet in old.demux():
            if packet.dts is None:
                continue
            moved = round(Fraction(first, 90000) / packet.time_base)
            packet.pts, packet.dts = packet.pts + moved, packet.dts + moved
            packet.stream = copies[packet.stream_index]
            out.mux(packet)
    return path


def enhanced(source: Path, target: Path, **options: object) -> Report:
    chosen = Options(**options)  # type: ignore[arg-type]
    return enhance_video(source, target, chosen, open_engine=opening(FakeSession()))  # type: ignore[arg-type]


def times(path: Path, kind: str) -> list[float]:
    with av.open(str(path)) as container:
        stream = container.streams.best(kind)
        return sorted(float(p.pts * p.time_base) for p in container.demux(stream) if p.pts is not None)


@pytest.mark.slow
@pytest.mark.parametrize("suffix", [".mkv", ".mp4"])
def test_recordings_joined_by_cat_keep_all_frames_and_sound(tmp_path: Path, suffix: str) -> None:
    one = transport_stream(tmp_path / "one.ts", first=126000)
    joined = tmp_path / "joined.ts"
    joined.write_bytes(one.read_bytes() * 3)
    report = enhanced(joined, tmp_path / f"out{suffix}")
    pictures, sounds = times(tmp_path / f"out{suffix}", "video"), times(tmp_path / f"out{suffix}", "audio")
    assert len(pictures) == 90 and 0 <= len(sounds) - 3 * len(times(one, "audio")) <= 1
    gaps = [b - a for a, b in pairwise(pictures)]
    assert min(gaps) > 0.03 and max(gaps) < 0.3
    assert abs(pictures[-1] - sounds[-1]) < 0.3
    assert any("went back 2 times" in line for line in report.warnings)
    assert not any("not later" in line for line in report.warnings)


@pytest.mark.parametrize("suffix", [".mkv", ".mp4"])
def test_a_clock_that_wraps_keeps_all_frames_and_sound(tmp_path: Path, suffix: str) -> None:
    wrapping = transport_stream(tmp_path / "wrapping.ts", first=WRAP - 50000)
    report = enhanced(wrapping, tmp_path / f"out{suffix}")
    pictures, sounds = times(tmp_path / f"out{suffix}", "video"), times(tmp_path / f"out{suffix}", "audio")
    assert len(pictures) == 30 and 0 <= len(sounds) - len(times(wrapping, "audio")) <= 1
    assert pictures[0] >= 0 and abs(pictures[0] - sounds[0]) < 0.1
    assert pictures[-1] - pictures[0] == pytest.approx(29 / 25, abs=0.002)
    assert not any("clock" in line or "not later" in line for line in report.warnings)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["clip.ts", "clip.m2ts", "clip.mpg", "clip.mkv", "clip.mp4"])
@pytest.mark.parametrize("gop", [5, 300])
def test_start_takes_the_exact_frame(tmp_path: Path, name: str, gop: int) -> None:
    """Also where a container has no index of key frames."""
    codec = "mpeg2video" if name.endswith("mpg") else "libx264"
    source = clips.write(tmp_path / name, frames=60, codec=codec, options={"g": str(gop), "bf": "2"})
    begin = times(source, "video")[0]
    enhanced(source, tmp_path / "whole.mkv", codec="ffv1")
    enhanced(source, tmp_path / "piece.mkv", codec="ffv1", start=1.2)
    whole, piece = times(tmp_path / "whole.mkv", "video"), times(tmp_path / "piece.mkv", "video")
    assert len(piece) == sum(time >= begin + 1.2 - 1e-3 for time in whole) == 30
    with av.open(str(tmp_path / "whole.mkv")) as a, av.open(str(tmp_path / "piece.mkv")) as b:
        first = next(b.decode(video=0)).to_ndarray()
        expected = list(a.decode(video=0))[30].to_ndarray()
    assert (first == expected).all()


def test_start_in_a_raw_stream_without_times(tmp_path: Path) -> None:
    source = clips.write(tmp_path / "clip.h264", frames=50, format="h264", options={"g": "300"})
    enhanced(source, tmp_path / "piece.mkv", start=1.0)
    assert len(times(tmp_path / "piece.mkv", "video")) == 25


def test_frames_that_an_avi_camera_dropped_are_no_damage(tmp_path: Path) -> None:
    """AVI stores them as packets without data, and counts them."""
    times = [time for time in range(60) if time % 7 not in (3, 4)]
    changes = {"codec": "mpeg4", "pts": times, "frames": len(times), "width": 160, "height": 120}
    source = clips.write(tmp_path / "in.avi", **changes)
    report = enhanced(source, tmp_path / "out.mkv")
    assert report.incomplete is None and report.frames_out == len(times)


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".avi"])
def test_a_piece_up_to_the_end_is_not_cut_short(tmp_path: Path, suffix: str) -> None:
    """The packets before ``start`` are not missing; those of a file whose end is missing are."""
    codec = "mpeg4" if suffix == ".avi" else "libx264"
    source = clips.write(tmp_path / f"in{suffix}", codec=codec, frames=75, options={"g": "10"})
    report = enhanced(source, tmp_path / "out.mkv", start=2.0)
    assert report.incomplete is None and report.frames_out == 25
    if suffix != ".avi":
        data = source.read_bytes()
        source.write_bytes(data[: int(len(data) * 0.8)])
        assert "cut short" in (enhanced(source, tmp_path / "half.mkv", start=0.4).incomplete or "")
