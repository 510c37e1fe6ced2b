"""What all tests share: where the reference material lies, what is missing here, and that nothing hides it.

A test that needs something which a machine may lack (the material in ../shared, a GPU, an optional package)
skips and says so. ``RTVIDEO_REQUIRE=shared,gpu,torch`` turns skips whose reason holds one of these words into
failures.
"""

from __future__ import annotations

import ctypes
import os
import signal
from collections import Counter
from collections.abc import Generator
from pathlib import Path

# Before any test imports torch or OpenBLAS: many small tests on few cores are slowest with many threads each.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest
from hypothesis import settings

# A shell's background jobs ignore Ctrl-C, their children too, and so would what is tested with it.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

settings.register_profile("rtvideo", derandomize=True, deadline=None)
settings.load_profile("rtvideo")

ROOT = Path(__file__).resolve().parents[1]
REQUIRED = [word for word in os.environ.get("RTVIDEO_REQUIRE", "").lower().split(",") if word]
SKIPPED: Counter[str] = Counter()


@pytest.fixture(scope="session")
def shared() -> Path:
    """The reference material beside the checkout; read only."""
    path = ROOT.parent / "shared"
    if not (path / "data").is_dir():
        pytest.skip("shared: no ../shared/data beside the checkout")
    return path


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "gpu: needs an NVIDIA GPU")


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("gpu") and not has_gpu():
        pytest.skip("gpu: no NVIDIA GPU that works here")


def has_gpu() -> bool:
    """Return whether the CUDA driver is there and finds a device."""
    try:
        return bool(ctypes.CDLL("libcuda.so.1").cuInit(0) == 0)
    except OSError:
        return False


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    _count(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    _count(report)
    return report


def _count(report: pytest.TestReport | pytest.CollectReport) -> None:
    if not report.skipped or hasattr(report, "wasxfail") or not isinstance(report.longrepr, tuple):
        return
    reason = report.longrepr[2].removeprefix("Skipped: ")
    missing = [word for word in REQUIRED if word in reason.lower()]
    if missing:
        report.outcome = "failed"
        report.longrepr = f"RTVIDEO_REQUIRE names {missing[0]}, but this would be skipped: {reason}"
    else:
        SKIPPED[reason] += 1


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if SKIPPED:
        terminalreporter.section("not tested here")
    for reason, count in SKIPPED.most_common():
        terminalreporter.line(f"{count:4} skipped: {reason}")
