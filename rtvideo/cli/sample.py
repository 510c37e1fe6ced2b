"""``--sample``: a clip to try rtvideo on, rendered here."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from rtvideo.cli.progress import progress
from rtvideo.cli.signals import SecondSignal, Stop
from rtvideo.console import line, printable
from rtvideo.errors import ExitCode, UsageError
from rtvideo.media.containers import container_for
from rtvideo.sample.clip import make_clip


def make_sample(arguments: argparse.Namespace, stop: Stop) -> ExitCode:
    """Write the clip that ``--sample`` names.

    Raises:
        UsageError, OutputError: see `rtvideo.sample.clip.make_clip`.
        SecondSignal: a signal came; nothing is left.
    """
    path = Path(arguments.sample)
    if arguments.named or arguments.positional or arguments.out:
        raise UsageError(
            f"--sample {path}: makes a clip and nothing else; enhance it afterwards: rtvideo {path}"
        )
    container_for(path)
    given = {"seconds": arguments.duration, "size": arguments.size, "fps": arguments.rate}
    with progress(printable(path.name), sys.stderr, quiet=arguments.quiet) as show:

        def on_progress(done: int, total: int) -> None:
            if done == 0 and not arguments.quiet:
                line(f"{path}: rendering a street at night, {total} frames, some ten a second")
            show(done, total)
            if stop.code is not None:
                raise SecondSignal(stop.code)

        made = {name: value for name, value in given.items() if value is not None}
        make_clip(path, overwrite=arguments.overwrite, on_progress=on_progress, **made)
    if not arguments.quiet:
        line(f"{path}: done; enhance it with: rtvideo {path}")
    return ExitCode.DONE
