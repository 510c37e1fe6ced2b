"""Files and folders from the command line to an exit code."""

from __future__ import annotations

import argparse
import os
import shlex
from collections.abc import Sequence
from pathlib import Path

from rtvideo.cli.batch import run_all
from rtvideo.cli.inputs import VIDEOS, BatchPlan, beside, plan
from rtvideo.cli.parser import record_of
from rtvideo.cli.signals import Stop
from rtvideo.cli.stats import check_stats, write_stats
from rtvideo.console import line
from rtvideo.engines.registry import check_names
from rtvideo.errors import ExitCode, UsageError, worst
from rtvideo.media.images.suffixes import NAMES
from rtvideo.media.location import LocationKind, kind_of, redact
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
    options = record_of(Options, arguments)
    find(options.model)  # one complaint instead of one for each input
    check_names(options.engine, options.device)
    if arguments.cluster is not None:
        from rtvideo.cluster.connection import check_address

        check_address(arguments.cluster)
        _refuse_live(arguments, inputs)
    out = arguments.out[0] if arguments.out else _beside(inputs, quiet=arguments.quiet)
    planned = _planned(arguments, inputs, out)
    if arguments.stats is not None:
        _check_stats(arguments, planned)
    if options.log is not None:
        _check_log(options.log, planned, arguments.cluster)
    codes, reports = run_all(
        planned,
        options,
        stop,
        jobs=arguments.jobs,
        cluster=arguments.cluster,
        piece=arguments.piece,
        reports=arguments.stats is not None,
        quiet=arguments.quiet,
        verbose=arguments.verbose,
    )
    if arguments.stats is not None:
        write_stats(reports, arguments.stats, several=planned.several)
    return worst(codes)


def _check_stats(arguments: argparse.Namespace, planned: BatchPlan) -> None:
    files = [file for task in planned.tasks for file in (task.source, task.target)]
    if planned.listing is not None and Path(arguments.stats).suffix.lower() in (*VIDEOS, *NAMES):
        files.append(Path(arguments.stats))  # the files are not all known yet: it may be one of them
    check_stats(arguments.stats, overwrite=arguments.overwrite, others=files)


def _check_log(log: str, planned: BatchPlan, cluster: str | None) -> None:
    if cluster is not None:
        raise UsageError("--log: a cluster writes none; leave --cluster or --log out")
    if planned.several and not os.path.isdir(log):
        raise UsageError(f"--log {log}: there are {len(planned.tasks)} inputs; name a folder that exists")


def _refuse_live(arguments: argparse.Namespace, inputs: Sequence[str]) -> None:
    from rtvideo.cluster.places import is_remote

    if arguments.preview or arguments.serve is not None or len(arguments.out) > 1:
        raise UsageError("--cluster: takes files to files; leave --preview, --serve and further --out away")
    for text in (*inputs, *arguments.out):
        if kind_of(text) is not LocationKind.FILE and not is_remote(text):
            raise UsageError(f"--cluster: {redact(text)} is live; a cluster takes files")
        if is_remote(text) and not arguments.out:
            raise UsageError(f"no output for {redact(text)}; give a file or folder: --out lit/")


def _planned(arguments: argparse.Namespace, inputs: Sequence[str], out: str) -> BatchPlan:
    if arguments.cluster is not None:
        from rtvideo.cli.remote import must_be_listed, plan_listing

        if must_be_listed(inputs, out):
            return plan_listing(inputs, out)
    return plan(inputs, out)


def _beside(inputs: Sequence[str], *, quiet: bool) -> str:
    """Return where the result of one input goes if nothing else is said, and say so."""
    if len(inputs) > 1:
        *sources, last = inputs
        for source in sources:
            beside(source)  # says it where one is not there
        if os.path.exists(last):
            raise UsageError(f"no output for {len(inputs)} inputs; give a folder: --out FOLDER/")
        raise UsageError(f"no output; did you mean: rtvideo {shlex.join(sources)} --out {shlex.quote(last)}?")
    out = beside(inputs[0])
    if not quiet:
        line(f"{inputs[0]}: no --out, so the result goes to {out}")
    return out
