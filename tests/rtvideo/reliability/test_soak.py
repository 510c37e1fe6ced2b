"""The short form of benchmarks/soak.py: what a run holds does not grow with its length."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.soak import run_both

pytestmark = pytest.mark.slow


def test_what_a_run_holds_stays_as_it_is(tmp_path: Path) -> None:
    for soak in run_both(frames=2000, minutes=0.8, folder=tmp_path):
        assert soak.exit_code == 0, soak
        assert soak.late.files <= soak.early.files + 1, soak
        assert soak.late.threads <= soak.early.threads + 1, soak
        assert soak.late.memory < soak.early.memory + 25, soak
