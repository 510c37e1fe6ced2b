from __future__ import annotations

import os
from pathlib import Path

import pytest

from rtvideo.cpus import usable_cpus


@pytest.mark.parametrize(
    ("quota", "cpus"), [("max 100000", 6), ("150000 100000", 2), ("10000 100000", 1), ("", 6)]
)
def test_usable_cpus_heeds_affinity_and_quota(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, quota: str, cpus: int
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(6)))
    (tmp_path / "cpu.max").write_text(quota)
    assert usable_cpus(tmp_path) == cpus


def test_usable_cpus_of_the_older_cgroups(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(6)))
    (tmp_path / "cpu").mkdir()
    (tmp_path / "cpu/cpu.cfs_quota_us").write_text("300000\n")
    (tmp_path / "cpu/cpu.cfs_period_us").write_text("100000\n")
    assert usable_cpus(tmp_path) == 3
    (tmp_path / "cpu/cpu.cfs_quota_us").write_text("-1\n")
    assert usable_cpus(tmp_path) == 6
