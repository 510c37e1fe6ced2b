"""What other containers and the stream itself say of a picture becomes boxes in MP4 and MOV."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import av
import pytest

from rtvideo.files.job import enhance_video
from rtvideo.media.describe import Summary
from rtvideo.media.mp4.marks import marks_of
from rtvideo.options import Options, Report
from tests.helpers import clips, mp4
from tests.helpers.doubles import FakeSession, opening

#: As x265 takes it: chromaticities in 1/50000, luminance in 1/10000.
MASTERING = "G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,50)"


def enhance(source: Path, target: Path, **options: Any) -> Report:
    return enhance_video(source, target, Options(**options), open_engine=opening(FakeSession()))  # type: ignore[arg-type]


def side_data(path: Path) -> list[str]:
    with av.open(str(path)) as container:
        found = Summary(container).side_data(container.streams.video[0])
        return [line for line in found if not line.lower().startswith("cpb")]


@pytest.mark.parametrize("ending", [".mp4", ".mov"])
@pytest.mark.parametrize("source", [".mkv", ".mp4"])
def test_the_light_that_a_stream_speaks_of(tmp_path: Path, source: str, ending: str) -> None:
    params = f"log-level=none:master-display={MASTERING}:max-cll=1000,400"
    options = {"x265-params": params, "preset": "ultrafast"}
    clip = clips.write(tmp_path / f"in{source}", codec="libx265", options=options)
    report = enhance(clip, tmp_path / f"out{ending}", codec="libx264", preset="ultrafast")
    assert report.warnings == []
    light, display = sorted(side_data(tmp_path / f"out{ending}"))
    assert "MaxCLL=1000, MaxFALL=400" in light
    numbers = [float(number) for number in re.findall(r"\d+\.\d+", display)]
    assert numbers == pytest.approx([0.68, 0.32, 0.265, 0.69, 0.15, 0.06, 0.3127, 0.329, 0.005, 1000])
    assert any("mastering" in line for line in enhance(clip, tmp_path / "out.avi", codec="mpeg4").warnings)


@pytest.mark.parametrize(
    ("mode", "words"), [("left_right", "side by side"), ("top_bottom", "top and bottom")]
)
def test_stereo_video_of_matroska(tmp_path: Path, mode: str, words: str) -> None:
    source = clips.tagged(clips.write(tmp_path / "plain.mkv"), tmp_path / "in.mkv", {"stereo_mode": mode})
    assert enhance(source, tmp_path / "out.mp4").warnings == []
    (line,) = side_data(tmp_path / "out.mp4")
    assert line.startswith(f"Stereo 3D: {words}")


def test_stereo_video_that_no_number_stands_for_is_named(tmp_path: Path) -> None:
    plain = clips.write(tmp_path / "plain.mkv")
    source = clips.tagged(plain, tmp_path / "in.mkv", {"stereo_mode": "right_left"})
    assert any("Stereo 3D" in line for line in enhance(source, tmp_path / "out.mp4").warnings)


def test_spherical_video(tmp_path: Path) -> None:
    pose = bytes(4) + b"\0\x5a\0\0\xff\xd3\0\0\0\0\x80\0"  # 90, -45 and half a degree
    projection = mp4.box(b"proj", mp4.box(b"prhd", pose) + mp4.box(b"equi", bytes(4) + bytes(range(16))))
    sphere = mp4.box(b"svhd", bytes(4) + b"rtvideo\0") + projection
    source = clips.write(tmp_path / "in.mp4")
    mp4.add(source, [(("video", True), mp4.box(b"sv3d", sphere))])
    assert dict(marks_of(clips.first(source))) == {"spherical mapping": mp4.box(b"sv3d", sphere)}
