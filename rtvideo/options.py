"""What a user can ask for, and what a run reports: the records between the command line and the work.

A field of `Options`, `LiveOptions` or `CaptureOptions` is a flag of the command line (`rtvideo.cli.parser`),
and all that the program knows of the flag stands there. To add one, write a field.
"""

from __future__ import annotations

import os
from argparse import ArgumentTypeError
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, TypeVar

from rtvideo import values
from rtvideo.errors import UsageError

R = TypeVar("R")

#: What pipes get unless they are to get it encoded.
RAW = "y4m"


@dataclass(frozen=True)
class Flag:
    """How the command line offers a field, and who looks at it.

    Attributes:
        group: of the help that it stands in. Those of ``video`` are an error with an image.
        help: what it does, with the allowed values.
        type: makes a value of the text, see `rtvideo.values`; None takes the text itself. A field that is
            true or false has a flag without a value; its default is the opposite.
        metavar: what the help calls the value; None for the first letter of the field.
        choices: the allowed values; None leaves that to ``type``.
        name: without the dashes; None for that of the field. short: one letter.
        synonyms: what people type instead; the message about it names this flag.
        compared: ``--resume`` refuses to go on if it differs from the run before.
        everyday: the short help has it.
    """

    group: str
    help: str
    type: Callable[[str], Any] | None = None
    metavar: str | None = None
    choices: tuple[str, ...] | None = None
    name: str | None = None
    short: str | None = None
    synonyms: tuple[str, ...] = ()
    compared: bool = True
    everyday: bool = False

    @property
    def reader(self) -> Callable[[str], Any] | None:
        """What makes a value of the text; None takes the text itself."""
        return values.choice(*self.choices) if self.choices else self.type

    def value(self, name: str, given: Any, default: Any) -> Any:
        """Return what is given for the field ``name``; text is read as on the command line.

        Raises:
            UsageError: it is not allowed.
        """
        if given is None and default is None:
            return None
        if isinstance(default, bool):
            if isinstance(given, bool):
                return given
            raise UsageError(f"{name}: {given!r} is not allowed; allowed: True or False")
        try:
            if read := self.reader:
                return read("x".join(map(str, given)) if isinstance(given, tuple) else str(given))
            text = os.fspath(given)
        except ArgumentTypeError as error:
            raise UsageError(f"{name}: {error}") from None
        except TypeError:
            raise UsageError(f"{name}: {given!r} is not allowed; allowed: a name") from None
        return text


def option(default: Any, group: str, help: str, *how: Any, **more: Any) -> Any:
    """Return a field with a `Flag`, which takes the other arguments."""
    return field(default=default, metadata={"flag": Flag(group, help, *how, **more)})


def flags_of(record: type[Any] | Any) -> Iterator[tuple[str, Any, Flag]]:
    """Yield name, default and flag of each field that has one."""
    for entry in fields(record):
        if "flag" in entry.metadata:
            yield entry.name, entry.default, entry.metadata["flag"]


def help_lines(record: type[Any], names: Mapping[str, str] | None = None) -> str:
    """Return what the command line says of each field, for a docstring.

    Args:
        names: of the fields that are wanted, by what they are called there; None for all.
    """
    flags = {name: flag for name, _, flag in flags_of(record)}
    wanted = {name: name for name in flags} if names is None else names
    return "".join(f"\n        {name}: {flags[field].help}" for name, field in wanted.items())


def _documented(record: type[R]) -> type[R]:
    """Add to a record's docstring what the command line says of its flags."""
    record.__doc__ = f"{record.__doc__}\n\n    Attributes:{help_lines(record)}\n"
    return record


def _curve(text: str) -> str:
    """Return the name of a transfer curve."""
    from rtvideo.transfer import named  # needs numpy, which takes long to load

    return named(text)


