"""What the commands of a checkout share: a mistake, or a missing package, ends in one line on stderr."""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rtvideo import values
from rtvideo.errors import ExitCode, RtvideoError, UnavailableError, UsageError

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress

#: The packages of this project: one that is missing is a defect, and no extra installs it.
OURS = ("rtvideo", "model", "search", "export", "benchmarks")


class Parser(values.Parser):
    """A parser whose --help is the docstring of a module.

    Args:
        prog: what the user types, such as ``python -m model.train``.
        doc: ``__doc__`` of the module.
    """

    def __init__(self, prog: str, doc: str | None) -> None:
        super().__init__(prog=prog, description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)


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
        if {"-h", "--help"} & set(sys.argv[1:]):  # its flags may need what is missing, what it does is known
            print(sys.modules[module].__doc__)
        sys.exit(_missing(error, extra))


def weight(text: str) -> float:
    """Return a number, 0 or more: the type of a flag."""
    return values.number(text, "a number, 0 or more", lambda value: 0 <= value < math.inf)


def torch_device(name: str) -> str:
    """Return the torch device for ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.

    Raises:
        UsageError: not such a name.
        UnavailableError: there is no such device.
    """
    import torch

    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    kind, _, index = name.partition(":")
    if name != "cpu" and (kind != "cuda" or (index and not index.isdigit())):
        raise UsageError(f"device {name!r}; allowed: auto, cpu, cuda, cuda:N")
    if kind == "cuda" and int(index or 0) >= torch.cuda.device_count():
        count = torch.cuda.device_count()
        raise UnavailableError(f"device {name} is not there: torch sees {count} CUDA devices")
    return name


def progress(console: Console) -> Progress:
    """Return a bar that shows what is done, how much there is, and the time that is left."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(elapsed_when_finished=True),
        console=console,
        disable=not console.is_terminal,
    )


def _missing(error: ModuleNotFoundError, extra: str) -> int:
    package = (error.name or "").partition(".")[0]
    if package in OURS:
        raise error
    print(f"error: {package} is not installed; run: pip install '.[{extra}]'", file=sys.stderr)
    return int(ExitCode.UNAVAILABLE)
