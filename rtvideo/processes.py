"""Processes that this one starts."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from multiprocessing import resource_tracker

#: Whether a compiler is to step back behind all other programs: while live pictures come it would take the
#: time that they need. It is set in the thread that opens a session.
STEPS_BACK = ContextVar("steps_back", default=False)

#: Signals that the terminal sends to all processes of a job.
FROM_TERMINAL = (signal.SIGINT, *((signal.SIGHUP,) if hasattr(signal, "SIGHUP") else ()))


@contextmanager
def signals_blocked() -> Iterator[None]:
    """Start a process meanwhile: it gets no signals of the terminal, and SIGTERM once it unblocks it."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows, where processes get no such signals
        yield
        return
    resource_tracker.ensure_running()  # the first start of a process would do it, and unblock SIGINT again
    before = signal.pthread_sigmask(signal.SIG_BLOCK, (*FROM_TERMINAL, signal.SIGTERM))
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def unblock(*signals: signal.Signals) -> None:
    """In a process that was started so, let signals through."""
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, signals)
