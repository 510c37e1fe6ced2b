"""Cameras, with doubles of the kernel's lists and of FFmpeg: there is no camera where tests run."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from rtvideo.errors import RtvideoError, SourceLostError, UsageError
from rtvideo.media import camera
from rtvideo.media.camera import CameraDevice, devices, holders, open_camera, path_of, requests
from rtvideo.options import CaptureOptions

WEBCAM = CameraDevice("/dev/video0", "HD Webcam", captures=True, plays=False)
LOOPBACK = CameraDevice("/dev/video9", "rtvideo", captures=False, plays=True)


def node(sysfs: Path, number: int, name: str, index: int = 0) -> None:
    folder = sysfs / f"video{number}"
    folder.mkdir(parents=True)
    (folder / "name").write_text(name + "\n")
    (folder / "index").write_text(f"{index}\n")


def test_devices_are_listed_by_number_with_what_they_can_do(tmp_path: Path) -> None:
    node(tmp_path, 10, "second")
    node(tmp_path, 2, "HD Webcam")
    node(tmp_path, 3, "HD Webcam", index=1)
    node(tmp_path, 9, "loopback")
    flags = {"/dev/video2": 1, "/dev/video3": 0x00800000, "/dev/video9": 2, "/dev/video10": 3}
    assert devices(tmp_path, flags.get) == [
        CameraDevice("/dev/video2", "HD Webcam", True, False),
        CameraDevice("/dev/video9", "loopback", False, True),
        CameraDevice("/dev/video10", "second", True, True),
    ]


def test_what_cannot_be_asked_is_judged_by_its_place(tmp_path: Path) -> None:
    node(tmp_path, 0, "busy camera")
    node(tmp_path, 1, "its metadata", index=1)
    assert devices(tmp_path, lambda path: None) == [CameraDevice("/dev/video0", "busy camera", True, False)]


def test_no_devices_and_no_kernel_list(tmp_path: Path) -> None:
    assert devices(tmp_path) == devices(tmp_path / "nothing") == []


def test_a_file_that_is_no_device_has_no_capabilities(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    assert camera.capabilities(str(file)) is None and camera.capabilities(str(tmp_path / "gone")) is None


@pytest.mark.parametrize(
    ("text", "path"),
    [("0", "/dev/video0"), ("007", "/dev/video7"), ("/dev/video3", "/dev/video3"), ("cam", "/dev/video0")],
)
def test_names_of_cameras(text: str, path: str) -> None:
    assert path_of(text, lambda: [LOOPBACK, WEBCAM]) == path


def test_the_first_camera_of_none() -> None:
    with pytest.raises(SourceLostError, match="no camera is connected"):
        path_of("cam", lambda: [LOOPBACK])


def asked(wishes: CaptureOptions) -> list[tuple[str | None, str | None, str | None]]:
    keys = ("input_format", "video_size", "framerate")
    return [(o.get(keys[0]), o.get(keys[1]), o.get(keys[2])) for o in requests(wishes)]


def test_compressed_pictures_come_first_where_raw_ones_would_be_slow() -> None:
    assert asked(CaptureOptions())[:2] == [("mjpeg", "1280x720", "30"), (None, "1280x720", "30")]
    assert asked(CaptureOptions())[-1] == (None, None, None), "in the end whatever the camera likes"
    small = asked(CaptureOptions(size=(320, 240), rate=15))
    assert small == [(None, "320x240", "15"), ("mjpeg", "320x240", "15")], "what is asked for is not given up"
    assert asked(CaptureOptions(size=(1920, 1080), pix_fmt="nv12")) == [
        ("nv12", "1920x1080", "30"),
        ("nv12", "1920x1080", None),
    ]


class Driver:
    """Takes only what ``fits``; fails with ``error`` before that, if given."""

    def __init__(self, fits: Callable[[Mapping[str, str]], bool], error: int = 0) -> None:
        self.asked: list[dict[str, str]] = []
        self._fits, self._error = fits, error

    def __call__(self, path: str, options: Mapping[str, str]) -> Any:
        self.asked.append(dict(options))
        if self._error:
            raise OSError(self._error, os.strerror(self._error), path)
        if not self._fits(options):
            raise OSError(errno.EINVAL, "Invalid argument", path)
        return "opened"


def test_formats_are_tried_until_one_is_taken() -> None:
    driver = Driver(lambda options: "input_format" not in options and options.get("video_size") == "1280x720")
    assert open_camera("/dev/video0", CaptureOptions(), opener=driver) == "opened"
    assert len(driver.asked) == 2
    driver = Driver(lambda options: "video_size" not in options and "framerate" not in options)
    assert open_camera("/dev/video0", CaptureOptions(), opener=driver) == "opened"


@pytest.mark.parametrize(
    ("error", "kind", "words"),
    [
        (errno.ENOENT, SourceLostError, "no such camera; there is /dev/video0 (HD Webcam)"),
        (errno.ENODEV, SourceLostError, "no such camera"),
        (errno.EBUSY, SourceLostError, "busy"),
        (errno.EACCES, SourceLostError, "usermod -aG video"),
        (errno.EIO, SourceLostError, "not a camera that can be used: Input/output error"),
    ],
)
def test_why_not(error: int, kind: type[RtvideoError], words: str) -> None:
    driver = Driver(lambda options: True, error)
    with pytest.raises(kind) as caught:
        open_camera("/dev/video5", CaptureOptions(), opener=driver, known=lambda: [WEBCAM, LOOPBACK])
    assert words in str(caught.value) and "\n" not in str(caught.value) and caught.value.exit_code == 5
    assert len(driver.asked) == 1, "no other format helps here"


def test_wishes_that_the_camera_does_not_have() -> None:
    with pytest.raises(UsageError, match="takes no such size"):
        open_camera("/dev/video0", CaptureOptions(size=(9, 9)), opener=Driver(lambda options: False))
    with pytest.raises(SourceLostError, match="not a camera"):
        open_camera("/dev/video0", CaptureOptions(), opener=Driver(lambda options: False))


def test_ffmpeg_itself_names_what_is_absent_and_what_is_no_camera() -> None:
    with pytest.raises(SourceLostError, match="no such camera"):
        open_camera("/dev/video4711", CaptureOptions(), known=list)
    with pytest.raises(SourceLostError, match="not a camera"):
        open_camera("/dev/null", CaptureOptions(), known=list)


def test_who_holds_a_file(tmp_path: Path) -> None:
    path = tmp_path / "device"
    link = tmp_path / "by-id"
    path.touch()
    link.symlink_to(path)
    assert holders(str(path)) == []
    with path.open():
        assert [holder.endswith(f"({os.getpid()})") for holder in holders(str(link))] == [True]
