"""What all tests share: the reference material, and an account of what was skipped.

A test that needs something that a machine may lack (the material in ../shared, a GPU, an optional package)
skips and gives the reason. ``RTVIDEO_REQUIRE=shared,gpu,torch`` turns each skip whose reason holds one of
these words into a failure. The end of the report counts the skips by reason.
"""

from __future__ import annotations

import ctypes
import os
import signal
from collections import Counter
from collections.abc import Generator
from pathlib import Path
from typing import Any

# Before any test imports torch or OpenBLAS: many small tests on few cores are slowest with many threads each.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest
from hypothesis import settings

# A shell's background jobs ignore Ctrl-C, and under nohup hangups. What tests start would inherit that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
    signal.signal(signal.SIGHUP, signal.SIG_DFL)

settings.register_profile("rtvideo", derandomize=True, deadline=None)
settings.load_profile("rtvideo")

ROOT = Path(__file__).resolve().parents[1]
REQUIRED = [word for word in os.environ.get("RTVIDEO_REQUIRE", "").lower().split(",") if word]
#: Reasons of skipped tests, and of modules that were skipped as a whole.
SKIPPED: Counter[str] = Counter()
MODULES_SKIPPED: Counter[str] = Counter()


@pytest.fixture(scope="session")
def shared() -> Path:
    """The reference material beside the checkout; read only."""
    path = ROOT.parent / "shared"
    if not (path / "data").is_dir():
        pytest.skip("shared: no ../shared/data beside the checkout")
    return path


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    # Files that compile take longest, the one that builds the wheel above all: begun last they would keep one
    # processor busy and leave the others idle.
    compiling = {item.path for item in items if item.get_closest_marker("compile")}
    items.sort(key=lambda item: (item.path.name != "test_package.py", item.path not in compiling))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    # About a third of the time tests wait for servers, cameras and browsers: one more has something to do.
    return len(os.sched_getaffinity(0)) + 1


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
    _fail_if_required(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    _fail_if_required(report)
    return report


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if reason := _reason(report):
        SKIPPED[reason] += 1


def pytest_collectreport(report: pytest.CollectReport) -> None:
    if reason := _reason(report):
        MODULES_SKIPPED[reason] += 1


def pytest_sessionfinish(session: pytest.Session) -> None:
    if hasattr(session.config, "workeroutput"):  # of pytest-xdist, whose main process collects nothing
        session.config.workeroutput["modules_skipped"] = dict(MODULES_SKIPPED)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    global MODULES_SKIPPED
    MODULES_SKIPPED |= Counter(getattr(node, "workeroutput", {}).get("modules_skipped", {}))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if SKIPPED or MODULES_SKIPPED:
        terminalreporter.section("not tested here")
    for reason, count in SKIPPED.most_common():
        terminalreporter.line(f"{count:4} skipped: {reason}")
    for reason, count in MODULES_SKIPPED.most_common():
        terminalreporter.line(f"{count:4} modules skipped: {reason}")


def _reason(report: pytest.TestReport | pytest.CollectReport) -> str:
    """Return why a test or module was skipped; nothing if it was not."""
    if not report.skipped or hasattr(report, "wasxfail") or not isinstance(report.longrepr, tuple):
        return ""
    return report.longrepr[2].removeprefix("Skipped: ")


def _fail_if_required(report: pytest.TestReport | pytest.CollectReport) -> None:
    reason = _reason(report)
    missing = [word for word in REQUIRED if word in reason.lower()]
    if missing:
        report.outcome = "failed"
        report.longrepr = f"RTVIDEO_REQUIRE names {missing[0]}, but this would be skipped: {reason}"
