"""Codecs between two steps of editing: kept in kind, or a line says that the output loses something."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.helpers import clips
from tests.helpers.matrix import enhanced


@pytest.mark.parametrize(
    ("codec", "pix_fmt", "ending", "options"),
    [
        ("dnxhd", "yuv422p10le", ".mov", {"profile": "dnxhr_hqx"}),
        ("dnxhd", "yuv422p10le", ".mxf", {"profile": "dnxhr_hqx"}), ("prores_ks", "yuv422p10le", ".mxf", {}),
        ("ffv1", "yuv422p10le", ".mxf", {}),
        ("dnxhd", "yuv422p", ".mov", {"profile": "dnxhr_hq"}), ("cfhd", "yuv422p10le", ".mov", {}),
        ("prores_ks", "yuv422p10le", ".mov", {}), ("v210", "yuv422p10le", ".mov", {}),
        ("r210", "gbrp10le", ".mov", {}), ("r10k", "gbrp10le", ".mov", {}),
        ("utvideo", "yuv422p", ".avi", {}), ("ffvhuff", "yuv420p10le", ".avi", {}),
        ("magicyuv", "gbrp", ".avi", {}), ("ffv1", "yuv422p12le", ".mkv", {}), ("png", "rgb48be", ".mov", {}),
        ("qtrle", "rgb24", ".mov", {}),
    ],
)  # fmt: skip
def test_an_intermediate_codec_is_kept(
    tmp_path: Path, codec: str, pix_fmt: str, ending: str, options: dict[str, str]
) -> None:
    size = {"width": 256, "height": 144}
    source = clips.write(
        tmp_path / f"in{ending}", frames=3, codec=codec, pix_fmt=pix_fmt, options=options, **size
    )
    report = enhanced(source, tmp_path / f"out{ending}")
    before, after = clips.streams(source)[0], clips.streams(tmp_path / f"out{ending}")[0]
    assert after.codec == before.codec and not any("loss" in line for line in report.warnings)
    dark, lit = clips.first(source), clips.first(tmp_path / f"out{ending}")
    assert lit.format.name == dark.format.name
    if codec not in ("dnxhd", "cfhd", "prores_ks"):
        for plane, made in zip(clips.planes(dark), clips.planes(lit), strict=True):
            np.testing.assert_array_equal(plane, made)


def test_a_lossless_video_that_becomes_a_lossy_one_is_named(tmp_path: Path) -> None:
    source = clips.write(tmp_path / "in.mov", frames=3, codec="v210", pix_fmt="yuv422p10le")
    report = enhanced(source, tmp_path / "out.mp4")
    assert any("lossless video (v210) becomes lossy libx264" in line for line in report.warnings)
    for ending, options in ((".mp4", {"crf": 0, "codec": "libx264"}), (".mkv", {"codec": "ffv1"})):
        report = enhanced(source, tmp_path / f"kept{ending}", **options)
        assert not any("lossless" in line for line in report.warnings)
        np.testing.assert_array_equal(
            clips.first(source).to_ndarray(), clips.first(tmp_path / f"kept{ending}").to_ndarray()
        )


def test_animations_and_raw_video_are_not_said_to_be_lossless(tmp_path: Path) -> None:
    frames = [Image.fromarray(clips.picture(index, 64, 48)) for index in range(3)]
    frames[0].save(tmp_path / "in.gif", save_all=True, append_images=frames[1:], duration=40)
    raw = clips.write(tmp_path / "in.avi", frames=3, codec="rawvideo")
    for source in (tmp_path / "in.gif", raw):
        report = enhanced(source, tmp_path / f"{source.suffix[1:]}.mp4")
        assert not any("lossless" in line for line in report.warnings)
