"""One live input from the command line to an exit code."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from rtvideo.cli.parser import record_of
from rtvideo.cli.progress import progress
from rtvideo.cli.signals import SecondSignal, Stop
from rtvideo.cli.stats import check_stats, write_stats
from rtvideo.cli.viewers import viewers
from rtvideo.console import line, say
from rtvideo.engines.registry import check_names
from rtvideo.errors import ExitCode, InputError, SourceLostError, UsageError
from rtvideo.live.job import LiveReport, enhance_live
from rtvideo.media.location import LocationKind, kind_of, redact
from rtvideo.models import find
from rtvideo.options import CaptureOptions, LiveOptions, Options


def run_live(arguments: argparse.Namespace, inputs: Sequence[str], stop: Stop) -> ExitCode:
    """Run it until it ends or a signal comes.

    Raises:
        RtvideoError: see `rtvideo.live.job.enhance_live`.
    """
    if len(inputs) > 1:
        raise UsageError(f"{len(inputs)} inputs: only one at a time can be live, be shown or be sent")
    if "-" in arguments.out and arguments.stats == "-":
        raise UsageError("--out - and --stats -: stdout takes one of them")
    options = record_of(Options, arguments)
    find(options.model)
    check_names(options.engine, options.device)
    if arguments.stats is not None:
        files = [Path(text) for text in (*inputs, *arguments.out) if kind_of(text) is LocationKind.FILE]
        check_stats(arguments.stats, overwrite=arguments.overwrite, others=files)
    preview = arguments.preview or not (arguments.out or arguments.serve)
    live = record_of(LiveOptions, arguments, wishes=record_of(CaptureOptions, arguments))
    name = redact(inputs[0])
    with progress(name, sys.stderr, quiet=arguments.quiet) as on_progress:
        try:
            report = enhance_live(
                inputs[0],
                arguments.out,
                options,
                live,
                viewers=viewers(
                    preview=preview,
                    serve=arguments.serve,
                    url=arguments.serve_url,
                    token_file=arguments.serve_token_file,
                ),
                say=lambda line: say(f"warning: {line}"),
                on_progress=lambda frames: on_progress(frames, None),
                stop=stop.event,
            )
        except SecondSignal:
            say("error: aborted; outputs are not complete")
            return stop.code or ExitCode.INTERRUPTED
        except (InputError, SourceLostError):
            if stop.code is not None:  # nothing had come yet
                return stop.code
            raise
    if not arguments.quiet:
        line(summary(report, verbose=arguments.verbose))
    if arguments.stats is not None:
        write_stats([report], arguments.stats, several=False)
    if report.incomplete is not None:
        say(f"error: {report.input}: {report.incomplete}")
    if stop.code is not None:
        return stop.code
    if report.lost:
        return ExitCode.SOURCE_LOST
    return ExitCode.DONE if report.incomplete is None else ExitCode.INCOMPLETE


def summary(report: LiveReport, *, verbose: bool) -> str:
    """Return the line that a live run ends with; ``verbose`` adds details of the engine."""
    frames = f"{report.frames_out} frames in {report.seconds:.1f} s"
    engine = report.engine if verbose else f"engine {report.engine_name}"
    parts = [frames, f"{report.fps:.1f} frames/s", engine]
    if enhanced := report.latency.get("enhanced"):
        parts.append(f"enhanced {enhanced['median']:.0f} ms after capture (p99 {enhanced['p99']:.0f})")
    if report.dropped:
        where = ", ".join(f"{count} at {stage}" for stage, count in report.dropped_at.items())
        parts.append(f"{report.dropped} dropped ({where})")
    if report.reconnects:
        parts.append(f"came back {report.reconnects} times")
    if named := [name for name in report.recordings if name not in report.output.split(", ")]:
        count = f"{len(named)} recordings, the last " if len(named) > 1 else "recorded "
        parts.append(f"{count}as {named[-1]}")
    return f"{report.input}: {', '.join(parts)}"
