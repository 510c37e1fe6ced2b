"""Tests of permissions that hold for root too: it gives its privileges up meanwhile."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

#: Nobody, as Linux numbers that user and its group.
NOBODY = 65534


@contextmanager
def without_privileges() -> Iterator[Path]:
    """Run as a user to whom permissions apply, with a new folder of its own.

    Modules that are imported for the first time may be out of its reach: do the work once before.
    """
    with tempfile.TemporaryDirectory() as name:
        if os.geteuid() != 0:
            yield Path(name)
            return
        os.chown(name, NOBODY, NOBODY)
        os.setresgid(NOBODY, NOBODY, 0)
        os.setresuid(NOBODY, NOBODY, 0)
        try:
            yield Path(name)
        finally:
            os.setresuid(0, 0, 0)
            os.setresgid(0, 0, 0)
