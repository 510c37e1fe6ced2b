"""Colours and sizes of frames as viewers show them."""

from __future__ import annotations

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtvideo.colour import LUMA_WEIGHTS, Coding, Matrix, levels
from rtvideo.viewers.preview import Preview, fitted, shown_coding
from tests.helpers import hdr

COLOURS = [(0.8, 0.2, 0.1), (0.1, 0.6, 0.2), (0.15, 0.2, 0.7), (0.5, 0.5, 0.5)]


def patch(colour: tuple[float, float, float], coding: Coding, depth: int) -> av.VideoFrame:
    """Return a frame of one colour, R'G'B' in 0..1, computed from the definition of its coding."""
    red, green, blue = colour
    kr, kb = LUMA_WEIGHTS[coding.matrix]
    luma = kr * red + (1 - kr - kb) * green + kb * blue
    scale = levels(coding, depth)
    values = (
        scale.black + luma * scale.luma_scale,
        scale.zero + (blue - luma) / (2 - 2 * kb) * scale.chroma_scale,
        scale.zero + (red - luma) / (2 - 2 * kr) * scale.chroma_scale,
    )
    frame = av.VideoFrame(32, 24, "yuv420p" if depth == 8 else "yuv420p10le")
    for plane, value in zip(frame.planes, values, strict=True):
        dtype = np.uint8 if depth == 8 else np.uint16
        np.frombuffer(plane, dtype)[:] = round(value)
    frame.colorspace, frame.color_range = int(coding.matrix), 2 if coding.full_range else 1
    return frame


def sample(plane: av.video.plane.VideoPlane) -> int:
    return int(np.frombuffer(plane, np.uint8)[5])


@pytest.mark.parametrize("matrix", [Matrix.BT709, Matrix.SMPTE170M, Matrix.BT2020_NCL])
@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("depth", [8, 10])
def test_colours_are_those_that_the_tags_say(matrix: Matrix, full: bool, depth: int) -> None:
    for colour in COLOURS:
        frame = patch(colour, Coding(matrix, full), depth)
        pixels = Preview("bgr24", (100, 100))(frame).to_ndarray()[8:16, 8:16]
        wanted = 255 * np.array(colour[::-1])
        assert abs(pixels - wanted).max() <= 4

        # What the browser gets is limited, by the same matrix.
        sent = Preview("yuv420p", (100, 100))(frame)
        target = shown_coding(frame)
        assert target == Coding(matrix, full_range=False)
        expected = patch(colour, target, 8)
        for plane, want in zip(sent.planes, expected.planes, strict=True):
            assert abs(sample(plane) - sample(want)) <= 2


def test_rgb_and_grey_become_what_they_were() -> None:
    pixels = np.full((24, 32, 3), (200, 60, 30), np.uint8)
    frame = av.VideoFrame.from_ndarray(pixels, "rgb24")
    assert abs(Preview("bgr24", (100, 100))(frame).to_ndarray()[..., ::-1].astype(int) - pixels).max() <= 1
    sent = Preview("yuv420p", (100, 100))(frame)
    wanted = patch((200 / 255, 60 / 255, 30 / 255), shown_coding(frame), 8)
    for plane, want in zip(sent.planes, wanted.planes, strict=True):
        assert abs(sample(plane) - sample(want)) <= 2
    grey = av.VideoFrame.from_ndarray(np.full((24, 32), 126, np.uint8), "gray")
    grey.color_range = 1
    assert abs(Preview("bgr24", (100, 100))(grey).to_ndarray().astype(int) - 128).max() <= 2


def test_a_frame_that_fits_is_not_copied() -> None:
    frame = patch(COLOURS[0], Coding(Matrix.BT709, False), 8)
    assert Preview("yuv420p", (32, 24))(frame) is frame
    assert Preview("yuv420p", (30, 24))(frame) is not frame


@given(st.integers(1, 20000), st.integers(1, 20000), st.sampled_from([1.0, 12 / 11, 1.5, 0.5]))
def test_sizes_are_even_within_bounds_and_in_shape(width: int, height: int, aspect: float) -> None:
    shown = fitted(width, height, (1280, 720), aspect)
    assert all(side % 2 == 0 and side >= 2 for side in shown)
    assert shown[0] <= 1280 and shown[1] <= 720
    if min(shown) > 50:
        assert shown[0] / shown[1] == pytest.approx(width * aspect / height, rel=0.05)


@pytest.mark.parametrize("pix_fmt", ["bgr24", "yuv420p"])
def test_hdr_is_shown_in_sdr(pix_fmt: str) -> None:
    frame = hdr.frame(np.full((48, 64, 3), 0.2), "hlg")
    shown = Preview(pix_fmt, (32, 24))(frame)
    assert (shown.format.name, shown.width, shown.height) == (pix_fmt, 32, 24)
    right = 0.2 ** (1 / 2.4)
    middle = shown.to_ndarray()[12, 16].mean()
    assert middle == pytest.approx(255 * right if pix_fmt == "bgr24" else 16 + 219 * right, abs=2)
