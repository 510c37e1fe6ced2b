"""The folder of built kernels: what lies there is run, so it must be the user's own."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from rtvideo.kernels import cache


def built(work: Path) -> Path:
    path = work / "made"
    path.write_bytes(b"built")
    return path


@pytest.mark.parametrize("mode", [0o777, 0o757])
def test_a_folder_that_others_can_write_to_is_not_used(
    tmp_path: Path, mode: int, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "kernels"
    folder.mkdir()
    folder.chmod(mode)
    (folder / "kernel.so").write_bytes(b"planted")
    (folder / "kernel.sha256").write_text("whatever")
    made = cache.kept("kernel.so", built, folder)
    assert made.parent != folder and made.read_bytes() == b"built"
    assert "other users can write" in caplog.text and f"chmod go-w {folder}" in caplog.text


def test_a_folder_inside_one_that_others_can_write_to_is_not_used(tmp_path: Path) -> None:
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(0o777)
    assert cache.writable(tmp_path / "open" / "kernels").parent != tmp_path / "open"
    (tmp_path / "open").chmod(0o1777)  # as /tmp
    assert cache.writable(tmp_path / "open" / "kernels") == tmp_path / "open" / "kernels"


@pytest.mark.skipif(os.geteuid() != 0, reason="root: only root can give files away")
def test_a_folder_of_another_user_is_not_used(tmp_path: Path) -> None:
    (tmp_path / "kernels").mkdir()
    os.chown(tmp_path / "kernels", 12345, 12345)
    assert cache.writable(tmp_path / "kernels") != tmp_path / "kernels"


def test_a_link_in_the_place_of_a_lock_is_not_followed(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("precious")
    (tmp_path / "kernel.so.lock").symlink_to(victim)
    with pytest.raises(OSError), cache.locked(tmp_path / "kernel.so.lock"):
        pass
    assert victim.read_text() == "precious"


def test_a_user_without_a_home_has_a_private_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    def homeless() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(Path, "home", homeless)
    folder = cache.default_cache()
    assert folder.is_dir() and folder.stat().st_mode & 0o077 == 0
