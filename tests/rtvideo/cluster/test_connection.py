"""Addresses of clusters: what is none, what does not answer, and a machine without Ray."""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from rtvideo.cli.entry import main
from tests.helpers import clips


@pytest.fixture
def clip(tmp_path: Path) -> Iterator[Path]:
    yield clips.write(tmp_path / "night.mp4")


def complaint(clip: Path, address: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    """Return the exit code and the only line."""
    out = clip.with_name("lit.mp4")
    code = main(["--input", str(clip), "--out", str(out), "--cluster", address, "--quiet"])
    (line,) = capsys.readouterr().err.splitlines()
    assert not out.exists()
    return code, line


def test_without_ray_one_line_says_what_installs_it(
    clip: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    code, line = complaint(clip, "local", capsys)
    assert code == 7
    assert line.endswith("pip install 'rtvideo[ray]'")


@pytest.mark.parametrize("address", ["here", "ray://head", "ray://head:0", "http://head:80", "", "a:b:1"])
def test_what_is_no_address(clip: Path, address: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, line = complaint(clip, address, capsys)
    assert code == 2
    assert repr(address) in line and "auto, local, ray://HEAD:10001" in line


@pytest.mark.parametrize("scheme", ["ray://", ""])
def test_nothing_answers(clip: Path, scheme: str, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("ray", reason="ray: pip install 'rtvideo[ray]'")
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    code, line = complaint(clip, f"{scheme}127.0.0.1:{port}", capsys)
    assert code == 7
    assert f"{scheme}127.0.0.1:{port}: nothing answers there" in line
