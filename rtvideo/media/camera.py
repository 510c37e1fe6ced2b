"""Video4Linux cameras: listing them, opening them in a suitable format, and explaining failures."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import struct
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import av
from av.container import InputContainer

from rtvideo.errors import RtvideoError, SourceLostError, UsageError
from rtvideo.options import CaptureOptions

#: linux/videodev2.h
_QUERYCAP = 0x80685600
_CAPTURE, _OUTPUT = 0x1, 0x2
_CAPABILITY = struct.Struct("16s32s32s3I3I")

#: Pixels of the largest uncompressed frame that fits through USB 2 at 30 frames a second.
_SLOW_RAW = 640 * 480

#: What is requested by default.
_SIZE, _RATE = (1280, 720), 30

#: Seconds after which a camera that sends nothing is given up.
TIMEOUT = 10.0


@dataclass(frozen=True)
class CameraDevice:
    """One video node under /dev.

    Attributes:
        path: ``/dev/video0``.
        name: given by the driver.
        captures: whether it delivers frames.
        plays: whether it takes frames, as a virtual camera does.
    """

    path: str
    name: str
    captures: bool
    plays: bool


def capabilities(path: str) -> int | None:
    """Return the capability flags of a node (VIDIOC_QUERYCAP), None if it cannot be queried."""
    try:
        import fcntl

        node = os.open(path, os.O_RDWR | os.O_NONBLOCK)
    except (ImportError, OSError):
        return None
    try:
        answer = bytearray(_CAPABILITY.size)
        fcntl.ioctl(node, _QUERYCAP, answer)
    except OSError:
        return None
    finally:
        os.close(node)
    everything, of_node = _CAPABILITY.unpack(answer)[4:6]
    # The top bit of the device's flags says that the node has flags of its own.
    return int(of_node if everything & 1 << 31 else everything)


def devices(
    sysfs: Path = Path("/sys/class/video4linux"), query: Callable[[str], int | None] = capabilities
) -> list[CameraDevice]:
    """Return the video nodes in the order of their numbers, without those for metadata only.

    Args:
        sysfs: where the kernel lists them.
        query: returns the capability flags of a node.
    """
    found = []
    nodes = sysfs.glob("video*") if sysfs.is_dir() else ()
    for node in sorted(nodes, key=lambda node: int(re.sub(r"\D", "", node.name) or 0)):
        path = f"/dev/{node.name}"
        flags = query(path)
        if flags is None:  # busy or not permitted: the first node of a camera is the one with the frames
            flags = _CAPTURE if _text(node / "index") in ("0", "") else 0
        if flags & (_CAPTURE | _OUTPUT):
            name = _text(node / "name") or node.name
            found.append(CameraDevice(path, name, bool(flags & _CAPTURE), bool(flags & _OUTPUT)))
    return found


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""


def path_of(text: str, known: Callable[[], list[CameraDevice]] = devices) -> str:
    """Return the device that ``cam`` (the first camera), a number or a path names.

    Raises:
        SourceLostError: ``cam``, and there is none.
    """
    if text.isdigit():
        return f"/dev/video{int(text)}"
    if text != "cam":
        return text
    cameras = [device.path for device in known() if device.captures]
    if not cameras:
        raise SourceLostError(f"{text}: {_cameras_found([])}")
    return cameras[0]


def requests(capture: CaptureOptions) -> Iterator[dict[str, str]]:
    """Yield FFmpeg's options to try one after the other: what the user requests, then usual values.

    Compressed frames are requested first where the bus is too slow for raw ones.
    """
    size, rate = capture.size or _SIZE, capture.rate or _RATE
    raw_first = size[0] * size[1] <= _SLOW_RAW
    formats = [capture.pix_fmt] if capture.pix_fmt else [None, "mjpeg"] if raw_first else ["mjpeg", None]
    shapes = [(size, rate), (size, capture.rate), (capture.size, capture.rate)]
    for width_height, speed in dict.fromkeys(shapes):
        for pix_fmt in formats:
            options = {"timestamps": "abs"}
            if pix_fmt is not None:
                options["input_format"] = pix_fmt
            if width_height is not None:
                options["video_size"] = "{}x{}".format(*width_height)
            if speed is not None:
                options["framerate"] = f"{speed:g}"
            yield options


def open_camera(
    path: str,
    capture: CaptureOptions,
    *,
    opener: Callable[[str, Mapping[str, str]], InputContainer] | None = None,
    known: Callable[[], list[CameraDevice]] = devices,
) -> InputContainer:
    """Open a camera in the first format of `requests` that it takes.

    Args:
        opener, known: in place of FFmpeg and of `devices`, for tests.

    Raises:
        SourceLostError: it is absent, busy or not a camera, or access is not permitted.
        UsageError: it does not have the requested size, rate or format.
    """
    failure: av.FFmpegError | OSError
    for options in requests(capture):
        try:
            return (opener or _open)(path, options)
        except (av.FFmpegError, OSError) as error:
            failure = error
            if error.errno not in (errno.EINVAL, errno.ENOTTY, errno.ENOSYS):
                break
    raise _explained(path, capture, failure, known) from None


def _open(path: str, options: Mapping[str, str]) -> InputContainer:
    return av.open(path, format="v4l2", options=dict(options), timeout=(TIMEOUT, TIMEOUT))


def _explained(
    path: str,
    capture: CaptureOptions,
    error: av.FFmpegError | OSError,
    known: Callable[[], list[CameraDevice]],
) -> RtvideoError:
    if error.errno in (errno.ENOENT, errno.ENODEV, errno.ENXIO):
        return SourceLostError(f"{path}: no such camera; {_cameras_found(known())}")
    if error.errno == errno.EBUSY:
        holder = ", ".join(holders(path))
        return SourceLostError(f"{path}: busy{f', used by {holder}' if holder else ''}; close that first")
    if error.errno in (errno.EACCES, errno.EPERM):
        return SourceLostError(f"{path}: no permission; join its group: sudo usermod -aG video $USER")
    if capture != CaptureOptions() and error.errno == errno.EINVAL:
        return UsageError(
            f"{path}: takes no such size, rate or pixel format; see: v4l2-ctl -d {path} --list-formats-ext"
        )
    return SourceLostError(f"{path}: not a camera that can be used: {error.strerror}")


def _cameras_found(found: list[CameraDevice]) -> str:
    cameras = [f"{device.path} ({device.name})" for device in found if device.captures]
    return f"there is {', '.join(cameras)}" if cameras else "no camera is connected to this machine"


def holders(path: str, proc: Path = Path("/proc")) -> list[str]:
    """Return the programs that have a file open, as far as this user may see them: ``zoom (1234)``."""
    found, real = [], os.path.realpath(path)
    for process in proc.glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if any(os.readlink(link) == real for link in (process / "fd").iterdir()):
                found.append(f"{_text(process / 'comm')} ({process.name})")
    return found
