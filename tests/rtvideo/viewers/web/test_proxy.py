"""The page behind a reverse proxy, configured as people do, and as docs/viewer.md shows."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPSConnection
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("websockets", reason="websockets: not installed (pip install 'rtvideo[serve]')")

from websockets.exceptions import InvalidStatus
from websockets.sync.client import ClientConnection, connect

from benchmarks.live import chromium
from rtvideo.viewers.base import ViewerControls
from rtvideo.viewers.web.address import Address
from rtvideo.viewers.web.public_url import PublicUrl
from rtvideo.viewers.web.tokens import Token
from rtvideo.viewers.web.viewer import WebOptions, WebViewer
from tests.helpers.waiting import wait_until
from tests.rtvideo.viewers.web.frames import INFO, pair

#: Debian's is not on the path of users.
NGINX = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")

needs_nginx = pytest.mark.skipif(NGINX is None, reason="nginx: not installed")
pytestmark = [pytest.mark.timeout(120), pytest.mark.network]

TOKEN = "the-token-of-this-test"

UPGRADE = """
proxy_http_version 1.1;
proxy_set_header Upgrade $http_upgrade;
proxy_set_header Connection "upgrade";
"""

#: What most pages on the web tell people to write.
USUAL = (
    UPGRADE
    + """
proxy_set_header Host $host;
proxy_set_header X-Real-IP $remote_addr;
proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
proxy_set_header X-Forwarded-Proto $scheme;
proxy_set_header X-Forwarded-Host $host;
"""
)

#: Blocks of a server, by name, with ``UPSTREAM`` for the address of rtvideo; and the path of the page.
BLOCKS = {
    "usual": ("location / { proxy_pass http://UPSTREAM; USUAL }", "/"),
    "of nginx.org": ("location / { proxy_pass http://UPSTREAM; UPGRADE }", "/"),
    "another host": (
        'location / { proxy_pass http://UPSTREAM; UPGRADE proxy_set_header Host "inside"; }',
        "/",
    ),
    "path taken away": ("location /cam1/ { proxy_pass http://UPSTREAM/; USUAL }", "/cam1/"),
    "path left": ("location /cam1/ { proxy_pass http://UPSTREAM; USUAL }", "/cam1/"),
    "path left, no slash": ("location /cam1 { proxy_pass http://UPSTREAM; USUAL }", "/cam1/"),
    "upgrade for the pictures alone": (
        "location / { proxy_pass http://UPSTREAM; } location /live { proxy_pass http://UPSTREAM; UPGRADE }",
        "/",
    ),
}

SERVER = """
daemon off; worker_processes 1; pid FOLDER/pid; error_log FOLDER/error.log;
USER
events { worker_connections 64; }
http {
  access_log off; server_tokens off;
  client_body_temp_path FOLDER/body; proxy_temp_path FOLDER/proxy; fastcgi_temp_path FOLDER/fastcgi;
  uwsgi_temp_path FOLDER/uwsgi; scgi_temp_path FOLDER/scgi;
  server { listen 127.0.0.1:PORT TLS; server_name localhost; BLOCK }
}
"""


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


@contextmanager
def proxy(command: list[str], port: int, **options: Any) -> Iterator[None]:
    process = subprocess.Popen(command, **options)
    try:
        wait_until(lambda: process.poll() is not None or _answers(port))
        assert process.poll() is None, "it does not start"
        yield
    finally:
        process.terminate()
        process.wait(20)


@contextmanager
def nginx(folder: Path, port: int, block: str, tls: str = "") -> Iterator[None]:
    config, log = folder / "nginx.conf", folder / "error.log"
    text = SERVER.replace("BLOCK", block).replace("USUAL", USUAL).replace("UPGRADE", UPGRADE)
    text = text.replace("USER", "user root;" if os.getuid() == 0 else "").replace("TLS", tls)
    config.write_text(text.replace("FOLDER", str(folder)).replace("PORT", str(port)))
    with proxy([str(NGINX), "-p", str(folder), "-c", str(config), "-e", str(log)], port):
        yield


def _answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


@contextmanager
def viewing(url: str) -> Iterator[WebViewer]:
    options = WebOptions(Address(), PublicUrl.parse(url), Token(TOKEN, "this test"))
    viewer = WebViewer(options, ViewerControls(), "a night")
    ended = threading.Event()

    def run() -> None:
        index = 0
        while not ended.wait(0.03):
            index += 1
            viewer.show(*pair(index % 8), INFO)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield viewer
    finally:
        ended.set()
        thread.join()
        viewer.close()


def upstream(viewer: WebViewer) -> str:
    return f"127.0.0.1:{viewer._server.port}"


def pictures(url: str, origin: str, **options: Any) -> ClientConnection:
    base, _, query = url.partition("?")
    place = f"{base.replace('http', 'ws', 1)}live?{query}"
    return connect(place, origin=origin, proxy=None, max_size=None, **options)  # type: ignore[arg-type]


def receive_one(socket: ClientConnection) -> list[str]:
    """Read up to the first picture; return the types of the messages before it."""
    types = []
    while isinstance(message := socket.recv(timeout=20), str):
        types.append(json.loads(message)["type"])
    return types


def check(url: str, origin: str, port: int) -> None:
    """Open the page and its pictures as a browser does, and as pages of other sites would."""
    connection = HTTPConnection("localhost", port, timeout=20)
    connection.request("GET", url.removeprefix(origin))
    answer = connection.getresponse()
    assert answer.status == 200 and b"<canvas" in answer.read()
    with pictures(url, origin) as socket:
        assert "stream" in receive_one(socket)
    for elsewhere in ("https://elsewhere.example", "http://localhost.example", "null"):
        with pytest.raises(InvalidStatus, match="403"):
            pictures(url, elsewhere)
    with pytest.raises(InvalidStatus, match="403"):
        pictures(url.replace(TOKEN, "another-token-than-it"), origin)


@needs_nginx
@pytest.mark.parametrize("name", BLOCKS)
def test_nginx(name: str, tmp_path: Path) -> None:
    block, path = BLOCKS[name]
    port = free_port()
    origin = f"http://localhost:{port}"
    with viewing(origin + path) as viewer:
        assert viewer.url == f"{origin}{path}?token={TOKEN}"
        with nginx(tmp_path, port, block.replace("UPSTREAM", upstream(viewer))):
            check(viewer.url, origin, port)


@needs_nginx
@pytest.mark.parametrize("name", ["path taken away", "path left, no slash"])
def test_a_path_without_its_last_slash_leads_to_the_page(name: str, tmp_path: Path) -> None:
    port = free_port()
    with viewing(f"http://localhost:{port}/cam1") as viewer:
        block = BLOCKS[name][0].replace("UPSTREAM", upstream(viewer))
        with nginx(tmp_path, port, block):
            connection = HTTPConnection("localhost", port, timeout=20)
            connection.request("GET", f"/cam1?token={TOKEN}")
            answer = connection.getresponse()
            assert answer.status in (301, 307)
            location = answer.getheader("Location", "")
            assert re.fullmatch(rf"(http://localhost(:{port})?/)?cam1/\?token={TOKEN}", location)


@needs_nginx
def test_tls_in_front(tmp_path: Path) -> None:
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl: not installed")
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    command = [
        openssl,
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-days",
        "2",
        "-subj",
        "/CN=localhost",
    ]
    command += ["-addext", "subjectAltName=DNS:localhost", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run(command, check=True, capture_output=True)
    context = ssl.create_default_context(cafile=str(certificate))
    port = free_port()
    origin = f"https://localhost:{port}"
    with viewing(f"{origin}/cam1/") as viewer:
        block = BLOCKS["path taken away"][0].replace("UPSTREAM", upstream(viewer))
        tls = f"ssl; ssl_certificate {certificate}; ssl_certificate_key {key}"
        with nginx(tmp_path, port, block, tls):
            connection = HTTPSConnection("localhost", port, context=context, timeout=20)
            connection.request("GET", f"/cam1/?token={TOKEN}")
            assert connection.getresponse().status == 200
            with pictures(viewer.url, origin, ssl=context) as socket:
                assert "stream" in receive_one(socket)


@pytest.mark.skipif(shutil.which("caddy") is None, reason="caddy: not installed")
@pytest.mark.parametrize(
    ("block", "path"),
    [
        ("reverse_proxy UPSTREAM", "/"),
        ("handle_path /cam1/* {\n reverse_proxy UPSTREAM\n }", "/cam1/"),
        ("reverse_proxy /cam1* UPSTREAM", "/cam1/"),
    ],
)
def test_caddy(block: str, path: str, tmp_path: Path) -> None:
    port = free_port()
    origin = f"http://localhost:{port}"
    with viewing(origin + path) as viewer:
        config = tmp_path / "Caddyfile"
        block = block.replace("UPSTREAM", upstream(viewer))
        config.write_text(f"{{\n admin off\n auto_https off\n}}\n{origin} {{\n {block}\n}}\n")
        environment = os.environ | {"HOME": str(tmp_path), "XDG_DATA_HOME": str(tmp_path)}
        with proxy(
            ["caddy", "run", "--config", str(config)], port, env=environment, stderr=subprocess.DEVNULL
        ):
            check(viewer.url, origin, port)


@needs_nginx
def test_a_proxy_that_no_flag_names_is_refused_with_a_hint(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    port = free_port()
    viewer = WebViewer(WebOptions(Address()), ViewerControls(), "a night")
    try:
        with nginx(tmp_path, port, BLOCKS["usual"][0].replace("UPSTREAM", upstream(viewer))):
            for _ in range(3):
                with pytest.raises(InvalidStatus, match="403"):
                    pictures(f"http://localhost:{port}/", f"http://localhost:{port}")
        hints = [line for line in capsys.readouterr().err.splitlines() if "--serve-url" in line]
        assert len(hints) == 1 and f"--serve-url http://localhost:{port}/" in hints[0]
    finally:
        viewer.close()


@needs_nginx
@pytest.mark.browser
def test_in_a_browser(tmp_path: Path) -> None:
    port = free_port()
    with viewing(f"http://localhost:{port}/cam1/") as viewer:
        block = BLOCKS["path taken away"][0].replace("UPSTREAM", upstream(viewer))
        with nginx(tmp_path, port, block):
            try:
                with chromium.browser(viewer.url) as page:
                    page.wait_for("at('status').textContent === 'live'", 60)
            except chromium.NoBrowser as missing:
                pytest.skip(str(missing))
