"""Files that nodes do not see: they travel through the object store, or lie at a URL."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from rtvideo.cli.entry import main
from tests.helpers import clips
from tests.rtvideo.cluster.conftest import COPY

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
        assert clips.streams(out / name) == clips.streams(folder.parent / "here" / name)
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
        assert clips.streams(out / name) == clips.streams(folder.parent / "here" / name)
    assert not [path for path in out.rglob("*") if "partial" in path.name]
    assert on_cluster([f"file://{folder}/*.mp4"], f"{folder.parent}/local/", *COPY) == 3
    assert os.listdir(folder.parent / "local") == ["a.mp4"]
    inputs = [f"file://{folder}/a.mp4", f"file://{folder}/none.mp4"]
    assert on_cluster(inputs, f"file://{out}/", *COPY) == 3
    said = capfd.readouterr().err
    assert "exists already" in said and f"file://{folder}/none.mp4: no such file" in said
    assert on_cluster(["rtsp://camera/1"], out / "live.mp4", *COPY) == 2
    assert "rtsp://camera/1 is live" in capfd.readouterr().err
