"""Frames as planes: the same memory, every format, explicit conversion."""

from __future__ import annotations

import gc
import weakref
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rtvideo.api import enhance_file
from rtvideo.colour import Coding, Matrix
from rtvideo.media.planes import (
    LAYOUTS,
    FrameConverter,
    FrameFormat,
    FramePool,
    copy_columns,
    geometry_of,
    has_alpha,
    nearest_format,
    views,
)
from tests.helpers import clips

LIMITED = Coding(Matrix.BT709, full_range=False)
FULL = Coding(Matrix.BT709, full_range=True)


@settings(max_examples=60)
@given(st.sampled_from(sorted(LAYOUTS)), st.integers(1, 70), st.integers(1, 50))
def test_views_have_the_geometrys_shapes_and_share_memory(pix_fmt: str, width: int, height: int) -> None:
    frame = av.VideoFrame(width, height, pix_fmt)
    geometry = geometry_of(pix_fmt, width, height, LIMITED)
    arrays = views(frame, geometry)
    assert [a.shape for a in arrays] == geometry.shapes()
    for index, array in enumerate(arrays):
        array[:] = index + 1
    again = views(frame, geometry)
    assert all((a == i + 1).all() for i, a in enumerate(again))
    assert all(np.shares_memory(a, b) for a, b in zip(arrays, again, strict=True))


@pytest.mark.parametrize("pix_fmt", ["yuv420p", "yuv420p10le", "nv12", "gray", "rgb24"])
def test_views_agree_with_pyav(pix_fmt: str) -> None:
    rgb = av.VideoFrame.from_ndarray(clips.picture(3, 62, 34), "rgb24")
    frame = rgb.reformat(format=pix_fmt)
    ours = views(frame, geometry_of(pix_fmt, 62, 34, LIMITED))
    theirs = frame.to_ndarray().reshape(-1)
    assert np.array_equal(np.concatenate([a.reshape(-1) for a in ours]), theirs)


@pytest.mark.parametrize(
    ("pix_fmt", "nearest"),
    [
        ("yuv411p", "yuv422p"), ("yuv410p", "yuv420p"), ("yuv440p", "yuv444p"), ("yuva420p", "yuv420p"),
        ("pal8", "rgb24"), ("gbrp", "rgb24"), ("gbrp10le", "rgb48le"), ("bgra", "rgb24"),
        ("yuyv422", "yuv422p"),
        ("yuv420p16le", "yuv420p12le"), ("nv21", "yuv420p"), ("p010le", "p010le"), ("ya8", "gray"),
        ("gray16le", "gray12le"), ("monow", "gray"), ("yuv422p10be", "yuv422p10le"),
    ],
)  # fmt: skip
def test_unusual_formats_go_to_the_nearest(pix_fmt: str, nearest: str) -> None:
    assert nearest_format(pix_fmt) == nearest


def test_every_format_of_ffmpeg_that_holds_pictures_has_a_nearest() -> None:
    for name in sorted(av.video.frame.supported_np_pix_fmts):
        assert nearest_format(name) in LAYOUTS, name
    assert has_alpha("yuva420p") and has_alpha("rgba") and not has_alpha("nv12")


@pytest.mark.parametrize("matrix", [Matrix.BT709, Matrix.SMPTE170M])
@pytest.mark.parametrize("full", [False, True])
def test_conversion_obeys_matrix_and_range(matrix: Matrix, full: bool) -> None:
    """A flat colour goes to the values that the standard gives it, whatever the frame is tagged."""
    coding = Coding(matrix, full)
    colour = np.array([200, 60, 30])
    kr, kb = {Matrix.BT709: (0.2126, 0.0722), Matrix.SMPTE170M: (0.299, 0.114)}[matrix]
    luma = kr * colour[0] + (1 - kr - kb) * colour[1] + kb * colour[2]
    cb, cr = (colour[2] - luma) / (2 * (1 - kb)), (colour[0] - luma) / (2 * (1 - kr))
    wanted = (
        (luma, cb + 128, cr + 128)
        if full
        else (16 + luma * 219 / 255, 128 + cb * 224 / 255, 128 + cr * 224 / 255)
    )
    rgb = av.VideoFrame.from_ndarray(np.broadcast_to(colour, (16, 16, 3)).astype(np.uint8), "rgb24")
    frame = FrameConverter(FrameFormat("yuv444p", 16, 16, coding))(rgb, Coding(Matrix.RGB, full_range=True))
    values = [float(a.mean()) for a in views(frame, geometry_of("yuv444p", 16, 16, coding))]
    assert values == pytest.approx(wanted, abs=1)
    back = FrameConverter(FrameFormat("rgb24", 16, 16, Coding(Matrix.RGB, full_range=True)))(frame, coding)
    assert np.abs(back.to_ndarray().astype(int) - colour).max() <= 2


