"""Live pictures pushed to servers that take them, and to servers that say nothing."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import pytest

from rtvideo.errors import OutputError
from rtvideo.live.loss import LossLine
from rtvideo.media.network import push
from rtvideo.options import LiveOptions
from rtvideo.viewers.base import ViewerControls
from tests.helpers.servers import CYCLE, Server, number
from tests.helpers.waiting import wait_until
from tests.rtvideo.live.test_job import CAMERA, LAVFI, Viewer, decoded, free_port, live, numbered

pytestmark = [pytest.mark.network, pytest.mark.timeout(60)]

WITH_SOUND = f"{CAMERA}[out0];sine=frequency=440,arealtime[out1]"

#: The server that a stream is pushed to, in a process of its own.
RECEIVE = """
import sys, av
kind = sys.argv[1].partition(":")[0]
options = {"rtmp": {"listen": "1"}, "rtsp": {"rtsp_flags": "listen", "listen_timeout": "30"}}.get(kind, {})
# To a listener of RTSP PyAV's time-out would be one too many.
with av.open(sys.argv[1], options=options, timeout=None if kind == "rtsp" else (30, 5)) as file:
    counts = {"VideoFrame": 0, "AudioFrame": 0}
    for frame in file.decode():
        counts[type(frame).__name__] += 1
        if min(counts.values()) > 10:
            print(*((s.width, s.height) for s in file.streams.video), flush=True)
            counts["AudioFrame"] = -10**6
