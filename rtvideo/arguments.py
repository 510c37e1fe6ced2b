"""The flags of ``rtvideo``: the parser, the values that they take, and the options that come of them."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import NoReturn

from rtvideo.errors import UsageError
from rtvideo.options import Options
from rtvideo.version import __version__

_DESCRIPTION = "Make night video visible. Sound, subtitles, time stamps and colour tags stay as they are."
_EXAMPLES = """\
examples:
  rtvideo --input night.mp4 --out lit.mp4
  rtvideo --input 'photos/*.jpg' --out lit/
  rtvideo --input night.mp4 --out half.mkv --strength 0.5 --compare split
"""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message} (see rtvideo --help)")


def parser() -> argparse.ArgumentParser:
    """Return the parser; what it refuses is a `UsageError`."""
    flags = _Parser(
        prog="rtvideo",
        description=_DESCRIPTION,
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    flags.add_argument("positional", nargs="*", metavar="INPUT", help="the same as --input")
    files = flags.add_argument_group("files")
    files.add_argument(
        "-i",
        "--input",
        dest="named",
        action="append",
        default=[],
        metavar="X",
        help="video, image, folder of images or quoted pattern; may be repeated",
    )
    files.add_argument("-o", "--out", metavar="Y", help="output file; a folder for several inputs")
    files.add_argument("-y", "--overwrite", action="store_true", help="replace existing outputs")
    files.add_argument(
        "--resume",
        action="store_true",
        help="go on where an earlier run ended; skip outputs that are complete",
    )
    files.add_argument("--stats", metavar="FILE", help="write what happened as JSON; - for stdout")

    look = flags.add_argument_group("look")
    look.add_argument(
        "--model", default="night", metavar="NAME", help="a name of --list-models, or a model file (night)"
    )
    look.add_argument(
        "--strength", type=_share, default=1.0, metavar="S", help="0 (unchanged) to 1 (full, the default)"
    )
    look.add_argument(
        "--denoise", type=_denoise, metavar="D", help="noise removal: off, auto (the default) or 0 to 1"
    )
    look.add_argument(
        "--compare",
        choices=("split", "side"),
        help="show the original in the left half, or beside the result",
    )

    run = flags.add_argument_group("engine")
    run.add_argument("--device", default="auto", metavar="D", help="auto, cpu, cuda or cuda:N")
    run.add_argument("--engine", default="auto", metavar="E", help="auto takes the fastest that works")
    run.add_argument(
        "--threads", type=_count, default=0, metavar="N", help="for the engine; 0 takes what may be used"
    )

    video = flags.add_argument_group("video")
    video.add_argument(
        "--codec", metavar="C", help="encoder, such as libx264; default: what suits container and input"
    )
    video.add_argument(
        "--crf", type=_quality, metavar="Q", help="constant quality of the encoder; lower is better"
    )
    video.add_argument("--preset", metavar="P", help="preset of the encoder, such as veryfast")
    video.add_argument("--start", type=_time, metavar="T", help="begin there: seconds or HH:MM:SS.ms")
    video.add_argument("--duration", type=_length, metavar="T", help="go on for so long")
    video.add_argument("--frames", type=_positive, metavar="N", help="stop after N frames")
    video.add_argument(
        "--video-stream",
        type=_count,
        default=0,
        metavar="N",
        help="which is enhanced (0, the first); others are copied",
    )

    ask = flags.add_argument_group("information")
    ask.add_argument("--list-models", action="store_true", help="one a line, its name first")
    ask.add_argument("--list-devices", action="store_true", help="one a line, its name first")
    ask.add_argument(
        "--doctor", action="store_true", help="say what works here, what does not, and what to do"
    )
    ask.add_argument("-q", "--quiet", action="store_true", help="only warnings and errors")
    ask.add_argument("-v", "--verbose", action="store_true", help="tracebacks of internal errors")
    ask.add_argument("--version", action="version", version=f"rtvideo {__version__}")
    return flags


def options_of(arguments: argparse.Namespace) -> Options:
    """Return what the flags say about how inputs are enhanced."""
    return Options(
        model=arguments.model,
        engine=arguments.engine,
        device=arguments.device,
        threads=arguments.threads,
        strength=arguments.strength,
        denoise=arguments.denoise,
        overwrite=arguments.overwrite,
        codec=arguments.codec,
        crf=arguments.crf,
        preset=arguments.preset,
        start=arguments.start,
        duration=arguments.duration,
        frames=arguments.frames,
        video_stream=arguments.video_stream,
        compare=arguments.compare,
        resume=arguments.resume,
    )


def _number(text: str, allowed: str, fits: Callable[[float], bool]) -> float:
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not fits(value):  # never true of NaN
        raise argparse.ArgumentTypeError(f"{text!r} is not allowed; allowed: {allowed}")
    return value


def _share(text: str) -> float:
    return _number(text, "a number from 0 to 1", lambda value: 0 <= value <= 1)


def _denoise(text: str) -> float | None:
    if text == "auto":
        return None
    return (
        0.0
        if text == "off"
        else _number(text, "off, auto or a number from 0 to 1", lambda value: 0 <= value <= 1)
    )


def _quality(text: str) -> float:
    return _number(text, "a number from 0 to 63", lambda value: 0 <= value <= 63)


def _count(text: str) -> int:
    return int(
        _number(text, "a whole number, 0 or more", lambda value: value >= 0 and value == value // 1 < 1e9)
    )


def _positive(text: str) -> int:
    return int(
        _number(text, "a whole number, 1 or more", lambda value: value >= 1 and value == value // 1 < 1e18)
    )


def _time(text: str) -> float:
    """Seconds, or ``[HH:]MM:SS[.ms]``."""
    *high, seconds = text.split(":")
    allowed = "seconds or HH:MM:SS.ms, such as 90 or 1:30.5"
    if len(high) > 2 or not all(part.isascii() and part.isdigit() for part in high):
        raise argparse.ArgumentTypeError(f"{text!r} is not a time; allowed: {allowed}")
    limit = 60.0 if high else float("inf")
    try:
        total = _number(seconds, allowed, lambda value: 0 <= value < limit)
    except argparse.ArgumentTypeError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a time; allowed: {allowed}") from None
    for position, part in enumerate(reversed(high), start=1):
        total += int(part) * 60**position
    return total


def _length(text: str) -> float:
    value = _time(text)
    if value == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not allowed; allowed: a time above 0")
    return value
