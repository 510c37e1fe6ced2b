"""What the commands of a checkout share: a mistake, or a missing package, ends in one line on stderr."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from rtvideo import values
from rtvideo.errors import ExitCode, RtvideoError

#: The packages of this project: one that is missing is a defect, and no extra installs it.
OURS = ("rtvideo", "model", "search", "export", "benchmarks")


class Parser(values.Parser):
    """The parser of one command.

    Args:
        prog: what the user typed, such as ``python -m model.train``.
        doc: the module's docstring; its first line describes the command, and all of it is shown by --help.
    """

    def __init__(self, prog: str, doc: str | None) -> None:
        super().__init__(
            prog=prog,
            description=doc,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )


def run(
    body: Callable[[argparse.Namespace], int | None],
    parser: argparse.ArgumentParser,
    words: Sequence[str] | None,
    *,
    extra: str,
    stopped: str = "stopped",
) -> int:
    """Parse ``words`` (None: those of the process), call ``body`` with them, and return the exit code.

    Args:
        body: returns an exit code, or None for 0.
        extra: of setup.cfg, which installs what the command needs.
        stopped: what to say after Ctrl-C.
    """
    try:
        return int(body(parser.parse_args(words)) or ExitCode.DONE)
    except RtvideoError as error:
        print(f"error: {error}", file=sys.stderr)
        return int(error.exit_code)
    except ModuleNotFoundError as error:
        return _missing(error, extra)
    except KeyboardInterrupt:
        print(stopped, file=sys.stderr)
        return int(ExitCode.INTERRUPTED)


@contextmanager
def imports(module: str, extra: str) -> Iterator[None]:
    """Wrap a script's imports, so that a missing package ends it in one line.

    Args:
        module: ``__name__`` of the script; where it is imported by another module the error is left alone.
        extra: of setup.cfg, which installs them.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        if module != "__main__":
            raise
        sys.exit(_missing(error, extra))


def _missing(error: ModuleNotFoundError, extra: str) -> int:
    package = (error.name or "").partition(".")[0]
    if package in OURS:
        raise error
    print(f"error: {package} is not installed; run: pip install '.[{extra}]'", file=sys.stderr)
    return int(ExitCode.UNAVAILABLE)
