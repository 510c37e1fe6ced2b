"""The short forms of benchmarks/soak.py and reconnects.py: what a run holds does not grow."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import reconnects
from benchmarks.soak import run_both

pytestmark = pytest.mark.slow


def test_what_a_run_holds_stays_as_it_is(tmp_path: Path) -> None:
    for soak in run_both(frames=2000, minutes=0.8, folder=tmp_path):
        assert soak.exit_code == 0, soak
        assert soak.late.files <= soak.early.files + 1, soak
        assert soak.late.threads <= soak.early.threads + 1, soak
        assert soak.late.memory < soak.early.memory + 25, soak


@pytest.mark.network
def test_a_camera_that_drops_and_comes_back_costs_nothing(tmp_path: Path) -> None:
    done = reconnects.record((160, 96), times=12, every=4, folder=tmp_path, seconds=0.4)
    first, last = done.looks[1].held, done.looks[-1].held
    assert done.exit_code == 143 and done.looks[-1].reconnects == 12
    # A connection may be on its way at the moment; eight that leave something behind are more.
    assert last.threads <= first.threads + 2 and last.files <= first.files + 2, done
    assert last.memory < first.memory + 15, done
