"""Files decoded by a GPU (NVDEC), whose frames stay in its memory for the engine.

PyAV gives such frames the format ``cuda``. In the middle of a stream it may go on in software.
"""

from __future__ import annotations

import logging
from pathlib import Path

import av

from rtvideo.engines.gpu.frame import DeviceFrame
from rtvideo.errors import InputError
from rtvideo.frame import Geometry
from rtvideo.media.captions import has_captions
from rtvideo.media.file_input import FileInput
from rtvideo.media.gpu.surfaces import hardware
from rtvideo.media.planes import LAYOUTS


def device_frame(frame: av.VideoFrame, geometry: Geometry) -> DeviceFrame:
    """Return a frame on the device as engines take it."""
    from rtvideo.kernels.cuda.network import DevicePlane

    planes = [DevicePlane(plane.buffer_ptr, plane.line_size) for plane in frame.planes]
    assert len(planes) == len(geometry.shapes())
    return DeviceFrame(planes, frame)


def open_input(path: Path, video_stream: int, device: str, *, compare: str | None = None) -> FileInput:
    """Open a file. Its frames stay on ``device`` if that is a CUDA device which can decode the stream.

    Args:
        path, video_stream: as for `FileInput`.
        device: as ``--device`` takes it.
        compare: as ``--compare`` takes it; the original is then needed in main memory.

    Raises:
        InputError, UsageError: as `FileInput`.
    """
    log = logging.getLogger("rtvideo")
    if not device.startswith("cuda") or compare is not None:
        return FileInput(path, video_stream)
    number = int(device.partition(":")[2] or 0)
    try:
        source = FileInput(path, video_stream, hardware(number))
    except (InputError, av.FFmpegError) as error:
        log.info("%s: decoded in software: no decoder on %s (%s)", path, device, error)
        return FileInput(path, video_stream)
    if reason := _refusal(source):
        source.close()
        log.info("%s: decoded in software: %s", path, reason)
        return FileInput(path, video_stream)
    log.info("%s: decoded on %s, where frames stay", path, device)
    return source


def _refusal(source: FileInput) -> str | None:
    """Return why the frames of an input should be in main memory; None if they may stay on the device."""
    first = source.first
    if not source.hardware:
        return "the device has no decoder for this kind of video"
    if first.format.name not in LAYOUTS or LAYOUTS[first.format.name].layout != "nv":
        return f"{first.format.name} is converted in main memory"
    if first.width % 2 or first.height % 2:
        return f"odd size {first.width}x{first.height}"
    if first.interlaced_frame:
        return "it is interlaced"
    if has_captions(first):
        return "its closed captions go with frames in main memory"
    return None
