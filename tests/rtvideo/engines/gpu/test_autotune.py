"""Which engine ``auto`` takes on a GPU: measured once, remembered, and never in the way."""

from __future__ import annotations

import itertools
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from rtvideo.colour import Coding, Matrix
from rtvideo.engines.gpu import autotune
from rtvideo.engines.session import Settings
from rtvideo.engines.sync import SyncSession
from rtvideo.errors import UnavailableError
from rtvideo.frame import Geometry, Planes
from rtvideo.models import Model

NV12 = Geometry(16, 8, "nv", 8, Coding(Matrix.BT709, False))
PACE = {"cuda": 400.0, "tensorrt": 900.0, "onnx": 30.0}


class Copy(SyncSession):
    def __init__(self, name: str) -> None:
        super().__init__(Model(name, None), NV12, Settings())
        self.name, self.open = name, True

    def close(self) -> None:
        self.open = False

    def enhance(self, planes: Planes, out: Planes, time: float | None = None) -> None:
        for source, target in zip(planes, out, strict=True):
            np.copyto(target, source)


class Contest:
    """Engines that count how often they are opened and measured; those in ``broken`` cannot be opened."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.sessions: list[Copy] = []
        self.measured: list[str] = []
        self.broken: set[str] = set()
        self.fails_under_way: set[str] = set()

    def run(self, names: str = "cuda tensorrt onnx", key: str = "key") -> Copy:
        openers = {name: lambda name=name: self.opened(name) for name in names.split()}
        session = autotune.open_fastest(openers, "Fake 9000", key, self.measure, self.folder)
        assert [s for s in self.sessions if s.open] == [session]
        session.close()
        return session

    def opened(self, name: str) -> Copy:
        if name in self.broken:
            raise UnavailableError(f"{name} is broken")
        self.sessions.append(Copy(name))
        return self.sessions[-1]

    def measure(self, session: Copy) -> float:
        self.measured.append(session.name)
        if session.name in self.fails_under_way:
            raise UnavailableError(f"{session.name} is out of memory")
        return PACE[session.name]


@pytest.fixture
def contest(tmp_path: Path) -> Contest:
    return Contest(tmp_path)


def test_the_fastest_is_taken_said_and_remembered(contest: Contest, caplog: Any) -> None:
    assert contest.run().name == "tensorrt"
    assert "engine tensorrt chosen on Fake 9000: tensorrt 900, cuda 400, onnx 30 frames/s" in caplog.text
    assert contest.run().name == "tensorrt"
    assert len(contest.measured) == 3
    assert contest.run(key="another driver").name == "tensorrt"
    assert len(contest.measured) == 6


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b'{"cuda": "fast"}', b"\xff\xfe", b'{"gone": 9.0}'])
def test_a_damaged_memory_is_measured_anew(contest: Contest, content: bytes) -> None:
    (contest.folder / "key.json").write_bytes(content)
    assert contest.run().name == "tensorrt"
    assert len(contest.measured) == 3
    assert contest.run().name == "tensorrt"
    assert len(contest.measured) == 3


def test_a_single_engine_is_not_measured(contest: Contest) -> None:
    assert contest.run("cuda").name == "cuda"
    assert contest.measured == []
    assert list(contest.folder.iterdir()) == []


def test_what_does_not_work_is_left_out(contest: Contest) -> None:
    contest.broken = {"cuda"}
    contest.fails_under_way = {"tensorrt"}
    assert contest.run().name == "onnx"
    assert contest.run().name == "onnx"
    assert contest.measured == ["tensorrt", "onnx"]


def test_the_next_one_steps_in_where_the_remembered_one_fails(contest: Contest, caplog: Any) -> None:
    contest.run()
    contest.broken = {"tensorrt"}
    assert contest.run().name == "cuda"
    assert "tensorrt is broken; trying the next engine" in caplog.text
    assert len(contest.measured) == 3


def test_where_nothing_works_the_first_reason_is_told(contest: Contest) -> None:
    contest.broken = set(PACE)
    with pytest.raises(UnavailableError, match="cuda is broken"):
        contest.run()
    assert list(contest.folder.iterdir()) == []


def test_a_folder_that_cannot_be_written_to_costs_memory_alone(contest: Contest, tmp_path: Path) -> None:
    contest.folder = tmp_path / "file" / "folder"
    (tmp_path / "file").write_text("")
    assert contest.run(key="nowhere").name == "tensorrt"


def test_frames_are_counted_from_when_the_engine_is_warm(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = itertools.count(0, 0.01)
    monkeypatch.setattr(autotune, "time", SimpleNamespace(perf_counter=lambda: next(clock)))
    with_clock = autotune.frames_a_second(Copy("cuda"), NV12)
    assert with_clock == pytest.approx(100, rel=0.05)


def test_the_key_holds_what_decides(tmp_path: Path) -> None:
    (tmp_path / "a.onnx").write_bytes(b"1")
    model = Model("m", None, networks={"iem": tmp_path / "a.onnx"})
    device: Any = SimpleNamespace(name="A", capability=(9, 0), driver=13000)

    def key(settings: Settings, *packages: str) -> str:
        return autotune.key_of(model, settings, device, ["rtvideo", *packages])

    keys = {key(Settings()), key(Settings(1, 1)), key(Settings(), "numpy")}
    device.driver = 13010
    keys.add(key(Settings()))
    (tmp_path / "a.onnx").write_bytes(b"2")
    keys.add(key(Settings(0.5)))
    assert len(keys) == 5
    assert key(Settings(0.2)) in keys
