"""The service as a whole: real processes, cameras on 127.0.0.1 that die, fall silent and send garbage."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import av
import pytest

pytest.importorskip("websockets", reason="websockets: not installed (pip install 'rtvideo[service]')")
pytest.importorskip("prometheus_client", reason="prometheus_client: not installed")

from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from tests.helpers.servers import Server, http_video, read_request, rtsp_video
from tests.helpers.waiting import grown, wait_until
from tests.rtvideo.live.test_job import free_port

pytestmark = [pytest.mark.timeout(120), pytest.mark.slow, pytest.mark.network]

PASSWORD = "p@ss:w/rd#?%20"


class Service:
    """``rtvideo serve`` in a process of its own."""

    def __init__(self, folder: Path, cameras: str, *, log: str = "lines", **environment: str) -> None:
        self.folder, self.port = folder, free_port()
        self.config = folder / "cameras.toml"
        self.head = f'[service]\nlisten = "{self.port}"\nlog = "{log}"\n[defaults]\ndenoise = false\n'
        self.write(cameras)
        self._said = folder / "said.txt"
        with self._said.open("wb") as said:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "rtvideo", "serve", "--config", str(self.config)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=said,
                env=os.environ | environment,
            )

    def write(self, cameras: str) -> None:
        self.config.write_text(self.head + cameras)

    @property
    def said(self) -> str:
        return self._said.read_text()

    def get(self, path: str, **headers: str) -> bytes:
        request = Request(f"http://127.0.0.1:{self.port}/{path}", headers=headers)
        with urlopen(request, timeout=10) as answer:
            return bytes(answer.read())

    def get_or_nothing(self, path: str) -> bytes:
        with contextlib.suppress(HTTPError):
            return self.get(path)
        return b""

    def reload(self, cameras: str, answer: str) -> None:
        """Give it another configuration, and wait for what it says to that."""
        self.write(cameras)
        self.process.send_signal(signal.SIGHUP)
        wait_until(lambda: answer in self.said)

    def commands(self) -> list[str]:
        """The command lines of its processes, as everybody can see them."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        pids = [str(self.process.pid), *children.split()]
        return [Path(f"/proc/{pid}/cmdline").read_bytes().decode() for pid in pids]

    def cameras(self) -> dict[str, dict[str, Any]]:
        try:
            found = json.loads(self.get("state"))["cameras"]
        except OSError:
            assert self.process.poll() is None, self.said
            return {}
        return {camera["name"]: camera for camera in found}

    def states(self) -> dict[str, str]:
        return {name: camera["state"] for name, camera in self.cameras().items()}

    def wait_for(self, **states: str) -> None:
        wait_until(lambda: states.items() <= self.states().items(), 90)

    def end(self) -> None:
        """Ask it to end, and wait for that."""
        self.process.terminate()
        assert self.process.wait(30) == 0, self.said


@contextlib.contextmanager
def service(folder: Path, cameras: str, **how: Any) -> Iterator[Service]:
    running = Service(folder, cameras, **how)
    try:
        yield running
    finally:
        running.process.kill()
        running.process.wait()


def camera(name: str, port: int, folder: Path, more: str = "") -> str:
    return (
        f'[camera.{name}]\ninput = "http://127.0.0.1:{port}/"\nout = "{folder}/{name}-%H%M%S.mkv"\n{more}\n'
    )


def frames(path: Path) -> int:
    with av.open(str(path)) as file:
        return sum(1 for _ in file.decode(video=0))


def garbage(connection: socket.socket, server: Server) -> None:
    read_request(connection)
    connection.sendall(b"HTTP/1.0 200 OK\r\nContent-Type: video/mp2t\r\n\r\n")
    while not server.stopped.wait(0.01):
        connection.sendall(os.urandom(1 << 18))


def test_cameras_that_fail_disturb_no_other(tmp_path: Path) -> None:
    """One is killed and comes back, one sends garbage, one is off; the first goes on. systemd is told."""
    told: list[dict[str, str]] = []
    asleep = (time.localtime().tm_hour + 2) % 24
    with (
        Server(http_video(size=(128, 96))) as good,
        Server(http_video()) as dies,
        Server(garbage) as bad,
        notifications(tmp_path / "notify", told),
    ):
        cameras = [
            camera("good", good.port, tmp_path, 'schedule = "00:00-24:00"'),
            camera("dies", dies.port, tmp_path),
            camera("bad", bad.port, tmp_path, "timeout = 1"),
            camera("off", bad.port, tmp_path, f'schedule = "{asleep:02}:00-{asleep:02}:30"'),
        ]
        where = {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "1000000"}
        with service(tmp_path, "".join(cameras), **where) as running:
            running.wait_for(good="live", dies="live", off="off")
            before = running.cameras()
            wait_until(lambda: grown(tmp_path, ".dies*.partial*.mkv"), 60)
            os.kill(before["dies"]["pid"], signal.SIGKILL)
            wait_until(lambda: running.cameras()["dies"]["restarts"] == 1, 60)
            check_what_is_seen(running)
            wait_until(lambda: running.cameras()["bad"]["restarts"], 90)
            running.wait_for(good="live", dies="live")
            after = running.cameras()
            assert after["good"]["pid"] == before["good"]["pid"] and after["good"]["restarts"] == 0
            assert "SIGKILL" in after["dies"]["last_error"] and after["bad"]["last_error"]
            assert {"READY": "1"} in told and told.count({"WATCHDOG": "1"}) > 2
            assert any(each.get("STATUS") == "2 of 4 cameras live" for each in told)
            running.end()
        wait_until(lambda: {"STOPPING": "1"} in told)
    assert "dies: error: its process died (SIGKILL); starts again in 1 s" in running.said
    recordings = {path.name: frames(path) for path in tmp_path.glob("*.mkv")}
    assert sum(name.startswith("good") for name in recordings) == 1
    assert sum(name.startswith("dies") for name in recordings) == 2, "what the killed one recorded is kept"
    assert all(recordings.values()) and not list(tmp_path.glob(".*.partial*"))


