"""The command line: arguments in, exit code out."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from rtvideo.cli.completion import complete
from rtvideo.cli.parser import parser, record_of
from rtvideo.cli.signals import SecondSignal, signals
from rtvideo.console import internal, messages_may_be_lost, say
from rtvideo.errors import ExitCode, RtvideoError, UsageError
from rtvideo.media.location import LocationKind, expand, kind_of
from rtvideo.options import CaptureOptions
from rtvideo.values import Parser

#: The word that makes a service of it; a file of this name is written ./serve.
SERVE = "serve"


@messages_may_be_lost()
def main(argv: Sequence[str] | None = None) -> int:
    """Run ``rtvideo`` and return its exit code (`rtvideo.errors.ExitCode`)."""
    verbose = False
    try:
        try:
            words = list(sys.argv[1:] if argv is None else argv)
            if words[:1] == [SERVE]:
                from rtvideo.cli.serve import run_service

                return run_service(words[1:])
            flags = parser()
            complete(flags)
            arguments = flags.parse_args(argv)
            verbose = arguments.verbose
            code = _run(arguments, flags)
        finally:
            sys.stdout.flush()
    except BrokenPipeError:  # the reader of stdout is gone, as in `rtvideo --doctor | head -1`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitCode.DONE
    except KeyboardInterrupt:  # before work began
        return ExitCode.INTERRUPTED
    except SecondSignal as second:
        return second.code
    except SystemExit as done:  # --help, --version
        return int(done.code or 0)
    except RtvideoError as error:
        say(f"error: {error}")
        return error.exit_code
    except Exception as error:
        say(f"error: {internal(error, verbose)}")
        return ExitCode.INTERNAL
    return code


def _run(arguments: argparse.Namespace, flags: Parser) -> ExitCode:
    """Do what the flags ask for, and import only what that needs."""
    if arguments.list_models or arguments.list_devices:
        from rtvideo.cli.lists import list_devices, list_models

        (list_models if arguments.list_models else list_devices)()
        return ExitCode.DONE
    if arguments.doctor:
        from rtvideo.cli.doctor import examine

        return examine(sys.stdout)
    if arguments.sample is not None:
        from rtvideo.cli.sample import make_sample

        with signals() as stop:
            return make_sample(arguments, stop)
    inputs = [expand(text) for text in arguments.named + arguments.positional]
    arguments.out = [expand(text) for text in arguments.out]
    if not inputs:
        raise UsageError(
            "no input; name a video, an image or a folder, for example: rtvideo night.mp4 "
            "(--sample night.mp4 makes one; see rtvideo --help)"
        )
    for text in inputs:
        if flags.knows(f"--{text}") and not os.path.exists(text):
            raise UsageError(f"{text}: no such file; did you mean --{text}?")
    _check_paths(inputs, arguments.out)
    # From here on a signal asks for a proper end; imports would turn its exception into others.
    with signals() as stop:
        if arguments.cluster is None and is_live(arguments, inputs):
            from rtvideo.cli.live import run_live

            return run_live(arguments, inputs, stop)
        from rtvideo.cli.files import run_files

        return run_files(arguments, inputs, stop)


def _check_paths(inputs: Sequence[str], outputs: Sequence[str]) -> None:
    if len(inputs) > 1 and len(outputs) > 1:
        raise UsageError(
            f"{len(inputs)} inputs and {len(outputs)} outputs: give one folder with --out, "
            "or run one command for each input"
        )
    for text in (*inputs, *outputs):
        if not text:
            raise UsageError("an input or output is empty; was a variable of the shell not set?")
        if text.startswith("~") and not os.path.exists(text):
            raise UsageError(
                f"{text}: the shell does not replace ~ inside quotes; write {os.path.expanduser(text)}"
            )


def is_live(arguments: argparse.Namespace, inputs: Sequence[str]) -> bool:
    """Return whether this is live: a live source or target, a viewer, several outputs, or a flag of these."""
    capture = record_of(CaptureOptions, arguments)
    live = (
        arguments.serve,
        arguments.serve_url,
        arguments.serve_token_file,
        arguments.segment,
        arguments.keep,
        None if arguments.when == "always" else arguments.when,
        None if arguments.output_format == "y4m" else arguments.output_format,
        arguments.poll,
    )
    if arguments.preview or any(value is not None for value in live) or capture != CaptureOptions():
        return True
    if len(arguments.out) > 1 or any(out.lower().endswith(".m3u8") for out in arguments.out):
        return True
    return any(kind_of(text) is not LocationKind.FILE for text in (*inputs, *arguments.out))
