"""Sockets that ask for nothing, or for too much, against a run that also records."""

from __future__ import annotations

import os
import re
import resource
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.client import HTTPConnection
from pathlib import Path

import pytest

pytest.importorskip("websockets", reason="websockets: not installed (pip install 'rtvideo[serve]')")

from rtvideo.viewers.web import pending
from tests.helpers import clips

ROOT = Path(__file__).resolve().parents[4]

pytestmark = [pytest.mark.timeout(120), pytest.mark.slow, pytest.mark.network]

#: Files that the run may open. The recording needs a few; a thousand sockets would take them all.
FILES = 256


@contextmanager
def recording(out: Path, log: Path) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """A run that records and serves; gives the process and its port."""
    with log.open("wb") as stderr:
        process = subprocess.Popen(
            [
                *(
                    sys.executable,
                    "-m",
                    "rtvideo",
                    "--engine",
                    "fused",
                    "--temporal",
                    "off",
                    "--denoise",
                    "off",
                ),
                *("--input-format", "lavfi", "--input", "testsrc=size=64x48:rate=25,realtime"),
                *("--out", str(out), "--serve", "0"),
            ],
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            stderr=stderr,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (FILES, FILES)),
        )
    try:
        end = time.monotonic() + 60
        while not (found := re.search(r"http://127\.0\.0\.1:(\d+)/", log.read_text())):
            assert time.monotonic() < end and process.poll() is None, log.read_text()
            time.sleep(0.05)
        yield process, int(found[1])
    finally:
        process.kill()
        process.wait()


def page(port: int) -> int:
    """Return the status of the page."""
    connection = HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.request("GET", "/")
        return connection.getresponse().status
    finally:
        connection.close()


def flood(stack: ExitStack, port: int, count: int, data: bytes = b"") -> None:
    for _ in range(count):
        open_socket = stack.enter_context(socket.socket())
        open_socket.settimeout(20)
        open_socket.connect(("127.0.0.1", port))
        if data:
            open_socket.sendall(data)


def files(process: subprocess.Popen[bytes]) -> int:
    return len(os.listdir(f"/proc/{process.pid}/fd"))


def test_a_thousand_sockets_stop_neither_the_recording_nor_the_page(tmp_path: Path) -> None:
    out, log = tmp_path / "night.mkv", tmp_path / "log"
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < 2500:
        pytest.skip(f"files: this process may open only {hard}")
    with recording(out, log) as (process, port), ExitStack() as stack:
        stack.callback(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 2500), hard))
        before = files(process)
        most = before
        for data in (b"", b"GET /live HTTP/1.1\r\nHost: localhost\r\n"):
            for _ in range(4):
                flood(stack, port, 250, data)
                most = max(most, files(process))
                assert page(port) == 200
        assert most <= before + 2 * pending.LIMIT
        time.sleep(2)  # with all of them open
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130
    text = log.read_text()
    assert "Traceback" not in text and "Too many open files" not in text
    assert len(text.splitlines()) < 20, text
    assert len(clips.frames(out)) > 25


def test_silent_sockets_are_closed_after_a_few_seconds(tmp_path: Path) -> None:
    with recording(tmp_path / "night.mkv", tmp_path / "log") as (_, port), ExitStack() as stack:
        sockets = [stack.enter_context(socket.create_connection(("127.0.0.1", port), 20)) for _ in range(20)]
        for silent in sockets:
            assert silent.recv(1) == b""
