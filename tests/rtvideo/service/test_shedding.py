"""Where the processor is short all cameras do less by one rule, instead of some that starve."""

from __future__ import annotations

import multiprocessing
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from rtvideo.service import runner
from rtvideo.service.config import read_config
from rtvideo.service.log import Log
from rtvideo.service.messages import Lost, Order, Shed, Stop, Vitals
from rtvideo.service.shedding import floors
from rtvideo.service.supervisor import Supervisor
from rtvideo.service.systemd import Notifier
from tests.helpers.waiting import wait_until

NAMES = ("large", "yard", "gate", "shed")


@pytest.mark.parametrize(
    ("needs", "expected"),
    [
        ((0, 0, 0, 0), (0, 0, 0, 0)),
        ((5, 0, 0, 0), (0, 0, 0, 6)),  # one alone is its own affair; those of low priority step back for it
        ((5, 2, 0, 0), (2, 2, 2, 6)),
        ((3, 3, 3, 0), (3, 3, 3, 4)),
        ((6, 6, 0, 0), (6, 6, 6, 6)),
        ((0, 0, 0, 4), (0, 0, 0, 0)),  # nobody does less for one of low priority
    ],
)
def test_the_rule(needs: tuple[int, ...], expected: tuple[int, ...]) -> None:
    priorities = ("normal", "normal", "normal", "low")
    cameras = dict(zip(NAMES, zip(priorities, needs, strict=True), strict=True))
    assert floors(cameras) == dict(zip(NAMES, expected, strict=True))


class Faked:
    """The processes of cameras as threads: each says what it needs, and notes what it is told."""

    def __init__(self) -> None:
        self.needs = dict.fromkeys(NAMES, 0)
        self.floors = dict.fromkeys(NAMES, 0)

    def get_context(self, method: str) -> Any:
        return SimpleNamespace(Pipe=multiprocessing.Pipe, Process=lambda **how: Process(self._run, **how))

    def _run(self, connection: Any, order: Order) -> None:
        name = order.camera.name
        connection.send(Lost(f"{name}: away"))
        while True:
            connection.send(Vitals(silent=0.0, need=self.needs[name]))
            if connection.poll(0.01):
                match connection.recv():
                    case Shed(floor):
                        self.floors[name] = floor
                    case Stop():
                        return


class Process(threading.Thread):
    """As much of a process as a runner needs."""

    pid, exitcode = 1, 0

    def __init__(self, run: Any, target: Any, args: tuple[Any, ...], name: str) -> None:
        super().__init__(target=self._run, args=(run, *args), name=name, daemon=True)

    def _run(self, run: Any, connection: Any, order: Order) -> None:
        # A duplicate: the runner closes its own after the start, as one does with the other side of a pipe.
        run(self._kept, order)

    def start(self) -> None:
        import os
        from multiprocessing.connection import Connection

        self._kept = Connection(os.dup(self._args[1].fileno()))  # type: ignore[attr-defined]
        super().start()

    def close(self) -> None:
        self._kept.close()

    def kill(self) -> None:
        raise AssertionError("a camera was killed")


def test_cameras_do_less_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = tmp_path / "cameras.toml"
    parts = (f'[camera.{name}]\ninput = "rtsp://127.0.0.1/{name}"\n' for name in NAMES)
    config.write_text("".join(parts) + 'priority = "low"\n')
    faked, stop = Faked(), threading.Event()
    monkeypatch.setattr(runner, "multiprocessing", faked)
    supervisor = Supervisor(read_config(config), Log("lines"), None, Notifier())
    thread = threading.Thread(target=supervisor.run, args=(stop, threading.Event(), lambda: None))
    thread.start()
    try:
        wait_until(lambda: all(each.status.state == "live" for each in supervisor.runners.values()), 60)
        errors = {name: each.status.last_error for name, each in supervisor.runners.items()}
        assert errors == {name: f"{name}: away" for name in NAMES}
        faked.needs["large"] = 4
        wait_until(lambda: faked.floors == {"large": 0, "yard": 0, "gate": 0, "shed": 5})
        faked.needs["gate"] = 2
        wait_until(lambda: faked.floors == {"large": 2, "yard": 2, "gate": 2, "shed": 5})
        faked.needs.update(large=0, gate=0)
        wait_until(lambda: set(faked.floors.values()) == {0})
    finally:
        stop.set()
        thread.join()
