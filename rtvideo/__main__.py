"""The ``rtvideo`` command, and ``python -m rtvideo``."""

from __future__ import annotations

import os
import signal
import sys
from types import FrameType


def program() -> int:
    """Run the command line, and return its exit code.

    Until `rtvideo.cli` takes signals over, nothing has been written, and one ends the program at once.
    Without a handler the first process of a container would not even get SIGTERM.
    """
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)  # Windows has no SIGHUP
        if number is not None and signal.getsignal(number) is not signal.SIG_IGN:  # `nohup rtvideo` means it
            signal.signal(number, _end)
    from rtvideo.cli.entry import main

    return main()


def _end(number: int, frame: FrameType | None) -> None:
    os._exit(128 + number)


if __name__ == "__main__":
    sys.exit(program())