@_documented
@dataclass(frozen=True, kw_only=True)
class Options:
    """Everything that decides how inputs are enhanced; one record for the command line and the Python API.

    None is ``auto`` for ``denoise``, ``temporal`` and ``deband``; elsewhere it leaves the choice to rtvideo.
    A model, engine or device that is named and cannot work is an error, never a silent fallback. Values may
    also be the command line's words, such as ``denoise="off"``, ``start="0:01"`` and ``strength="50%"``.

    For ``analysis`` whatever is ``auto`` is off.

    Raises:
        UsageError: a value is not allowed (also a ValueError).
    """

    overwrite: bool = option(
        False,
        "files",
        "replace existing outputs",
        short="y",
        synonyms=("-f", "--force", "--yes"),
        compared=False,
        everyday=True,
    )
    resume: bool = option(
        False,
        "files",
        "go on where an earlier run ended; skip outputs that are complete",
        synonyms=("--continue",),
        compared=False,
        everyday=True,
    )

    model: str = option(
        "night",
        "look",
        "a name of --list-models, or a model file: .json or .onnx (night)",
        metavar="NAME",
        compared=False,
        everyday=True,
    )
    strength: float = option(
        1.0,
        "look",
        "0 (unchanged) to 1 (full, the default); also 0% to 100%",
        values.share,
        synonyms=("--gain", "--amount", "--intensity"),
        everyday=True,
    )
    brightness: float = option(
        0.0,
        "look",
        "-1 (darker) to 1 (brighter) than the model finds right (0)",
        values.wish,
        synonyms=("--exposure", "--ev"),
        everyday=True,
    )
    denoise: float | None = option(
        None,
        "look",
        "noise removal: off, on, auto (default: on; live input gets it where it keeps up) or 0 to 1",
        values.share_or_auto,
        synonyms=("--noise", "--nr", "--no-denoise"),
        compared=False,
        everyday=True,
    )
    temporal: float | None = option(
        None,
        "look",
        "quiet shadows and steady light over time: off, on, auto (the default: on for video) or 0 to 1",
        values.share_or_auto,
        synonyms=("--smooth", "--no-temporal"),
        compared=False,
        everyday=True,
    )
    deband: float | None = option(
        None,
        "look",
        "smooth the blocks that compression leaves near black: off, on, auto (the default: on where the "
        "input is compressed with loss) or 0 to 1",
        values.share_or_auto,
        compared=False,
    )
    flicker: str = option(
        "auto",
        "look",
        "bands that lamps on the mains make: auto (the default: evened out over time) or off",
        choices=("auto", "off"),
    )
    purpose: str = option(
        "viewing",
        "look",
        "viewing (the default) or analysis, for detectors, measurements, evidence: whatever is auto is off, "
        "so that each frame is lit by itself and nothing is removed",
        name="for",
        choices=("viewing", "analysis"),
        synonyms=("--evidence", "--forensic"),
    )
    compare: str | None = option(
        None,
        "look",
        "show the original in the left half, or beside the result",
        choices=("split", "side"),
        everyday=True,
    )

    device: str = option(
        "auto",
        "engine",
        "auto, cpu, cuda or cuda:N",
        synonyms=("--gpu", "--cuda"),
        compared=False,
        everyday=True,
    )
    engine: str = option("auto", "engine", "auto takes the fastest that works", compared=False)
    threads: int = option(
        0,
        "engine",
        "for the engine; of live input for decoder and encoders too; 0 takes what may be used",
        values.count,
        "N",
        compared=False,
    )

    codec: str | None = option(
        None,
        "video",
        "encoder, such as libx264; default: what suits container and input",
        synonyms=("-c:v", "--vcodec", "--encoder"),
        everyday=True,
    )
    crf: float | None = option(
        None,
        "video",
        "constant quality of the encoder; lower is better",
        values.quality,
        "Q",
        synonyms=("--quality", "-q:v", "--qp"),
        everyday=True,
    )
    preset: str | None = option(None, "video", "preset of the encoder, such as veryfast")
    start: float | None = option(
        None,
        "video",
        "begin there: seconds or HH:MM:SS.ms",
        values.time,
        "T",
        synonyms=("-ss", "--from", "--seek"),
        everyday=True,
    )
    duration: float | None = option(
        None,
        "video",
        "go on for so long",
        values.length,
        "T",
        synonyms=("--end", "--to", "-t", "--length"),
        everyday=True,
    )
    max_fps: float | None = option(
        None, "video", "keep N frames a second at most", values.rate, "N", synonyms=("--fps", "-r")
    )
    framerate: float | None = option(
        None, "video", "frames a second of numbered images (25)", values.rate, "N"
    )
    frames: int | None = option(
        None, "video", "stop after N frames", values.positive, "N", synonyms=("--vframes", "-frames:v")
    )
    deinterlace: str = option(
        "frame",
        "video",
        "make one picture of each interlaced frame (the default), or of each field: 50 of 25, files only",
        choices=("frame", "field"),
    )
    log: str | None = option(
        None,
        "video",
        "write what was done to each frame, a line of JSON each; a folder gets a file for each output",
        metavar="FILE",
        compared=False,
    )
    video_stream: int = option(
        0, "video", "which is enhanced (0, the first); others are copied", values.count, "N"
    )

    hdr: str = option(
        "keep",
        "look",
        "HDR and log: keep it as it is (the default), or make sdr of it (BT.709)",
        choices=("keep", "sdr"),
        synonyms=("--tonemap", "--tone-map", "--sdr"),
    )
    transfer: str | None = option(
        None,
        "video",
        "the transfer curve, where the tags do not say it: hlg, pq, sdr, or a log curve such as slog3, vlog, "
        "dlog, applelog (docs/hdr.md)",
        _curve,
        "NAME",
        synonyms=("--curve", "--gamma"),
    )

    def __post_init__(self) -> None:
        """Read the command line's words."""
        for name, default, flag in flags_of(self):
            object.__setattr__(self, name, flag.value(name, getattr(self, name), default))
        if self.purpose == "analysis":
            object.__setattr__(self, "flicker", "off")
            for name in AUTO:
                if getattr(self, name) is None:
                    object.__setattr__(self, name, 0.0)


