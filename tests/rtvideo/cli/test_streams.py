"""Standard streams as they are found: closed, full, or with a reader that goes away."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

import pytest

from rtvideo.cli import progress
from rtvideo.cli.entry import main
from tests.helpers import clips
from tests.rtvideo.live.test_job import CAMERA, decoded

pytestmark = pytest.mark.timeout(60)


class ReaderGone(io.StringIO):
    """A stream that nobody reads any more."""

    def write(self, text: str) -> int:
        raise BrokenPipeError(32, "Broken pipe")


def test_a_recording_goes_on_when_the_reader_of_stderr_leaves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stderr", ReaderGone())
    monkeypatch.setattr(progress, "INTERVAL", 0.0)
    camera = ["--input-format", "lavfi", "-i", CAMERA, "--denoise", "off", "--duration", "1"]
    assert main([*camera, "-o", str(tmp_path / "out.mkv")]) == 0
    assert len(decoded(tmp_path / "out.mkv")) > 0 and isinstance(sys.stderr, ReaderGone)


@pytest.mark.parametrize(
    ("redirection", "size"), [("2>&-", 12), ("2>/dev/full", 12), ("2>&- >&- <&-", 12), ("2>&1 | true", 12)]
)
def test_a_file_is_written_whatever_becomes_of_messages(tmp_path: Path, redirection: str, size: int) -> None:
    source = clips.write(tmp_path / "in.mp4")
    command = f"{sys.executable} -m rtvideo -i {source} -o {tmp_path}/out.mp4 {redirection}"
    done = subprocess.run(["bash", "-o", "pipefail", "-c", command], capture_output=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    assert len(clips.frames(tmp_path / "out.mp4")) == size
