"""The unit that the service prints."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from rtvideo.cli.entry import main


def test_the_unit_is_one_that_systemd_takes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = tmp_path / "my cameras.toml"
    assert main(["serve", "--config", str(config), "--print-unit"]) == 0
    text = capsys.readouterr().out
    assert f"ExecStart={sys.executable} -m rtvideo serve --config '{config}'" in text
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze: not installed")
    (unit := tmp_path / "rtvideo.service").write_text(text)
    done = subprocess.run(["systemd-analyze", "verify", unit], capture_output=True, text=True, timeout=60)
    assert (done.returncode, [line for line in done.stderr.splitlines() if "rtvideo.service" in line]) == (
        0,
        [],
    )