#: Fields that can be ``auto``, and are numbers from 0 to 1 otherwise.
AUTO = tuple(name for name, _, flag in flags_of(Options) if flag.type is values.share_or_auto)


def value_of(name: str, given: Any) -> Any:
    """Return what is given for a field of `Options`; text is read as on the command line.

    Raises:
        UsageError: it is not allowed.
    """
    default, flag = next((default, flag) for known, default, flag in flags_of(Options) if known == name)
    return flag.value(name, given, default)


@_documented
@dataclass(frozen=True)
class CaptureOptions:
    """What the user asks of a camera or of raw video; None leaves it open. Sizes are (width, height)."""

    format: str | None = option(None, "live", "what FFmpeg is to read, such as rawvideo", name="input-format")
    size: tuple[int, int] | None = option(None, "live", "of a camera or of raw video", values.size, "WxH")
    rate: float | None = option(None, "live", "frames a second, likewise", values.rate, "N")
    pix_fmt: str | None = option(None, "live", "pixel format, likewise, such as mjpeg or rgb24")


@_documented
@dataclass(frozen=True)
class LiveOptions:
    """Options of live input alone."""

    wishes: CaptureOptions = field(default_factory=CaptureOptions)
    reconnect: float = option(
        30.0,
        "live",
        "seconds for which a lost source or server is tried again (30); 0 is never",
        values.time,
        "S",
    )
    timeout: float | None = option(
        None,
        "live",
        "seconds of silence after which a source or server counts as lost (10)",
        values.length,
        "S",
    )
    poll: float | None = option(
        None, "live", "ask for a new picture every S seconds: --input is one by http://", values.length, "S"
    )
    insecure: bool = option(
        False, "live", "accept TLS certificates that nobody vouches for, such as a camera's own"
    )
    segment: float | None = option(
        None,
        "live",
        "begin a new recording after so long: 10m, 1h or seconds; needs a name by time (docs/live.md)",
        values.span,
        "T",
    )
    keep: values.Keep | None = option(  # noqa: RUF009 (a `Keep` is frozen)
        None,
        "live",
        "delete the oldest recordings after so long (7d), beyond so much (200GB), or both (7d,200GB); needs "
        "a name by time, and deletes only what was recorded with it",
        values.keep,
        "K",
    )
    output_format: str = option(
        RAW,
        "live",
        "what --out - and named pipes get: y4m (the default), or encoded and with sound: mpegts or matroska",
        choices=(RAW, "mpegts", "matroska"),
    )
    when: str = option(
        "always",
        "live",
        "always (the default), or dark: pictures pass unchanged while the scene is bright enough",
        choices=("always", "dark"),
    )
    adapt: bool = option(True, "live", "never do less where the machine is too slow")


@dataclass
class Report:
    """What happened to one input; ``--stats`` writes it as JSON.

    ``engine_name`` is as ``--engine`` takes it, ``engine`` says more of it: device, instructions, threads.
    Of ``frames_out`` the first ``resumed`` were taken over from an earlier run. On a cluster the work was
    begun again ``retries`` times, since a process or machine was lost.
    Times are milliseconds a frame: ``{"median": , "p95": , "p99": }`` for each of decode, enhance and encode.
    """

    input: str
    output: str
    engine: str = ""
    engine_name: str = ""
    model: str = ""
    denoise: float = 0.0
    temporal: float = 0.0
    deband: float = 0.0
    frames_in: int = 0
    frames_out: int = 0
    resumed: int = 0
    dropped: int = 0
    damaged: int = 0
    retries: int = 0
    seconds: float = 0.0
    fps: float = 0.0
    milliseconds: dict[str, dict[str, float]] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    incomplete: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return the report as plain data, ready for JSON."""
        return dict(vars(self))
