"""Files that nodes do not see travel through the object store."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

pytest.importorskip("ray", reason="ray: pip install 'rtvideo[ray]'")

from tests.rtvideo.cluster.conftest import COPY, assert_same, enhanced_here

pytestmark = pytest.mark.slow


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
