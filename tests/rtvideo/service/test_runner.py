"""When a camera whose process ends is started again."""

from __future__ import annotations

import multiprocessing
from typing import Any

import pytest

from rtvideo.options import LiveOptions, Options
from rtvideo.service import runner
from rtvideo.service.config import Camera


class Process:
    """One that has ended as soon as somebody looks."""

    pid, exitcode = 1, 1

    def __init__(self, **rest: Any) -> None:
        pass

    def start(self) -> None:
        pass

    def is_alive(self) -> bool:
        return False

    def close(self) -> None:
        pass


class Context:
    Pipe, Process = staticmethod(multiprocessing.Pipe), Process


class Order:
    threads = 1


def test_a_camera_is_tried_less_and_less_often_until_it_was_there_for_a_while(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(multiprocessing, "get_context", lambda kind: Context)
    said: list[str] = []
    yard = Camera("yard", "rtsp://127.0.0.1/", (), Options(), LiveOptions())
    order: Any = Order()
    one = runner.CameraRunner(yard, lambda camera: order, lambda line, name: said.append(line))
    now = 0.0
    for seconds in (1, 1, 1, 1, 1, 1, 1, 40, 1):
        while not one.runs:
            one.tend(now)
            now += 0.5
        now += seconds
        one.tend(now)
    waits = [float(line.split("starts again in ")[1].removesuffix(" s")) for line in said]
    assert waits == [1, 2, 4, 8, 16, 30, 30, 1, 2]
    assert one.status.state == "waiting" and one.status.restarts == len(waits)
