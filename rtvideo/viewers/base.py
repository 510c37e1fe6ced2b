"""What shows pictures while they are made: a window, a web page. The live job feeds any number."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

import av


@dataclass
class ViewerControls:
    """What a viewer may change while frames run; read before each frame, written from any thread.

    Attributes:
        strength: 0..1, as `rtvideo.engines.session.Settings`.
        denoise: 0..1, likewise. Less runs where the machine is too slow; `FrameInfo` says what did.
        removes_noise: whether the model can; where not, ``denoise`` has no effect.
        stop: set it to end the run; outputs are finalised.
    """

    strength: float = 1.0
    denoise: float = 0.0
    removes_noise: bool = True
    stop: threading.Event = field(default_factory=threading.Event)


@dataclass(frozen=True)
class FrameInfo:
    """What is known about one frame, for an overlay.

    Attributes:
        engine: what ran, for example ``fused cpu avx2, 2 threads``.
        fps: enhanced frames a second, over the last second or so.
        latency: seconds from capture until this frame was enhanced; None where the source is a file.
        dropped: frames left out so far because the machine was too slow, at all stages together.
        strength, denoise: 0..1, what this frame was made with.
        note: why less is done than was asked for, or empty.
        turn: degrees clockwise by which the viewer turns the picture: 0, 90, 180 or 270.
        aspect: width of a pixel, its height being 1.
    """

    engine: str
    fps: float = 0.0
    latency: float | None = None
    dropped: int = 0
    strength: float = 1.0
    denoise: float = 0.0
    note: str = ""
    turn: int = 0
    aspect: float = 1.0


class Viewer(Protocol):
    """Shows frames. Each has a thread of its own: one that is slow misses frames, and delays nobody."""

    @property
    def watched(self) -> bool:
        """Whether anybody looks. While nobody does, at no viewer and no output, nothing is enhanced."""

    def show(self, original: av.VideoFrame, lit: av.VideoFrame, info: FrameInfo) -> None:
        """Show a frame beside what it was made from.

        Args:
            original, lit: of one size, format and time. They may be kept, but not written to: others read
                them too. The format is one of `rtvideo.media.planes.LAYOUTS`, with its colour tags set.
            info: about this frame.

        Raises:
            rtvideo.errors.RtvideoError: it cannot go on. The others go on without it.
        """

    def close(self) -> None:
        """End it and wait for its threads and processes. Called once, also after an error."""


#: Opens a viewer that writes to the controls, for pictures called by the given name.
ViewerFactory: TypeAlias = Callable[[ViewerControls, str], Viewer]
