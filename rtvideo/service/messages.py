"""What goes through the pipe between the supervisor and the process of a camera."""

from __future__ import annotations

from dataclasses import dataclass, field

from rtvideo.service.config import Camera


@dataclass(frozen=True)
class Order:
    """What the process is to do; it comes through a pipe, so that no secret is seen in the list of processes.

    Attributes:
        camera: which one.
        threads: for engine, decoder and each encoder.
        share: of these threads' time that it can count on, above 0 to 1.
        page: whether it shows its own page, on 127.0.0.1.
        token: that this page asks for; None for none.
    """

    camera: Camera
    threads: int
    share: float
    page: bool
    token: str | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Stop:
    """To the camera: complete the outputs and end."""


@dataclass(frozen=True)
class Watch:
    """To the camera: somebody looks at thumbnails for the next seconds."""


@dataclass(frozen=True)
class Shed:
    """To the camera: the place in `rtvideo.live.quality.LEVELS` that it is at least at, for others' sake."""

    floor: int


@dataclass(frozen=True)
class Vitals:
    """From the camera, every second: how it is, in one run.

    Attributes:
        frames: enhanced so far.
        fps: in the last second.
        latency: median and p99 of the last pictures, in seconds from capture until enhanced; None if unknown.
        dropped: frames left out because the machine was too slow.
        silent: seconds since the last picture; None before the first one.
        brightness, noise: of the recorded picture, see `rtvideo.media.light.Light`; None if unknown.
        gain: brightness of the enhanced picture by that of the recorded one.
        engine, note: see `rtvideo.viewers.base.FrameInfo`.
        size: of the pictures.
        need: the place in `rtvideo.live.quality.LEVELS` that it needs to keep up.
    """

    frames: int = 0
    fps: float = 0.0
    latency: tuple[float, float] | None = None
    dropped: int = 0
    silent: float | None = None
    brightness: float | None = None
    noise: float | None = None
    gain: float | None = None
    engine: str = ""
    note: str = ""
    size: tuple[int, int] | None = None
    need: int = 0


@dataclass(frozen=True)
class Said:
    """From the camera: a line for the log."""

    line: str


@dataclass(frozen=True)
class Lost:
    """From the camera: a line for the log, which tells that it, or a server that it sends to, is lost."""

    line: str


@dataclass(frozen=True)
class Thumbnail:
    """From the camera: a small enhanced picture, as JPEG."""

    jpeg: bytes = field(repr=False)


@dataclass(frozen=True)
class Page:
    """From the camera: its page is there, at this port of 127.0.0.1."""

    port: int


@dataclass(frozen=True)
class Ended:
    """From the camera, at last: why it ends; nothing if it was asked to."""

    error: str = ""
