"""The command line: arguments in, each input run, one line out for each, exit codes."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING, NoReturn

from rtvideo.errors import ExitCode, RtvideoError, UsageError, worst
from rtvideo.options import Options, Report
from rtvideo.version import __version__

if TYPE_CHECKING:
    from rtvideo.enhancer import Enhancer
    from rtvideo.inputs import Task

_DESCRIPTION = "Make night video visible. Sound, subtitles, time stamps and colour tags stay as they are."
_EXAMPLES = """\
examples:
  rtvideo --input night.mp4 --out lit.mp4
  rtvideo --input 'photos/*.jpg' --out lit/
  rtvideo --input night.mp4 --out half.mkv --strength 0.5 --compare split
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run ``rtvideo`` and return its exit code (`rtvideo.errors.ExitCode`)."""
    verbose = False
    try:
        try:
            arguments = _parser().parse_args(argv)
            verbose = arguments.verbose
            code = _run(arguments)
        finally:
            sys.stdout.flush()
    except BrokenPipeError:  # the reader of stdout is gone, as in `rtvideo --doctor | head -1`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitCode.DONE
    except SystemExit as done:  # --help, --version
        return int(done.code or 0)
    except RtvideoError as error:
        _say(f"error: {error}")
        return error.exit_code
    except Exception as error:
        return _internal(error, verbose)
    return code


def _internal(error: Exception, verbose: bool) -> ExitCode:
    if verbose:
        import traceback

        traceback.print_exception(error)
    hint = "" if verbose else " (a defect in rtvideo: -v shows where)"
    text = " ".join(str(error).split())
    _say(f"error: internal: {type(error).__name__}: {text}{hint}")
    return ExitCode.INTERNAL


def _say(text: str) -> None:
    print(f"rtvideo: {text}", file=sys.stderr, flush=True)


def _run(arguments: argparse.Namespace) -> ExitCode:
    if arguments.list_models:
        return _list_models()
    if arguments.list_devices:
        return _list_devices()
    if arguments.doctor:
        from rtvideo.doctor import examine

        return examine(sys.stdout)
    inputs: list[str] = arguments.named + arguments.positional
    if not inputs:
        raise UsageError(
            "no input; give a video, an image or a folder of images with --input (see rtvideo --help)"
        )
    if arguments.out is None:
        raise UsageError("no output; give a file, or a folder for several inputs, with --out")
    from rtvideo.inputs import plan
    from rtvideo.models import find
    from rtvideo.stats import check_stats, write_stats

    find(arguments.model)  # one complaint instead of one for each input
    tasks = plan(inputs, arguments.out)
    if arguments.stats is not None:
        files = [file for task in tasks for file in (task.source, task.target)]
        check_stats(arguments.stats, overwrite=arguments.overwrite, others=files)
    with _signals() as stop:
        codes, reports = _Run(arguments, stop).all(tasks)
    if arguments.stats is not None:
        write_stats(reports, arguments.stats, several=len(tasks) > 1)
    return worst(codes)


class _Run:
    """All tasks of one call."""

    def __init__(self, arguments: argparse.Namespace, stop: _Stop) -> None:
        self._quiet, self._verbose = arguments.quiet, arguments.verbose
        self._options = _options(arguments)
        self._stop = stop
        self._enhancer: Enhancer | None = None

    def all(self, tasks: Sequence[Task]) -> tuple[list[ExitCode], list[Report]]:
        """Run them one after the other; a failure does not keep the next from running, a signal does."""
        codes: list[ExitCode] = []
        reports: list[Report] = []
        try:
            for task in tasks:
                try:
                    report = self._one(task)
                    reports.append(report)
                    codes.append(self._tell(report))
                except RtvideoError as error:
                    _say(f"error: {error}")
                    codes.append(error.exit_code)
                except Exception as error:
                    codes.append(_internal(error, self._verbose))
                if self._stop.code is not None:
                    codes.append(self._stop.code)
                    break
        except _Aborted:
            _say("error: aborted; nothing was written")
            codes.append(self._stop.code or ExitCode.INTERRUPTED)
        finally:
            if self._enhancer is not None:
                self._enhancer.close()
        return codes, reports

    def _one(self, task: Task) -> Report:
        from rtvideo.enhancer import enhance, enhancer_for
        from rtvideo.inputs import IMAGES
        from rtvideo.progress import progress

        if task.error is not None:
            raise task.error
        image = task.source.suffix.lower() in IMAGES
        if image and self._enhancer is None:
            self._enhancer = enhancer_for(self._options)
        # An image is done before a bar is drawn.
        with progress(task.source.name, sys.stderr, quiet=self._quiet or image) as on_progress:
            return enhance(
                task.source,
                task.target,
                self._options,
                enhancer=self._enhancer,
                on_progress=on_progress,
                on_warning=lambda warning: _say(f"warning: {warning}"),
                stop=self._stop.event,
            )

    def _tell(self, report: Report) -> ExitCode:
        if not self._quiet:
            print(summary(report), file=sys.stderr, flush=True)
        if report.incomplete is None or self._stop.code is not None:
            return ExitCode.DONE
        _say(f"error: {report.output}: incomplete: {report.incomplete}")
        return ExitCode.INCOMPLETE


def summary(report: Report) -> str:
    """Return the line that a finished file ends with."""
    frames = f"{report.frames_out} frame{'' if report.frames_out == 1 else 's'}"
    parts = [f"{frames} in {report.seconds:.1f} s", f"{report.fps:.1f} frames/s", report.engine]
    if report.model:
        parts.append(f"model {report.model}")
    parts.append(f"denoise {report.denoise:g}" if report.denoise else "denoise off")
    if report.damaged:
        parts.append(f"{report.damaged} damaged skipped")
    return f"{os.path.basename(report.output)}: {', '.join(part for part in parts if part)}"


def _list_models() -> ExitCode:
    from rtvideo.models import find, names

    for name in names():
        model = find(name)
        noise = "with noise removal" if model.has_denoise else "without noise removal"
        print(f"{name}  " + ", ".join(filter(None, (str(model.card.get("summary", "")), noise))))
    return ExitCode.DONE


def _list_devices() -> ExitCode:
    from rtvideo.doctor import processor
    from rtvideo.engines.threads import usable_cpus

    count = usable_cpus()
    print(f"cpu  {processor()}, {count} thread{'' if count == 1 else 's'}")
    return ExitCode.DONE


class _Aborted(BaseException):
    """A second signal: nobody wants to wait for the output to be finalised."""


class _Stop:
    """What signals do: the first asks for an early but proper end, the second aborts."""

    def __init__(self) -> None:
        self.event = threading.Event()
        self.code: ExitCode | None = None

    def __call__(self, number: int, frame: FrameType | None) -> None:
        if self.event.is_set():
            raise _Aborted
        self.code = ExitCode(128 + number)
        self.event.set()


@contextmanager
def _signals() -> Iterator[_Stop]:
    """Catch SIGINT and SIGTERM while files are written."""
    stop = _Stop()
    if threading.current_thread() is not threading.main_thread():
        yield stop  # Python allows handlers in the main thread alone
        return
    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message} (see rtvideo --help)")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="rtvideo",
        description=_DESCRIPTION,
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("positional", nargs="*", metavar="INPUT", help="the same as --input")
    files = parser.add_argument_group("files")
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
    files.add_argument("--stats", metavar="FILE", help="write what happened as JSON; - for stdout")

    look = parser.add_argument_group("look")
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

    run = parser.add_argument_group("engine")
    run.add_argument("--device", default="auto", metavar="D", help="auto, cpu, cuda or cuda:N")
    run.add_argument("--engine", default="auto", metavar="E", help="auto takes the fastest that works")
    run.add_argument(
        "--threads", type=_count, default=0, metavar="N", help="for the engine; 0 takes what may be used"
    )

    video = parser.add_argument_group("video")
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

    ask = parser.add_argument_group("information")
    ask.add_argument("--list-models", action="store_true", help="one a line, its name first")
    ask.add_argument("--list-devices", action="store_true", help="one a line, its name first")
    ask.add_argument(
        "--doctor", action="store_true", help="say what works here, what does not, and what to do"
    )
    ask.add_argument("-q", "--quiet", action="store_true", help="only warnings and errors")
    ask.add_argument("-v", "--verbose", action="store_true", help="tracebacks of internal errors")
    ask.add_argument("--version", action="version", version=f"rtvideo {__version__}")
    return parser


def _options(arguments: argparse.Namespace) -> Options:
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
