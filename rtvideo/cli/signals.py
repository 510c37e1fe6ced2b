"""Signals during the work: the first finishes the outputs early, the second aborts."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from rtvideo.errors import ExitCode
from rtvideo.processes import FROM_TERMINAL

#: Seconds in which the same signal is no second one: ``timeout`` sends it to the process and to its group.
SAME_SIGNAL = 0.5


class SecondSignal(BaseException):
    """A second signal came: stop at once, without completing the output.

    Attributes:
        code: the exit code.
    """

    def __init__(self, code: ExitCode) -> None:
        super().__init__(code)
        self.code = code


class Stop:
    """The handler of signals: the first asks for an early but proper end, the second aborts.

    Attributes:
        event: set by the first signal.
        code: the exit code that it asks for; None before.
    """

    def __init__(self) -> None:
        self.event = threading.Event()
        self.code: ExitCode | None = None
        self._first = 0.0

    def __call__(self, number: int, frame: FrameType | None) -> None:
        """Handle a signal."""
        now, code = time.monotonic(), ExitCode(128 + number)
        if self.code == code and now - self._first < SAME_SIGNAL:
            return
        if self.code is not None:
            raise SecondSignal(self.code)
        self._first, self.code = now, code
        self.event.set()


@contextmanager
def signals() -> Iterator[Stop]:
    """Catch SIGINT, SIGTERM and SIGHUP while files are written."""
    stop = Stop()
    if threading.current_thread() is not threading.main_thread():
        yield stop  # Python allows handlers in the main thread alone
        return
    before = {
        number: signal.signal(number, stop)
        for number in (*FROM_TERMINAL, signal.SIGTERM)
        if signal.getsignal(number) is not signal.SIG_IGN  # `nohup rtvideo` means it
    }
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