def check_what_is_seen(running: Service) -> None:
    wait_until(lambda: running.cameras()["good"]["gain"])
    good = running.cameras()["good"]
    assert good["frames"] > 0 and good["size"] == [128, 96] and 0 < good["brightness"] < 1
    numbers = running.get("metrics").decode()
    assert 'rtvideo_camera_up{camera="good"} 1.0' in numbers
    assert 'rtvideo_camera_state{camera="off",state="off"} 1.0' in numbers
    assert running.get("healthz").endswith(b" of 4 cameras live\n")
    wait_until(lambda: running.get_or_nothing("thumbnail/good.jpg").startswith(b"\xff\xd8"))
    assert b"as recorded" in running.get("camera/good/")
    refused = {"camera/none/": 404, "camera/off/": 503, "../etc": 404, "thumbnail/off.jpg": 404}
    for path, code in refused.items():
        with pytest.raises(HTTPError) as error:
            running.get(path)
        assert error.value.code == code
    with pytest.raises(HTTPError, match="403"):
        running.get("state", Host="evil.example")


@contextlib.contextmanager
def notifications(path: Path, told: list[dict[str, str]]) -> Iterator[None]:
    """Listen as systemd does."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(path))

        def listen() -> None:
            while data := listening.recv(4096):
                told.append(dict(line.split("=", 1) for line in data.decode().splitlines()))

        thread = threading.Thread(target=listen, daemon=True)
        thread.start()
        try:
            yield
        finally:
            listening.sendto(b"", str(path))
            thread.join()


def test_a_new_configuration_leaves_other_cameras_alone_and_passwords_stay_secret(tmp_path: Path) -> None:
    with Server(rtsp_video(password=PASSWORD)) as server:
        login = f'[camera.first]\ninput = "rtsp://admin:${{YARD}}@127.0.0.1:{server.port}/x?key=${{YARD}}"\n'
        away = login.replace("first", "second").replace(str(server.port), str(free_port()))
        with service(tmp_path, login + away, log="json", YARD=PASSWORD) as running:
            wait_until(lambda: running.states().get("first") == "live", 60)
            check_pictures(running)
            wait_until(lambda: running.cameras()["second"]["last_error"])
            before, commands = running.cameras(), running.commands()
            pages = [
                running.get(path).decode() for path in ("", "state", "metrics", "healthz", "camera/first/")
            ]

            running.reload(login + away + "strangth = 1\n", "all cameras go on as they were")
            assert "cameras.toml:" in running.said and "did you mean strength?" in running.said
            running.reload(login + login.replace("first", "third"), "new: third; gone: second")
            wait_until(lambda: running.states() == {"first": "live", "third": "live"}, 60)
            assert running.cameras()["first"]["pid"] == before["first"]["pid"]
            running.reload(login + "strength = 0.5\n", "changed: first; gone: third")
            wait_until(lambda: running.cameras().get("first", {}).get("pid") != before["first"]["pid"])
            running.end()
    assert len(commands) >= 2
    for text in (*pages, *commands, running.said):
        assert PASSWORD not in text and "p%40ss" not in text
    entries = [json.loads(line) for line in running.said.splitlines()[1:]]
    assert {"time", "level", "message"} <= entries[0].keys()
    assert {"camera": "second", "level": "error"}.items() <= entries[0].items()


def check_pictures(running: Service) -> None:
    """The page of a camera works through the service, and not from another site."""
    place = f"127.0.0.1:{running.port}"
    with connect(f"ws://{place}/camera/first/live", origin=f"http://{place}") as pictures:
        assert {type(pictures.recv(timeout=30)) for _ in range(6)} == {str, bytes}
    with pytest.raises(InvalidStatus, match="403"):
        connect(f"ws://{place}/camera/first/live", origin="http://evil.example")
