"""The interface of viewers. A live job can feed several of them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

import av


@dataclass
class ViewerControls:
    """What a viewer may change during a run. Any thread may write it; the run reads it for each frame.

    Attributes:
        strength: 0..1, as in `rtvideo.engines.session.Settings`.
        brightness: -1..1, likewise.
        denoise: 0..1, likewise. A slow machine applies less; `FrameInfo` has the value that was used.
        removes_noise: whether the model can remove noise. If not, ``denoise`` has no effect.
        sets_brightness: whether it can be brighter or darker. If not, ``brightness`` has no effect.
        stop: set it to end the run; outputs are finalised.
    """

    strength: float = 1.0
    denoise: float = 0.0
    brightness: float = 0.0
    removes_noise: bool = True
    sets_brightness: bool = True
    stop: threading.Event = field(default_factory=threading.Event)


@dataclass(frozen=True)
class FrameInfo:
    """Facts about one frame, for an overlay.

    Attributes:
        engine: name of the engine, for example ``fused cpu avx2, 2 threads``.
        fps: enhanced frames per second, over the last second.
        latency: seconds from capture until this frame was enhanced; None for a file.
        dropped: frames dropped so far at all stages, because the machine was too slow.
        strength, denoise: 0..1, as used for this frame.
        brightness: -1..1, likewise.
        note: which part of the work is left out to keep up, or empty.
        turn: degrees clockwise by which the viewer must rotate the picture: 0, 90, 180 or 270.
        aspect: sample aspect ratio: the width of a pixel divided by its height.
    """

    engine: str
    fps: float = 0.0
    latency: float | None = None
    dropped: int = 0
    strength: float = 1.0
    denoise: float = 0.0
    brightness: float = 0.0
    note: str = ""
    turn: int = 0
    aspect: float = 1.0


class Viewer(Protocol):
    """Shows frames. Each viewer has its own thread, so a slow one misses frames and delays nothing."""

    @property
    def watched(self) -> bool:
        """Whether somebody watches. Without a watched viewer or an output, nothing is enhanced."""

    def show(self, original: av.VideoFrame, lit: av.VideoFrame, info: FrameInfo) -> None:
        """Show an enhanced frame beside its original.

        Args:
            original, lit: frames of one size, format and time. The viewer may keep them, but must not write
                to them, because other threads read them. The format is one of
                `rtvideo.media.planes.LAYOUTS`, with its colour tags set.
            info: facts about this frame.

        Raises:
            rtvideo.errors.RtvideoError: the viewer cannot go on. The run goes on without it.
        """

    def close(self) -> None:
        """End the viewer and wait for its threads and processes. Called once, also after an error."""


#: Opens a viewer, given the controls that it writes to and the name of the source.
ViewerFactory: TypeAlias = Callable[[ViewerControls, str], Viewer]
