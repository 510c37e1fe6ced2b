"""Files and folders from the command line to an exit code."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence

from rtvideo.cli.batch import run_all
from rtvideo.cli.inputs import plan
from rtvideo.cli.parser import record_of
from rtvideo.cli.signals import Stop
from rtvideo.cli.stats import check_stats, write_stats
from rtvideo.engines.registry import check_names
from rtvideo.errors import ExitCode, UsageError, worst
from rtvideo.models import find
from rtvideo.options import Options


def run_files(arguments: argparse.Namespace, inputs: Sequence[str], stop: Stop) -> ExitCode:
    """Enhance all files, and return the worst of their exit codes.

    Args:
        arguments: of the command line; ``inputs`` are the names in them.
        stop: set by a signal; what is done then is finished properly.

    Raises:
        RtvideoError: what concerns all of them; errors of single files are told and counted.
    """
    if not arguments.out:
        last = arguments.positional[-1] if arguments.positional else ""
        meant = f"; did you mean --out {last}?" if len(inputs) > 1 and not os.path.exists(last) else ""
        raise UsageError(f"no output; give a file, or a folder for several inputs, with --out{meant}")
    options = record_of(Options, arguments)
    find(options.model)  # one complaint instead of one for each input
    check_names(options.engine, options.device)
    planned = plan(inputs, arguments.out[0])
    if arguments.stats is not None:
        files = [file for task in planned.tasks for file in (task.source, task.target)]
        check_stats(arguments.stats, overwrite=arguments.overwrite, others=files)
    codes, reports = run_all(
        planned, options, stop, jobs=arguments.jobs, quiet=arguments.quiet, verbose=arguments.verbose
    )
    if arguments.stats is not None:
        write_stats(reports, arguments.stats, several=len(planned.tasks) > 1)
    return worst(codes)
