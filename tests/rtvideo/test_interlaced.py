"""Interlaced frames, as file and as live input: each becomes one progressive frame with the same time."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.filter import Graph

from rtvideo.files.job import enhance_video
from rtvideo.live.job import LiveOptions, enhance_live
from rtvideo.options import Options
from tests.helpers import clips
from tests.helpers.doubles import FakeSession, opening

#: Width, height, and whether interlaced, of each part of a stream.
Part = tuple[int, int, bool]

#: Frames of each part.
COUNT = 8

PARTS: dict[str, Sequence[Part]] = {
    "all interlaced": [(64, 48, True)],
    "begins": [(64, 48, False), (64, 48, True)],
    "ends": [(64, 48, True), (64, 48, False)],
    "another size": [(64, 48, True), (96, 80, True)],
    "another size, progressive": [(64, 48, True), (96, 80, False), (64, 48, False), (64, 48, True)],
}


def joined(folder: Path, parts: Sequence[Part]) -> Path:
    """Write a transport stream whose parts differ, at 25 frames a second without a gap."""
    path = folder / "in.ts"
    data = b""
    for number, (width, height, interlaced) in enumerate(parts):
        pts = range(COUNT * number, COUNT * (number + 1))
        part = clips.write(
            folder / f"{number}.ts",
            format="mpegts",
            frames=COUNT,
            width=width,
            height=height,
            interlaced=interlaced,
            time_base=Fraction(1, 25),
            pts=pts,
            options={"bf": "0"},
        )
        data += part.read_bytes()
        part.unlink()
    path.write_bytes(data)
    return path


def as_file(source: Path, target: Path) -> None:
    enhance_video(source, target, Options(codec="ffv1"), open_engine=opening(FakeSession()))  # type: ignore[arg-type]


def as_live(source: Path, target: Path) -> None:
    enhance_live(
        str(source),
        [str(target)],
        Options(codec="ffv1"),
        LiveOptions(adapt=False),
        open_engine=opening(FakeSession()),  # type: ignore[arg-type]
    )


def ticks(frames: Sequence[av.VideoFrame]) -> list[float]:
    """Return times from the first frame on, in frames."""
    begin = frames[0].time or 0.0
    return [round(25 * ((frame.time or 0.0) - begin), 1) for frame in frames]


def bwdif(frames: Sequence[av.VideoFrame]) -> list[av.VideoFrame]:
    """Deinterlace frames of one size with FFmpeg's filter."""
    first, graph, made = frames[0], Graph(), []
    source = graph.add_buffer(
        width=first.width, height=first.height, format=first.format, time_base=Fraction(1, 90_000)
    )
    last = graph.add("bwdif", "mode=send_frame:deint=interlaced")
    source.link_to(last)
    last.link_to(graph.add("buffersink"))
    graph.configure()
    for frame in (*frames, None):
        graph.push(frame)
        with contextlib.suppress(BlockingIOError, av.error.EOFError):
            while True:
                made.append(graph.pull())
    return made


@pytest.mark.slow
@pytest.mark.parametrize("way", [as_file, as_live])
@pytest.mark.parametrize("name", PARTS)
def test_every_frame_comes_out_progressive_at_its_time(
    tmp_path: Path, name: str, way: Callable[[Path, Path], None]
) -> None:
    source = joined(tmp_path, PARTS[name])
    way(source, tmp_path / "out.mkv")
    before, after = clips.frames(source), clips.frames(tmp_path / "out.mkv")
    assert [frame.interlaced_frame for frame in before[::COUNT]] == [part[2] for part in PARTS[name]]
    assert ticks(after) == ticks(before)
    assert not any(frame.interlaced_frame for frame in after)
    assert {(frame.width, frame.height) for frame in after} == {(64, 48)}


@pytest.mark.parametrize("way", [as_file, as_live])
@pytest.mark.parametrize("name", ["all interlaced", "ends"])
def test_the_picture_is_what_bwdif_makes(
    tmp_path: Path, name: str, way: Callable[[Path, Path], None]
) -> None:
    source = joined(tmp_path, PARTS[name])
    way(source, tmp_path / "out.mkv")
    wanted, after = bwdif(clips.frames(source)), clips.frames(tmp_path / "out.mkv")
    for one, other in zip(wanted, after, strict=True):
        for a, b in zip(clips.planes(one), clips.planes(other), strict=True):
            assert np.array_equal(a, b)
