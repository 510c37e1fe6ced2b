"""`rtvideo.process`: a caller's function in the pipeline of a file that keeps everything else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rtvideo
from rtvideo.errors import UsageError
from rtvideo.media.orientation import stored, turned
from tests.helpers import clips

#: The engine leaves the frames as they are, and the codec too.
ALONE: dict[str, Any] = {"strength": 0, "codec": "ffv1"}


@pytest.mark.parametrize("orientation", range(1, 9))
def test_stored_undoes_turned(orientation: int) -> None:
    pixels = np.arange(2 * 3 * 3).reshape(2, 3, 3)
    np.testing.assert_array_equal(stored(turned(pixels, orientation), orientation), pixels)


def test_a_function_sees_every_frame_and_everything_else_is_kept(tmp_path: Path) -> None:
    source = clips.write(tmp_path / "in.mkv", codec="ffv1", audio=1, subtitles=1, chapters=True)
    seen: list[float] = []

    def box(pixels: np.ndarray[Any, Any], time: float) -> None:
        assert pixels.shape == (48, 64, 3) and pixels.dtype == np.uint8
        seen.append(time)
        pixels[8:24, 16:32] = (255, 0, 0)

    report = rtvideo.process(source, tmp_path / "out.mkv", box, **ALONE)
    assert report.frames_out == 12 and seen == [float(time) for time in clips.times(source)]
    kept = clips.streams(source)[1:]
    assert len(kept) == 2 and clips.streams(tmp_path / "out.mkv")[1:] == kept
    assert clips.times(tmp_path / "out.mkv") == clips.times(source)
    for made, before in zip(clips.frames(tmp_path / "out.mkv"), clips.frames(source), strict=True):
        shown, was = made.to_ndarray(format="rgb24").astype(int), before.to_ndarray(format="rgb24")
        assert np.abs(shown[12:20, 20:28] - (255, 0, 0)).max() < 6
        assert np.abs(shown[32:, 40:] - was[32:, 40:]).max() < 12  # through RGB and back


def test_what_a_function_leaves_alone_is_the_same_to_the_bit(tmp_path: Path) -> None:
    source = clips.write(tmp_path / "in.mkv", codec="ffv1")
    rtvideo.process(source, tmp_path / "out.mkv", lambda pixels, time: pixels, **ALONE)
    for made, before in zip(clips.frames(tmp_path / "out.mkv"), clips.frames(source), strict=True):
        for new, old in zip(clips.planes(made), clips.planes(before), strict=True):
            np.testing.assert_array_equal(new, old)


@pytest.mark.parametrize("rotation", [90, 180])
def test_a_function_sees_the_picture_upright(tmp_path: Path, rotation: int) -> None:
    source = clips.write(tmp_path / "in.mp4", rotation=rotation)

    def top(pixels: np.ndarray[Any, Any], time: float) -> np.ndarray[Any, Any]:
        made = pixels.copy()
        made[: len(made) // 2] = 250
        return made

    rtvideo.process(source, tmp_path / "out.mp4", top, strength=0, crf=1)
    with rtvideo.stream(tmp_path / "out.mp4", strength=0, denoise=0, temporal=0, deband=0) as frames:
        shown = next(frames)
    half = len(shown) // 2
    assert shown[: half - 4].min() > 230 and shown[half + 4 :].mean() < 120


def test_deep_video_comes_in_16_bits(tmp_path: Path) -> None:
    source = clips.write(tmp_path / "in.mkv", codec="ffv1", pix_fmt="yuv420p10le")
    kinds = set()

    def look(pixels: np.ndarray[Any, Any], time: float) -> None:
        kinds.add((pixels.dtype.name, bool((pixels % 257).any())))

    rtvideo.process(source, tmp_path / "out.mkv", look, **ALONE)
    assert kinds == {("uint16", True)}
    assert clips.first(tmp_path / "out.mkv").format.name == "yuv420p10le"


@pytest.mark.parametrize(
    ("callback", "error", "words"),
    [
        (lambda pixels, time: pixels[:-1], ValueError, r"uint8 of shape \(47, 64, 3\); allowed: uint8 of"),
        (lambda pixels, time: pixels / 2, ValueError, "returned float64 of shape"),
        (lambda pixels, time: [1], TypeError, "returned a list; allowed: an array, or None"),
        (lambda pixels, time: {}["lamp"], KeyError, "lamp"),
        ("blur", TypeError, "callback: 'blur' cannot be called"),
    ],
)
def test_what_goes_wrong_leaves_no_output(
    tmp_path: Path, callback: Any, error: type[Exception], words: str
) -> None:
    source = clips.write(tmp_path / "in.mp4")
    with pytest.raises(error, match=words):
        rtvideo.process(source, tmp_path / "out.mp4", callback, strength=0)
    assert [path.name for path in tmp_path.iterdir()] == ["in.mp4"]


def test_what_it_is_not_for(tmp_path: Path) -> None:
    source = clips.write(tmp_path / "in.mp4")
    with pytest.raises(UsageError, match="resume=True: a file that a function changes"):
        rtvideo.process(source, tmp_path / "out.mp4", lambda pixels, time: None, resume=True)
    with pytest.raises(UsageError, match="process takes videos"):
        rtvideo.process(tmp_path / "a.png", tmp_path / "b.png", lambda pixels, time: None)
