"""Whatever breaks, and wherever: the first cause comes out, all threads end, and nothing is left behind."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rtvideo.files.job import enhance_video
from rtvideo.media.file_input import FileInput
from rtvideo.media.output import EncodedOutput, VideoEncoder
from rtvideo.media.packets import OtherStreams
from rtvideo.media.planes import FramePool
from rtvideo.options import Options
from rtvideo.processor import FrameProcessor
from tests.helpers import clips
from tests.helpers.doubles import FakeSession, opening


class Broken(Exception):
    """The true cause."""


def breaking(original: Any, at: int) -> Any:
    calls = iter(range(1_000_000))

    def replaced(*arguments: Any, **named: Any) -> Any:
        if next(calls) == at:
            raise Broken("here")
        return original(*arguments, **named)

    return replaced


def breaking_read(original: Any) -> Any:
    def read(self: FileInput) -> Iterator[Any]:
        for number, event in enumerate(original(self)):
            if number == 20:
                raise Broken("here")
            yield event

    return read


PLACES = [
    (FrameProcessor, "push", 15),
    (FrameProcessor, "flush", 0),
    (FramePool, "give", 15),
    (FrameProcessor, "_finished", 15),
    (EncodedOutput, "__init__", 0),
    (EncodedOutput, "write", 0),
    (EncodedOutput, "write", 15),
    (EncodedOutput, "copy", 15),
    (VideoEncoder, "encode", 15),
    (EncodedOutput, "finish", 0),
    (OtherStreams, "write", 3),
    (OtherStreams, "finish", 0),
    (FakeSession, "submit", 15),
    (FakeSession, "receive", 15),
    (FakeSession, "flush", 0),
]


@pytest.mark.slow
@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    ("owner", "name", "at"), PLACES, ids=lambda value: str(getattr(value, "__name__", value))
)
def test_the_first_error_wins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, owner: type, name: str, at: int
) -> None:
    source = clips.write(tmp_path / "in.mp4", frames=60, audio=1)
    monkeypatch.setattr(owner, name, breaking(getattr(owner, name), at))
    _fails(source, tmp_path)


@pytest.mark.timeout(60)
def test_an_error_while_reading_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = clips.write(tmp_path / "in.mp4", frames=60, audio=1)
    monkeypatch.setattr(FileInput, "read", breaking_read(FileInput.read))
    _fails(source, tmp_path)


def _fails(source: Path, folder: Path) -> None:
    session = FakeSession()
    with pytest.raises(Broken, match="here"):
        enhance_video(
            source,
            folder / "out.mp4",
            Options(preset="ultrafast"),
            open_engine=opening(session),  # type: ignore[arg-type]
        )
    assert session.closed
    assert [thread.name for thread in threading.enumerate() if thread.name.startswith("rtvideo")] == []
    assert [path.name for path in folder.iterdir()] == ["in.mp4"]
