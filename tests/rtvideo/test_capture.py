"""`rtvideo.VideoCapture` beside OpenCV's own class, on the same files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rtvideo
from tests.helpers import clips

cv2 = pytest.importorskip("cv2", reason="cv2: not installed (pip install 'rtvideo[preview]')")

#: Nothing is changed, so that frames can be compared.
UNCHANGED: dict[str, Any] = {"strength": 0, "denoise": "off", "temporal": "off", "deband": "off"}

PROPERTIES = [
    cv2.CAP_PROP_POS_MSEC,
    cv2.CAP_PROP_POS_FRAMES,
    cv2.CAP_PROP_FRAME_WIDTH,
    cv2.CAP_PROP_FRAME_HEIGHT,
    cv2.CAP_PROP_FPS,
    cv2.CAP_PROP_FRAME_COUNT,
]


@pytest.mark.parametrize("rotation", [0, 90])
@pytest.mark.parametrize("name", ["in.mp4", "in.mkv"])
def test_a_program_of_opencv_finds_what_it_expects(tmp_path: Path, name: str, rotation: int) -> None:
    path = clips.write(tmp_path / name, frames=10, rotation=rotation, matrix=5, range=1)
    theirs, ours = cv2.VideoCapture(str(path)), rtvideo.VideoCapture(str(path), **UNCHANGED)
    assert ours.isOpened()
    for _ in range(10):
        (there, expected), (here, frame) = theirs.read(), ours.read()
        assert there and here and frame is not None
        assert frame.shape == expected.shape and frame.dtype == expected.dtype
        assert np.abs(frame.astype(int) - expected).mean() < 3  # they interpolate chroma otherwise
        assert [ours.get(each) for each in PROPERTIES] == pytest.approx([theirs.get(p) for p in PROPERTIES])
    assert ours.read() == theirs.read() == (False, None)
    ours.release()
    assert not ours.isOpened() and ours.read() == (False, None) and ours.get(cv2.CAP_PROP_FPS) == 0


def test_grab_and_retrieve(tmp_path: Path) -> None:
    ours = rtvideo.VideoCapture(clips.write(tmp_path / "in.mp4", frames=4), **UNCHANGED)
    assert ours.retrieve() == (False, None)
    assert ours.grab() and ours.grab() and ours.get(cv2.CAP_PROP_POS_FRAMES) == 2
    taken, frame = ours.retrieve()
    assert taken and frame is ours.retrieve()[1]
    ours.release()


def test_a_file_is_wound_on(tmp_path: Path) -> None:
    ours = rtvideo.VideoCapture(clips.write(tmp_path / "in.mp4", frames=20), **UNCHANGED)
    assert ours.set(cv2.CAP_PROP_POS_MSEC, 400) and ours.read()[0]
    assert ours.get(cv2.CAP_PROP_POS_MSEC) == pytest.approx(400)
    assert not ours.set(cv2.CAP_PROP_BUFFERSIZE, 1)
    ours.release()


def test_what_cannot_be_opened_says_why(tmp_path: Path) -> None:
    with pytest.warns(RuntimeWarning, match=r"not there\.mp4"):
        ours = rtvideo.VideoCapture(tmp_path / "not there.mp4")
    assert not ours.isOpened() and ours.read() == (False, None)
    ours.setExceptionMode(True)
    with pytest.raises(rtvideo.RtvideoError, match=r"not there\.mp4"):
        ours.open(tmp_path / "not there.mp4")
    with pytest.raises(TypeError, match="stength"):
        rtvideo.VideoCapture(tmp_path / "not there.mp4", stength=1)