def test_the_given_range_counts_and_not_the_frames_own_tag() -> None:
    frame = av.VideoFrame(16, 16, "yuv420p")
    for plane, value in zip(views(frame, geometry_of("yuv420p", 16, 16, FULL)), (255, 128, 128), strict=True):
        plane[:] = value
    limited = FrameConverter(FrameFormat("yuv420p", 16, 16, LIMITED))(frame, FULL)
    assert [int(a.max()) for a in views(limited, geometry_of("yuv420p", 16, 16, LIMITED))] == [235, 128, 128]


def test_conversion_leaves_alone_what_fits() -> None:
    frame = av.VideoFrame(32, 32, "yuvj420p")
    assert FrameConverter(FrameFormat("yuv420p", 32, 32, FULL))(frame, FULL) is frame
    assert FrameConverter(FrameFormat("yuv420p", 32, 32, LIMITED))(frame, FULL) is not frame
    assert FrameConverter(FrameFormat("yuv420p", 16, 32, FULL))(frame, FULL).width == 16


def test_a_pooled_frame_never_changes_under_somebody_who_holds_it() -> None:
    pool = FramePool("yuv420p", 64, 48)
    geometry = geometry_of("yuv420p", 64, 48, LIMITED)
    frame = pool.take()
    views(frame, geometry)[0][:] = 7
    held = np.from_dlpack(frame.planes[0])  # type: ignore[arg-type]
    pool.give(frame)
    again = pool.take()
    views(again, geometry)[0][:] = 9
    assert again is frame and (held == 7).all()
    before = views(again, geometry)[0].ctypes.data
    pool.give(again)
    assert views(pool.take(), geometry)[0].ctypes.data == before


@settings(max_examples=30)
@given(
    st.sampled_from(["yuv420p", "yuv444p", "nv12", "rgb24", "gray"]), st.integers(2, 33), st.integers(1, 9)
)
def test_columns_are_copied_whole_pixels_at_a_time(pix_fmt: str, width: int, height: int) -> None:
    one = geometry_of(pix_fmt, width, height, LIMITED)
    two = geometry_of(pix_fmt, 2 * width, height, LIMITED)
    left, right, wide, split = one.empty(), one.empty(), two.empty(), one.empty()
    for planes, value in ((left, 10), (right, 20), (split, 30), (wide, 0)):
        for plane in planes:
            plane[:] = value
    copy_columns(left, wide, one, "left")
    copy_columns(right, wide, one, "right")
    copy_columns(left, split, one, "split")
    for plane in wide:
        assert set(np.unique(plane)) <= {10, 20}
        assert plane[0, 0] == 10 and plane[0, -1] == 20
    assert (wide[0] == 20).sum() == right[0].size
    assert split[0][0, -1] == 30 and (split[0] == 10).any()


def test_a_converted_frame_does_not_go_into_the_pool() -> None:
    pool = FramePool("rgb24", 16, 8)
    pool.give(pool.take().reformat(format="bgr0"))
    assert pool.take().format.name == "rgb24"


def test_a_pool_that_nobody_uses_any_more_is_freed_with_its_frames() -> None:
    pool = FramePool("yuv420p", 64, 48)
    pool.give(pool.take())
    pool_is_there = weakref.ref(pool)
    del pool
    gc.collect()
    assert pool_is_there() is None


def test_rgb_video_comes_through_an_output_of_another_format(tmp_path: Path) -> None:
    shown = [np.full((48, 64, 3), (10 * step, 100, 200 - 10 * step), np.uint8) for step in range(12)]
    with av.open(str(tmp_path / "in.mkv"), "w") as container:
        stream = container.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "bgr0"
        for pixels in shown:
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            container.mux(stream.encode(frame.reformat(format="bgr0")))
        container.mux(stream.encode(None))
    enhance_file(tmp_path / "in.mkv", tmp_path / "out.mkv", strength=0.0)
    with av.open(str(tmp_path / "out.mkv")) as container:
        for frame, pixels in zip(container.decode(video=0), shown, strict=True):
            np.testing.assert_array_equal(frame.to_ndarray(format="rgb24"), pixels)
