"""Many files on a cluster: the same files, messages and exit codes as without one."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from rtvideo.cli.entry import main
from tests.helpers import clips
from tests.rtvideo.cluster.conftest import COPY, assert_same

pytestmark = pytest.mark.slow


def test_a_folder_as_without_a_cluster(
    on_cluster: Callable[..., int], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    for number in range(3):
        clips.write(folder / f"{number}.mp4", audio=1)
    (folder / "bad.mp4").write_text("no video")
    assert main(["--input", str(folder), "--out", f"{tmp_path}/here/", *COPY, "--threads", "1"]) == 3
    here = capfd.readouterr().err
    stats = tmp_path / "stats.json"
    assert on_cluster([folder], f"{tmp_path}/there/", *COPY, "--stats", str(stats)) == 3
    there = capfd.readouterr().err
    # What Ray says of itself is nothing to the user.
    said = there.splitlines()
    assert said[0].endswith(": 2 nodes, 2 CPUs")
    assert all(re.match(r"cluster |rtvideo: error: |\d of 4|4 inputs: |  /", line) for line in said), there
    assert said[-2:] == [line.replace("here", "there") for line in here.splitlines()[-2:]]
    for number in range(3):
        name = f"{number}.mp4"
        assert_same(tmp_path / "there" / name, tmp_path / "here" / name)
    assert not list((tmp_path / "there").glob(".*"))
    reports = json.loads(stats.read_text())
    assert [Path(report["input"]).name for report in reports] == ["0.mp4", "1.mp4", "2.mp4"]
    assert {report["retries"] for report in reports} == {0}
    # The same command again skips what is finished, and tries what failed again.
    assert on_cluster([folder], f"{tmp_path}/there/", *COPY, "--resume") == 3
    again = capfd.readouterr().err
    assert "4 inputs: 3 skipped, 1 failed" in again
