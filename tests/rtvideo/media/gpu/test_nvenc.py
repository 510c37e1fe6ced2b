"""NVIDIA's encoders, as far as can be seen where none opens: what they would be told."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import pytest

from rtvideo.errors import UsageError
from rtvideo.media import codecs
from rtvideo.media.codecs import VideoParameters
from rtvideo.media.tags import Tags
from tests.conftest import has_gpu

TAGS = Tags(matrix=1, range=1, transfer=1, primaries=1)
VIDEO = VideoParameters(
    "h264", "nv12", 64, 48, Fraction(25), Fraction(1, 25), None, TAGS, TAGS.coding("nv12", 48), None
)


@pytest.mark.parametrize("name", ["h264_nvenc", "hevc_nvenc", "av1_nvenc"])
def test_quality_is_asked_for_and_not_a_rate(name: str) -> None:
    encoding, _ = codecs._settings(name, VIDEO, "mp4", 30, "p7")
    assert encoding.options == {"rc": "vbr", "b": "0", "preset": "p7", "cq": "30"}
    with pytest.raises(UsageError, match=r"--preset 'slow': codec .*_nvenc takes p1, p2"):
        codecs._settings(name, VIDEO, "mp4", None, "slow")
    with pytest.raises(UsageError, match=r"--crf 60: codec .*_nvenc takes 1"):
        codecs._settings(name, VIDEO, "mp4", 60, None)


@pytest.mark.parametrize(
    ("given", "taken"),
    [("nv12", "nv12"), ("p010le", "p010le"), ("yuv420p10le", "p010le"), ("yuv422p", "nv16")],
)
def test_formats_are_those_in_main_memory(given: str, taken: str) -> None:
    picture = replace(VIDEO, pix_fmt=given)
    assert codecs._settings("h264_nvenc", picture, "mp4", None, None)[0].pix_fmt == taken


@pytest.mark.skipif(has_gpu(), reason="there is a GPU")
def test_where_there_is_none_it_is_said() -> None:
    said = r"codec 'h264_nvenc' cannot encode 64x48 nv12 video: it needs an NVIDIA GPU .*; choose another"
    with pytest.raises(UsageError, match=said):
        codecs.choose(VIDEO, "mp4", "h264_nvenc", None, None)
