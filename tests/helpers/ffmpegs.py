"""A program that calls itself ffmpeg: put first on PATH it does what a test tells it to, in place of SRT."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

#: Reads how to behave from the file beside it, line by line: a word, and what belongs to it.
_SCRIPT = """#!{python}
import os, sys, time
from pathlib import Path
here = Path(__file__).parent
words = sys.argv[1:]
if "-protocols" in words:
    print((here / "protocols").read_text())
    sys.exit()
with (here / "calls").open("a") as calls:
    print(os.getpid(), *words, file=calls)
for line in (here / "plan").read_text().splitlines():
    what, _, how = line.partition(" ")
    if what == "play":
        seconds, _, path = how.partition(" ")
        data = Path(path).read_bytes()
        for begin in range(0, len(data), 1316):
            os.write(1, data[begin : begin + 1316])
            time.sleep(float(seconds) * 1316 / len(data))
    elif what == "answer":
        print("progress=continue", flush=True)
    elif what == "record":
        with open(how, "wb", buffering=0) as file:
            while data := os.read(0, 65536):
                file.write(data)
    elif what == "read":
        os.read(0, int(how))
    elif what == "wait":
        time.sleep(3600)
    elif what == "die":
        print(how.replace("ADDRESS", next(word for word in words if "://" in word)), file=sys.stderr)
        sys.exit(1)
"""


class FakeFFmpeg:
    """The only program on PATH."""

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch, *, protocols: str = "srt") -> None:
        folder.mkdir()
        self._folder = folder
        program = folder / "ffmpeg"
        program.write_text(_SCRIPT.format(python=sys.executable))
        program.chmod(0o755)
        (folder / "protocols").write_text(f"Supported file protocols:\nInput:\n  file\n  {protocols}\n")
        patch.setenv("PATH", str(folder))

    def will(self, *plan: str) -> None:
        """Say what it does when it is called next."""
        (self._folder / "plan").write_text("\n".join(plan))

    @property
    def calls(self) -> list[list[str]]:
        """The words of each call."""
        return [words[1:] for words in self._calls()]

    def runs(self) -> bool:
        """Return whether any that was called is still there."""
        return any(_runs(words[0]) for words in self._calls())

    def _calls(self) -> list[list[str]]:
        file = self._folder / "calls"
        return [line.split() for line in file.read_text().splitlines()] if file.exists() else []


def _runs(process: str) -> bool:
    try:
        status = Path("/proc", process, "stat").read_text()
    except OSError:
        return False
    return status.rpartition(")")[2].split()[0] != "Z"
