"""What a user can ask for, and what a run reports: the records between the command line and the work."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Options:
    """Everything that decides how inputs are enhanced; one record for the command line and the Python API.

    Attributes:
        model: name of a shipped model, or the path of a description (``.json``) or network (``.onnx``) file.
        engine, device: by name, or ``auto``. A name that cannot work is an error, never a silent fallback.
        threads: for the engine, and of live input for decoder and encoders, each; 0 takes what this process
            may use.
        strength: 0..1, see `rtvideo.engines.session.Settings`.
        denoise: 0..1, or None for ``auto``: as strong as the gain calls for, if that runs in real time.
        temporal: 0..1, see `rtvideo.engines.session.Settings`, or None for ``auto``: 1 for video where the
            engine can look at the frames before, else 0.
        overwrite: replace an existing output.
        codec, crf, preset: of the video encoder; None takes what suits container and input.
        start, duration: seconds of the input; frames: at most so many video frames.
        max_fps: frames a second that are kept at most; the others are left out.
        video_stream: which video stream is enhanced (0 is the first, the default); the others are copied.
        resume: go on where an earlier run for the same output ended, and keep what is done if this one fails.
        compare: ``split`` (left half original) or ``side`` (original beside result), or None.
    """

    model: str = "night"
    engine: str = "auto"
    device: str = "auto"
    threads: int = 0
    strength: float = 1.0
    denoise: float | None = None
    temporal: float | None = None
    overwrite: bool = False
    codec: str | None = None
    crf: float | None = None
    preset: str | None = None
    start: float | None = None
    duration: float | None = None
    frames: int | None = None
    max_fps: float | None = None
    video_stream: int = 0
    compare: str | None = None
    resume: bool = False


@dataclass
class Report:
    """What happened to one input; ``--stats`` writes it as JSON.

    Of ``frames_out`` the first ``resumed`` were taken over from an earlier run.
    Times are milliseconds a frame: ``{"median": , "p95": , "p99": }`` for each of decode, enhance and encode.
    """

    input: str
    output: str
    engine: str = ""
    model: str = ""
    denoise: float = 0.0
    temporal: float = 0.0
    frames_in: int = 0
    frames_out: int = 0
    resumed: int = 0
    dropped: int = 0
    damaged: int = 0
    seconds: float = 0.0
    fps: float = 0.0
    milliseconds: dict[str, dict[str, float]] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    incomplete: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return the report as plain data, ready for JSON."""
        return dict(vars(self))