"""


@pytest.mark.parametrize(
    ("address", "listening"),
    [
        ("rtmp://127.0.0.1:{}/app/key", "{}"),
        ("rtsp://127.0.0.1:{}/live", "{}"),
        ("udp://127.0.0.1:{}", "{}"),
        ("tcp://127.0.0.1:{}", "{}?listen=1"),
    ],
)
def test_push(address: str, listening: str) -> None:
    address = address.format(free_port())
    command = [sys.executable, "-c", RECEIVE, listening.format(address)]
    said, stop = [], threading.Event()
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as receiver:
        assert receiver.stdout is not None

        def listen() -> None:
            said.append(receiver.stdout.readline())
            stop.set()

        listener = threading.Thread(target=listen)
        listener.start()
        report = None
        while report is None and not stop.is_set():
            try:
                report = live(WITH_SOUND, address, how=LAVFI, stop=stop)
            except OutputError:  # it does not listen yet
                continue
        listener.join()
        receiver.kill()
    assert said == ["(64, 48)\n"]
    assert report is not None and report.output == address.replace("key", "***")


@pytest.mark.parametrize("scheme", ["rtmp", "rtsp"])
def test_a_server_that_accepts_and_says_nothing_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scheme: str
) -> None:
    monkeypatch.setattr(push, "TIMEOUT", 0.5)
    other = tmp_path / "other.mkv"
    with Server(lambda connection, server: server.stopped.wait()) as server:
        address = f"{scheme}://127.0.0.1:{server.port}/app/key"
        with pytest.raises(OutputError, match=r": cannot be sent: no answer within 0\.5 s$"):
            live(CAMERA, other, address, how=LAVFI)
        assert server.accepted == 1
    assert not other.exists(), "as if nothing had begun"


def test_a_push_that_still_connects_does_not_hold_up_the_end(tmp_path: Path) -> None:
    other, accepted = tmp_path / "other.mkv", threading.Event()

    def talk(connection: Any, server: Server) -> None:
        accepted.set()
        server.stopped.wait()

    def act(controls: ViewerControls, count: int) -> None:
        if count > 3 and accepted.is_set():
            controls.stop.set()

    with Server(talk) as server:
        began = time.monotonic()
        address = f"rtmp://127.0.0.1:{server.port}/app/key"
        live(CAMERA, other, address, how=LAVFI, viewers=[Viewer(act).opened])
        assert time.monotonic() - began < push.TIMEOUT - 1
    assert len(decoded(other)) > 1


def test_a_server_is_told_the_encoders_headers_before_pictures_come() -> None:
    announced = bytearray()

    def talk(connection: Any, server: Server) -> None:
        connection.recv(4096)
        connection.sendall(b"RTSP/1.0 200 OK\r\nCSeq: 1\r\n\r\n")
        while b"a=control" not in announced and (more := connection.recv(4096)):
            announced.extend(more)

    with Server(talk) as server, pytest.raises(OutputError):
        live(CAMERA, f"rtsp://127.0.0.1:{server.port}/live", how=LAVFI)
    assert b"ANNOUNCE " in announced and b"sprop-parameter-sets=" in announced


class Restarting:
    """A server that takes some data, goes away, and comes back at the same address."""

    def __init__(self, again: bool) -> None:
        self.received = [b"", b""]
        self.gone = threading.Event()
        self._again = again

    def talk(self, connection: Any, server: Server) -> None:
        index = server.accepted - 1
        while data := connection.recv(65536):
            self.received[index] += data
            if index == 0 and len(self.received[0]) > 5000:
                if not self._again:
                    server._listener.socket.close()
                self.gone.set()
                return


def test_a_server_that_restarts_is_pushed_to_again(tmp_path: Path) -> None:
    restarting, said = Restarting(again=True), []

    def act(controls: ViewerControls, count: int) -> None:
        if len(restarting.received[1]) > 5000:
            controls.stop.set()

    with Server(restarting.talk) as server:
        outputs = [tmp_path / "out.mkv", f"tcp://127.0.0.1:{server.port}"]
        how = LiveOptions(wishes=LAVFI.wishes, adapt=False, reconnect=30.0)
        live(WITH_SOUND, *outputs, how=how, viewers=[Viewer(act).opened], say=said.append)
    lost, back = [line for line in said if isinstance(line, LossLine) or ": back " in line]
    assert lost.startswith("tcp://") and lost.endswith("trying again for 30 s")
    assert ": back after " in back and back.endswith("frames were not sent")
    (tmp_path / "again.ts").write_bytes(restarting.received[1])
    with av.open(str(tmp_path / "again.ts")) as file:
        assert next(file.demux(video=0)).is_keyframe and file.streams.audio
    assert len(decoded(tmp_path / "again.ts")) > 3
    times = [float(frame.time) for frame in decoded(tmp_path / "out.mkv")]
    assert times[-1] - times[0] > 0.5 and max(b - a for a, b in pairwise(times)) < 3


@pytest.mark.parametrize("reconnect", [0.0, 1.0])
def test_a_server_that_stays_away_does_not_end_the_recording(tmp_path: Path, reconnect: float) -> None:
    gone, after = Restarting(again=False), []

    def act(controls: ViewerControls, count: int) -> None:
        if gone.gone.is_set():
            after.append(count)
        if len(after) > 100:
            controls.stop.set()

    with Server(gone.talk) as server:
        how = LiveOptions(wishes=LAVFI.wishes, adapt=False, reconnect=reconnect)
        outputs = [tmp_path / "out.mkv", f"tcp://127.0.0.1:{server.port}"]
        with pytest.raises(OutputError, match=r"^tcp://127\.0\.0\.1:\d+: cannot be sent: "):
            live(CAMERA, *outputs, how=how, viewers=[Viewer(act).opened])
    assert len(decoded(tmp_path / "out.mkv")) > 20
    assert [path.name for path in tmp_path.iterdir()] == ["out.mkv"]


def test_a_push_alone_ends_when_its_server_stays_away() -> None:
    gone = Restarting(again=False)
    with Server(gone.talk) as server:
        how = LiveOptions(wishes=LAVFI.wishes, adapt=False, reconnect=1.0)
        with pytest.raises(OutputError, match="cannot be sent: "):
            live(CAMERA, f"tcp://127.0.0.1:{server.port}", how=how)
    assert server.accepted == 1


def test_a_file_waits_for_the_server_that_it_is_pushed_to(tmp_path: Path) -> None:
    """Nothing that can wait is dropped, but for what was under way when the connection broke."""
    restarting = Restarting(again=True)
    with Server(restarting.talk) as server:
        source = str(numbered(tmp_path / "in.mkv", 200))
        live(source, f"tcp://127.0.0.1:{server.port}", how=LiveOptions(adapt=False, reconnect=30.0))
        wait_until(lambda: server.accepted == 2)
    (tmp_path / "again.ts").write_bytes(restarting.received[1])
    assert number(decoded(tmp_path / "again.ts")[-1]) == 199 % CYCLE
