"""Files that nodes do not see: they travel through the object store, or lie at a URL."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("ray", reason="ray: pip install 'rtvideo[ray]'")

from rtvideo.cli.entry import main
from rtvideo.cluster.transport import fetch, listed
from rtvideo.errors import InputError
from tests.helpers import clips
from tests.rtvideo.cluster.conftest import COPY, assert_same

pytestmark = pytest.mark.slow


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "in" / "deep").mkdir(parents=True)
    clips.write(tmp_path / "in" / "a.mp4", audio=1)
    clips.write(tmp_path / "in" / "deep" / "b.mkv")
    (tmp_path / "in" / "bad.mp4").write_text("no video")
    return tmp_path / "in"


def enhanced_here(folder: Path, capfd: pytest.CaptureFixture[str]) -> str:
    """Enhance it without a cluster, and return the last lines."""
    assert main(["--input", str(folder), "--out", f"{folder.parent}/here/", *COPY, "--threads", "1"]) == 3
    return "\n".join(capfd.readouterr().err.splitlines()[-2:])


def test_without_a_shared_disk(
    on_cluster: Callable[..., int],
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    here, out = enhanced_here(folder, capfd), folder.parent / "lit"
    monkeypatch.setattr("rtvideo.cli.cluster.all_see", lambda paths, folder: False)
    assert on_cluster([folder], f"{out}/", *COPY) == 3
    said = capfd.readouterr().err
    assert said.splitlines()[-2:] == here.splitlines()
    assert "/rtvideo-" not in said, "names of the user, not of a node"
    for name in ("a.mp4", "deep/b.mkv"):
        assert_same(out / name, folder.parent / "here" / name)
        assert (out / name).stat().st_mtime_ns == (folder / name).stat().st_mtime_ns
    assert not list(out.rglob(".*"))
    assert on_cluster([folder], f"{out}/", *COPY, "--resume") == 3
    assert "3 inputs: 2 skipped, 1 failed" in capfd.readouterr().err
    assert on_cluster([folder / "a.mp4"], out / "a.mp4", *COPY) == 2


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
    server = pytest.importorskip("moto.server", reason="moto: pip install 'moto[s3,server]' s3fs")
    s3fs = pytest.importorskip("s3fs", reason="moto: pip install 'moto[s3,server]' s3fs")
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


def test_a_bucket(
    bucket: Any, folder: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    bucket.put(f"{folder}/", "archive/in/", recursive=True)
    # Nodes of their own, which know where the server is.
    command = [*("--cluster", "local"), *COPY, "--quiet"]
    assert main(["--input", "s3://archive/in/", "--out", "s3://archive/lit/", *command]) == 3
    assert "s3://archive/in/bad.mp4: not a video" in capfd.readouterr().err
    assert bucket.find("archive/lit") == ["archive/lit/a.mp4", "archive/lit/deep/b.mkv"]
    bucket.get("archive/lit/", f"{folder.parent}/lit/", recursive=True)
    enhanced_here(folder, capfd)
    for name in ("a.mp4", "deep/b.mkv"):
        assert_same(folder.parent / "lit" / name, folder.parent / "here" / name)
    assert main(["--input", "s3://none/a.mp4", "--out", "s3://archive/lit/", *command]) == 3
    assert "s3://none/a.mp4: no such file" in capfd.readouterr().err


def test_a_web_server(folder: Path, tmp_path: Path) -> None:
    pytest.importorskip("aiohttp", reason="aiohttp: pip install aiohttp")
    asked: list[str] = []

    class Handler(SimpleHTTPRequestHandler):
        def __init__(self, *args: Any) -> None:
            super().__init__(*args, directory=str(folder))

        def do_GET(self) -> None:
            asked.append(self.path)
            super().do_GET()

        def log_message(self, *args: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}"
        assert list(listed(f"{url}/a.mp4", (".mp4", ".mkv"))) == [(f"{url}/a.mp4", "a.mp4")]
        assert sorted(listed(f"{url}/", (".mp4", ".mkv"))) == [
            (f"{url}/a.mp4", "a.mp4"),
            (f"{url}/bad.mp4", "bad.mp4"),
            (f"{url}/deep/b.mkv", "deep/b.mkv"),
        ]
        fetch(f"{url}/deep/b.mkv", tmp_path / "b.mkv")
        with pytest.raises(InputError, match=f"{url}/none.mp4: no such file"):
            list(listed(f"{url}/none.mp4", (".mp4", ".mkv")))
        server.shutdown()
    assert (tmp_path / "b.mkv").read_bytes() == (folder / "deep" / "b.mkv").read_bytes()
