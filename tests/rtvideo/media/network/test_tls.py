"""Certificates: one that nobody vouches for is refused, unless the user accepts it."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from rtvideo.errors import OutputError, SourceLostError, UnavailableError
from rtvideo.media.network import tls
from rtvideo.media.network.connect import connect, disconnect
from rtvideo.options import CaptureOptions, LiveOptions
from tests.helpers.certificates import Authority
from tests.helpers.servers import Server, http_video, read_request, rtsp_video
from tests.helpers.waiting import wait_until
from tests.rtvideo.live.test_job import CAMERA, LAVFI, free_port, live
from tests.rtvideo.live.test_push import RECEIVE, WITH_SOUND

pytestmark = [pytest.mark.network, pytest.mark.timeout(60)]


@pytest.fixture
def authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Authority:
    """Trusted by this system."""
    made = Authority(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(made.file))
    return made


def opens(address: str, **how: Any) -> None:
    container, _ = connect(address, CaptureOptions(), threading.Event(), how=LiveOptions(**how))
    disconnect(container)


@pytest.mark.parametrize(("scheme", "talk"), [("https", http_video()), ("rtsps", rtsp_video())])
def test_who_is_trusted(authority: Authority, scheme: str, talk: Any) -> None:
    with Server(authority.certified(talk)) as server:
        opens(f"{scheme}://127.0.0.1:{server.port}/live")
    with Server(authority.forged(talk)) as server:
        address = f"{scheme}://admin:secret@127.0.0.1:{server.port}/live"
        with pytest.raises(
            SourceLostError, match=r"its certificate is not trusted .*--insecure accepts it"
        ) as no:
            opens(address)
        assert "secret" not in str(no.value) and "\n" not in str(no.value)
        opens(address, insecure=True)


def test_a_certificate_of_another_host_is_refused(authority: Authority) -> None:
    with (
        Server(authority.certified(http_video(), "subjectAltName=DNS:elsewhere")) as server,
        pytest.raises(SourceLostError, match=r"certificate is not trusted .*not valid for '127\.0\.0\.1'"),
    ):
        opens(f"https://127.0.0.1:{server.port}/live")


def test_pictures_by_https(authority: Authority) -> None:
    def talk(connection: Any, server: Server) -> None:
        read_request(connection)

    with (
        Server(authority.forged(talk)) as server,
        pytest.raises(SourceLostError, match="its certificate is not trusted"),
    ):
        opens(f"https://127.0.0.1:{server.port}/snap.jpg", poll=1.0)


@pytest.mark.parametrize("scheme", ["rtmps", "rtsps"])
def test_pushes(authority: Authority, scheme: str, tmp_path: Path) -> None:
    received: list[bytes] = []

    def talk(connection: Any, server: Server) -> None:
        received.append(connection.recv(4096))

    how = LiveOptions(wishes=CaptureOptions(format="lavfi"), adapt=False, reconnect=0)
    with (
        Server(authority.forged(talk)) as server,
        pytest.raises(OutputError, match=r"cannot be sent: its certificate is not trusted .*--insecure"),
    ):
        live(CAMERA, f"{scheme}://127.0.0.1:{server.port}/app/key", how=how)
    assert not any(received), "it saw nothing of the stream, not even its address"


def relay(port: int) -> Any:
    """Return a talk that passes bytes on to a port of this machine, both ways."""

    def talk(connection: Any, server: Server) -> None:
        with socket.create_connection(("127.0.0.1", port)) as other:
            back = threading.Thread(target=pass_on, args=[other, connection], daemon=True)
            back.start()
            pass_on(connection, other)

    return talk


def pass_on(source: Any, target: Any) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)


@pytest.mark.parametrize("scheme", ["rtmp", "rtsp"])
def test_pushes_to_servers_that_are_trusted(authority: Authority, scheme: str) -> None:
    port = free_port()
    command = [sys.executable, "-c", RECEIVE, f"{scheme}://127.0.0.1:{port}/app/key"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as receiver:
        assert receiver.stdout is not None
        wait_until(lambda: receiver.poll() is None and listens(port))
        stop = threading.Event()
        said = threading.Thread(target=lambda: (receiver.stdout.readline(), stop.set()))  # type: ignore[union-attr]
        said.start()
        with Server(authority.certified(relay(port))) as server:
            address = f"{scheme}s://127.0.0.1:{server.port}/app/key"
            live(WITH_SOUND, address, how=LAVFI, stop=stop)
        said.join()
        receiver.kill()


def listens(port: int) -> bool:
    return f":{port:04X} 00000000:0000 0A" in Path("/proc/net/tcp").read_text()


def test_where_authorities_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bundle, own = tmp_path / "bundle.pem", tmp_path / "own.pem"
    monkeypatch.setattr(tls, "_BUNDLES", (str(tmp_path / "elsewhere.pem"), str(bundle)))
    monkeypatch.setenv("SSL_CERT_FILE", str(own))
    assert tls.authorities() is None
    bundle.touch()
    assert tls.authorities() == str(bundle)
    own.touch()
    assert tls.authorities() == str(own)


def test_without_authorities(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tls, "authorities", lambda: None)
    with pytest.raises(UnavailableError, match=r"https://: no certificate authorities .* ca-certificates"):
        tls.options("https", insecure=False)
    assert tls.options("https", insecure=True) == {"tls_verify": "0"}
    assert tls.options("http", insecure=False) == {"tls_verify": "1"} and not tls.options(
        "udp", insecure=False
    )
