"""Pictures that players turn or mirror: as they were, or upright where the container cannot say so."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image

from rtvideo.files.job import enhance_video
from rtvideo.media.orientation import orientation_of
from rtvideo.options import Options, Report
from tests.helpers import clips
from tests.helpers.display import MATRICES, matrix, upright
from tests.helpers.doubles import FakeSession, opening

TURNED = [number for number in MATRICES if number != 1]


def enhance(source: Path, target: Path, **options: Any) -> Report:
    return enhance_video(source, target, Options(**options), open_engine=opening(FakeSession()))  # type: ignore[arg-type]


def written(path: Path, orientation: int, **changes: Any) -> Path:
    changes.setdefault("options", {"crf": "0", "preset": "ultrafast"})
    return clips.write(path, frames=3, display_matrix=matrix(orientation), **changes)


@pytest.mark.parametrize("orientation", MATRICES)
def test_a_display_matrix_is_understood(orientation: int) -> None:
    assert orientation_of(matrix(orientation)) == orientation
    assert orientation_of([number // 2 + 3 for number in matrix(orientation)]) == orientation


def test_angles_that_are_not_right_ones_are_none() -> None:
    assert orientation_of((46341, 46341, 0, -46341, 46341, 0, 0, 0, 1 << 30)) is None
    assert orientation_of(None) == 1


@pytest.mark.parametrize("orientation", TURNED)
@pytest.mark.parametrize("ending", [".avi", ".ts", ".nut"])
def test_pictures_are_turned_where_the_container_cannot_say_so(
    tmp_path: Path, ending: str, orientation: int
) -> None:
    source = written(tmp_path / "in.mov", orientation, sample_aspect_ratio=Fraction(4, 3))
    report = enhance(source, tmp_path / f"out{ending}", crf=0)
    before, after = clips.frames(source), clips.frames(tmp_path / f"out{ending}")
    assert len(report.warnings) == 1 and "cannot tell players to do so" in report.warnings[0]
    assert after[0].rotation == 0
    for dark, lit in zip(before, after, strict=True):
        for plane, made in zip(clips.planes(dark), clips.planes(lit), strict=True):
            np.testing.assert_array_equal(made, upright(plane, orientation))
    with av.open(str(tmp_path / f"out{ending}")) as container:
        shape = Fraction(3, 4) if orientation > 4 else Fraction(4, 3)
        assert container.streams.video[0].sample_aspect_ratio == shape


@pytest.mark.parametrize("orientation", TURNED)
@pytest.mark.parametrize("ending", [".mp4", ".mov", ".mkv", ".webm"])
def test_a_matrix_is_kept_where_there_is_a_place(tmp_path: Path, ending: str, orientation: int) -> None:
    source = written(tmp_path / "in.mov", orientation)
    report = enhance(source, tmp_path / f"out{ending}")
    data: Any = clips.first(tmp_path / f"out{ending}").side_data
    kept = data.get(av.sidedata.sidedata.Type.DISPLAYMATRIX)
    assert kept is not None and orientation_of(memoryview(bytes(kept)).cast("i").tolist()) == orientation
    assert not any("turned" in line for line in report.warnings)


@pytest.mark.parametrize(
    ("pix_fmt", "size"),
    [("yuv422p", (64, 48)), ("yuv422p10le", (64, 48)), ("yuv420p", (63, 47)), ("yuv444p", (63, 47))],
)
@pytest.mark.parametrize("orientation", [2, 6, 7])
def test_luma_is_exact_and_chroma_near_where_it_must_be_converted(
    tmp_path: Path, pix_fmt: str, size: tuple[int, int], orientation: int
) -> None:
    width, height = size
    source = written(
        tmp_path / "in.mkv",
        orientation,
        codec="ffv1",
        options={},
        pix_fmt=pix_fmt,
        width=width,
        height=height,
    )
    enhance(source, tmp_path / "out.avi", codec="ffv1")
    dark, lit = clips.first(source), clips.first(tmp_path / "out.avi")
    assert lit.format.name == pix_fmt
    np.testing.assert_array_equal(clips.planes(lit)[0], upright(clips.planes(dark)[0], orientation))
    before = np.asarray(
        Image.fromarray(dark.to_ndarray(format="rgb24")).transpose(MATRICES[orientation][1]), np.float64
    )
    after = lit.to_ndarray(format="rgb24").astype(np.float64)
    assert np.abs(before - after).mean() < 1.5


@pytest.mark.parametrize("compare", ["split", "side"])
def test_a_comparison_stands_upright_everywhere(tmp_path: Path, compare: str) -> None:
    source = written(tmp_path / "in.mov", 6)
    for ending in (".mp4", ".avi"):
        enhance(source, tmp_path / f"out{ending}", compare=compare, crf=0, codec="libx264")
        made = clips.first(tmp_path / f"out{ending}")
        luma, wanted = clips.planes(made)[0], upright(clips.planes(clips.first(source))[0], 6)
        assert made.rotation == 0
        np.testing.assert_array_equal(luma, np.hstack([wanted] * (2 if compare == "side" else 1)))


def test_an_angle_that_is_not_a_right_one_is_named(tmp_path: Path) -> None:
    source = clips.write(tmp_path / "in.mov", frames=3, rotation=30)
    report = enhance(source, tmp_path / "out.avi")
    assert any(" degrees: avi cannot say so" in line for line in report.warnings)
    assert clips.first(tmp_path / "out.avi").width == 64
