"""The command line: arguments in, exit code out."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from rtvideo.cli.parser import parser
from rtvideo.console import internal, say
from rtvideo.errors import ExitCode, RtvideoError, UsageError, worst
from rtvideo.options import Options


def main(argv: Sequence[str] | None = None) -> int:
    """Run ``rtvideo`` and return its exit code (`rtvideo.errors.ExitCode`)."""
    verbose = False
    try:
        try:
            arguments = parser().parse_args(argv)
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
        say(f"error: {error}")
        return error.exit_code
    except Exception as error:
        return internal(error, verbose)
    return code


def _run(arguments: argparse.Namespace) -> ExitCode:
    if arguments.list_models:
        return _list_models()
    if arguments.list_devices:
        return _list_devices()
    if arguments.doctor:
        from rtvideo.cli.doctor import examine

        return examine(sys.stdout)
    inputs: list[str] = arguments.named + arguments.positional
    if not inputs:
        raise UsageError(
            "no input; give a video, an image or a folder of images with --input (see rtvideo --help)"
        )
    from rtvideo.cli.live import is_live, run_live

    if is_live(arguments, inputs):
        return run_live(arguments, inputs)
    if not arguments.out:
        raise UsageError("no output; give a file, or a folder for several inputs, with --out")
    from rtvideo.cli.batch import run_all
    from rtvideo.cli.inputs import plan
    from rtvideo.cli.parser import record_of
    from rtvideo.cli.signals import signals
    from rtvideo.cli.stats import check_stats, write_stats
    from rtvideo.models import find

    find(arguments.model)  # one complaint instead of one for each input
    tasks = plan(inputs, arguments.out[0])
    if arguments.stats is not None:
        files = [file for task in tasks for file in (task.source, task.target)]
        check_stats(arguments.stats, overwrite=arguments.overwrite, others=files)
    with signals() as stop:
        codes, reports = run_all(
            tasks,
            record_of(Options, arguments),
            stop,
            jobs=arguments.jobs,
            quiet=arguments.quiet,
            verbose=arguments.verbose,
        )
    if arguments.stats is not None:
        write_stats(reports, arguments.stats, several=len(tasks) > 1)
    return worst(codes)


def _list_models() -> ExitCode:
    from rtvideo.models import find, names

    for name in names():
        model = find(name)
        noise = "with noise removal" if model.has_denoise else "without noise removal"
        print(f"{name}  " + ", ".join(filter(None, (str(model.card.get("summary", "")), noise))))
    return ExitCode.DONE


def _list_devices() -> ExitCode:
    from rtvideo.cli.doctor import processor
    from rtvideo.cpus import usable_cpus
    from rtvideo.kernels.cuda import driver
    from rtvideo.media.camera import devices

    count = usable_cpus()
    print(f"cpu  {processor()}, {count} thread{'' if count == 1 else 's'}")
    for name, what in driver.listed():
        print(f"{name}  {what}")
    for device in devices():
        kinds = [kind for kind, has in (("camera", device.captures), ("virtual camera", device.plays)) if has]
        print(f"{device.path}  {device.name}, {' and '.join(kinds)}")
    return ExitCode.DONE
