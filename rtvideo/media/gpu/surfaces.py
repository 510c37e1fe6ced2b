"""Frames in the memory of a GPU, as a hardware decoder gives them: their format, and how to download them."""

from __future__ import annotations

import av
from av.codec.hwaccel import HWAccel

#: The engines use the primary context too, so they can read its memory. FFmpeg wants to find it with the flag
#: that `rtvideo.kernels.cuda.driver` sets.
_OPTIONS: dict[str, object] = {"primary_ctx": "1"}


def hardware(number: int) -> HWAccel:
    """Return what PyAV opens a decoder or encoder on a CUDA device with."""
    # As options and not as flags: PyAV 18 opens a copy of this, which has lost its flags.
    return HWAccel("cuda", str(number), allow_software_fallback=True, options=_OPTIONS, is_hw_owned=True)


def software_format(frame: av.VideoFrame) -> str | None:
    """Return the format of a frame's samples if it lies on a CUDA device, else None."""
    if frame.format.name != "cuda":
        return None
    form = frame.sw_format
    assert form is not None
    return form.name


def format_of(frame: av.VideoFrame) -> str:
    """Return the format of a frame's samples, wherever it lies."""
    return software_format(frame) or frame.format.name


def downloaded(frame: av.VideoFrame) -> av.VideoFrame:
    """Return the frame in main memory, with its times and tags; the frame itself if it is there already."""
    form = software_format(frame)
    return frame if form is None else frame.reformat(format=form)
