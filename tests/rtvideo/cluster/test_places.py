"""Files at URLs: of this machine, of a bucket, and of a web server."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("ray", reason="ray: pip install 'rtvideo[ray]'")

from rtvideo.cli.entry import main
from rtvideo.cluster.places import fetch, listed
from rtvideo.errors import InputError
from tests.helpers.certificates import Authority
from tests.rtvideo.cluster.conftest import COPY, assert_same, enhanced_here

pytestmark = pytest.mark.slow

SUFFIXES = (".mp4", ".mkv")


def test_urls(on_cluster: Callable[..., int], folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    enhanced_here(folder, capfd)
    out = folder.parent / "lit"
    assert on_cluster([f"file://{folder}"], f"file://{out}/", *COPY) == 3
    said = capfd.readouterr().err
    assert f"file://{folder}/bad.mp4: not a video" in said and "3 inputs: 2 done, 1 failed" in said
    for name in ("a.mp4", "deep/b.mkv"):
        assert_same(out / name, folder.parent / "here" / name)
    assert not [path for path in out.rglob("*") if "partial" in path.name]
    assert on_cluster([f"file://{folder}/*.mp4"], f"{folder.parent}/local/", *COPY) == 3
    assert os.listdir(folder.parent / "local") == ["a.mp4"]
    inputs = [f"file://{folder}/a.mp4", f"file://{folder}/none.mp4"]
    assert on_cluster(inputs, f"file://{out}/", *COPY) == 3
    said = capfd.readouterr().err
    assert "exists already" in said and f"file://{folder}/none.mp4: no such file" in said
    assert on_cluster(["rtsp://camera/1"], out / "live.mp4", *COPY) == 2
    assert "rtsp://camera/1 is live" in capfd.readouterr().err


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A bucket ``archive`` on a server of this machine, as the file system of s3fs."""
    server = pytest.importorskip("moto.server", reason="moto: pip install 'moto[s3]' flask flask-cors s3fs")
    s3fs = pytest.importorskip("s3fs", reason="moto: pip install 'moto[s3]' flask flask-cors s3fs")
    moto = server.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    moto.start()
    host, port = moto.get_host_and_port()
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    files = s3fs.S3FileSystem(skip_instance_cache=True)
    files.mkdir("archive")
    yield files
    moto.stop()


def test_a_bucket(bucket: Any, folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    bucket.put(f"{folder}/", "archive/in/", recursive=True)
    # Nodes of its own, which know where the server is; in a process of its own, as Ray keeps traces of a
    # cluster in the process that started it.
    inputs = ["--input", "s3://archive/in/", "--input", "s3://none/a.mp4", "--out", "s3://archive/lit/"]
    command = [sys.executable, "-m", "rtvideo", *inputs, "--cluster", "local", *COPY, "--quiet"]
    made = subprocess.run(command, check=False, capture_output=True, text=True)
    assert made.returncode == 3
    assert "s3://archive/in/bad.mp4: not a video" in made.stderr
    assert "s3://none/a.mp4: no such file" in made.stderr
    assert bucket.find("archive/lit") == ["archive/lit/a.mp4", "archive/lit/deep/b.mkv"]
    bucket.get("archive/lit/", f"{folder.parent}/lit/", recursive=True)
    enhanced_here(folder, capfd)
    for name in ("a.mp4", "deep/b.mkv"):
        assert_same(folder.parent / "lit" / name, folder.parent / "here" / name)


@pytest.fixture
def web(folder: Path) -> Iterator[ThreadingHTTPServer]:
    """A web server with the folder, which listens when it is told to."""
    pytest.importorskip("aiohttp", reason="aiohttp: pip install aiohttp")

    class Handler(SimpleHTTPRequestHandler):
        def __init__(self, *args: Any) -> None:
            super().__init__(*args, directory=str(folder))

        def log_message(self, *args: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        yield server
        server.shutdown()


def begin(server: ThreadingHTTPServer) -> None:
    threading.Thread(target=server.serve_forever, daemon=True).start()


def test_a_web_server(web: ThreadingHTTPServer, folder: Path, tmp_path: Path) -> None:
    begin(web)
    url = f"http://127.0.0.1:{web.server_port}"
    assert list(listed(f"{url}/a.mp4", SUFFIXES)) == [(f"{url}/a.mp4", "a.mp4")]
    assert sorted(listed(f"{url}/", SUFFIXES)) == [
        (f"{url}/a.mp4", "a.mp4"),
        (f"{url}/bad.mp4", "bad.mp4"),
        (f"{url}/deep/b.mkv", "deep/b.mkv"),
    ]
    fetch(f"{url}/deep/b.mkv", tmp_path / "b.mkv")
    assert (tmp_path / "b.mkv").read_bytes() == (folder / "deep" / "b.mkv").read_bytes()
    with pytest.raises(InputError, match=f"{url}/none.mp4: no such file"):
        list(listed(f"{url}/none.mp4", SUFFIXES))


def test_names_at_a_web_server(web: ThreadingHTTPServer, folder: Path) -> None:
    begin(web)
    url = f"http://127.0.0.1:{web.server_port}"
    # A signed address: what it says behind the question mark is no name, and no pattern.
    assert list(listed(f"{url}/a.mp4?signed=1*", SUFFIXES)) == [(f"{url}/a.mp4?signed=1*", "a.mp4")]
    (folder / "a.mp4").rename(folder / "a night.mp4")
    assert list(listed(f"{url}/a%20night.mp4", SUFFIXES)) == [(f"{url}/a%20night.mp4", "a night.mp4")]
    (folder / "deep" / "b.mkv").rename(folder / "deep" / "..%2fb.mkv")
    names = [name for _, name in listed(f"{url}/deep/", SUFFIXES)]
    assert len(names) == 1 and ".." not in Path(names[0]).parts


def test_a_web_server_takes_no_files(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    command = ["--input", str(folder), "--out", "https://archive/lit/?key=secret", "--cluster", "local"]
    assert main(command) == 2
    said = capfd.readouterr().err
    assert "web servers take no files" in said and "secret" not in said


def test_a_certificate_must_be_trusted(web: ThreadingHTTPServer, tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    web.socket = authority.context().wrap_socket(web.socket, server_side=True)
    begin(web)
    url = f"https://127.0.0.1:{web.server_port}"
    # aiohttp reads whom it trusts once, as it is imported.
    asks = f"from rtvideo.cluster.places import listed; print(*listed({url + '/deep/'!r}, {SUFFIXES}))"

    def ask(**variables: str) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, **variables}
        command = [sys.executable, "-c", asks]
        return subprocess.run(command, env=environment, check=False, capture_output=True, text=True)

    trusting = ask(SSL_CERT_FILE=str(authority.file))
    assert trusting.stdout.strip() == str((f"{url}/deep/b.mkv", "b.mkv")), trusting.stderr
    last = ask().stderr.splitlines()[-1]
    assert f"{url}/deep/: the certificate of the server is not trusted" in last
