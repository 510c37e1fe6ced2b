"""Frames that a GPU's own decoder (NVDEC) leaves in its memory: from there to the engine without a copy.

PyAV decodes in hardware where it can and gives frames of format ``cuda``; in the middle of a stream it may go
on in software. What cannot stay on the device is downloaded, so that nothing else need know of any of this.
"""

from __future__ import annotations

import logging
from pathlib import Path

import av
from av.sidedata.sidedata import Type as SideDataType

from rtvideo.engines.gpu.frame import DeviceFrame
from rtvideo.engines.registry import device_index
from rtvideo.errors import InputError
from rtvideo.frame import Geometry
from rtvideo.media.file_input import Source
from rtvideo.media.gpu.surfaces import hardware
from rtvideo.media.planes import LAYOUTS


def device_frame(frame: av.VideoFrame, geometry: Geometry) -> DeviceFrame:
    """Return a frame on the device as engines take it."""
    from rtvideo.kernels.cuda.network import DevicePlane

    planes = [DevicePlane(plane.buffer_ptr, plane.line_size) for plane in frame.planes]
    assert len(planes) == len(geometry.shapes())
    return DeviceFrame(planes, frame)


def open_source(
    path: Path, video_stream: int, device: str, *, compare: str | None = None, opener: type[Source] = Source
) -> Source:
    """Open a file, with frames on the device where it is a CUDA device whose decoder takes the stream.

    Args:
        path, video_stream: as for `Source`.
        device: as ``--device`` takes it.
        compare: frames that are shown beside their result are needed in main memory.
        opener: in place of `Source`, for tests.

    Raises:
        InputError, UsageError: as `Source`.
    """
    log = logging.getLogger("rtvideo")
    if not device.startswith("cuda") or compare is not None:
        return opener(path, video_stream)
    try:
        source = opener(path, video_stream, hardware(device_index(device)))
    except (InputError, av.FFmpegError) as error:
        log.info("%s: decoded in software: no decoder on %s (%s)", path, device, error)
        return opener(path, video_stream)
    if reason := _refusal(source):
        source.close()
        log.info("%s: decoded in software: %s", path, reason)
        return opener(path, video_stream)
    log.info("%s: decoded on %s, where frames stay", path, device)
    return source


def _refusal(source: Source) -> str | None:
    """Return why an input's frames do better in main memory, None if they may stay on the device."""
    first = source.first
    if not source.hardware:
        return "the device has no decoder for this kind of video"
    if first.format.name not in LAYOUTS or LAYOUTS[first.format.name].layout != "nv":
        return f"{first.format.name} is converted in main memory"
    if first.width % 2 or first.height % 2:
        return f"odd size {first.width}x{first.height}"
    if first.interlaced_frame:
        return "it is interlaced"
    if SideDataType.A53_CC in first.side_data:
        return "its closed captions go with frames in main memory"
    return None
