"""rtvideo makes night video visible.

    import rtvideo

    rtvideo.enhance_file("night.mp4", "lit.mp4")

    rtvideo.process("night.mp4", "lit.mp4", draw_boxes)  # a function of yours on each enhanced frame

    with rtvideo.stream("rtsp://camera/1") as frames:
        for frame in frames: ...  # enhanced, (h, w, 3) uint8 RGB arrays

    with rtvideo.Enhancer(strength=0.8) as enhance:
        lit = enhance(frame)  # an (h, w, 3) uint8 RGB array or an av.VideoFrame

Importing the package loads nothing heavy: what a name needs comes with its first use.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from rtvideo.errors import RtvideoError
from rtvideo.version import __version__

if TYPE_CHECKING:
    from rtvideo.api import enhance_file, process
    from rtvideo.capture import VideoCapture
    from rtvideo.enhancer import Enhancer
    from rtvideo.options import Options, Report
    from rtvideo.streaming import FrameStream, stream

__all__ = [
    "Enhancer",
    "FrameStream",
    "Options",
    "Report",
    "RtvideoError",
    "VideoCapture",
    "__version__",
    "enhance_file",
    "process",
    "stream",
]

_MODULES = {
    "Enhancer": "rtvideo.enhancer",
    "VideoCapture": "rtvideo.capture",
    **dict.fromkeys(("enhance_file", "process"), "rtvideo.api"),
    **dict.fromkeys(("FrameStream", "stream"), "rtvideo.streaming"),
    **dict.fromkeys(("Options", "Report"), "rtvideo.options"),
}


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return getattr(import_module(_MODULES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_MODULES})
