"""The page of all cameras in a real browser."""

from __future__ import annotations

import io
import time
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest
from PIL import Image

pytest.importorskip("websockets", reason="websockets: not installed (pip install 'rtvideo[service]')")
pytest.importorskip("prometheus_client", reason="prometheus_client: not installed")

from rtvideo.options import LiveOptions, Options
from rtvideo.service.config import Camera
from rtvideo.service.messages import Vitals
from rtvideo.service.runner import CameraRunner
from rtvideo.service.supervisor import Supervisor
from rtvideo.service.web import ServiceServer
from rtvideo.viewers.web.access import Access
from rtvideo.viewers.web.address import Address
from rtvideo.viewers.web.tokens import Token
from rtvideo.viewers.web.viewer import WebOptions
from tests.rtvideo.live.test_job import free_port
from tests.rtvideo.viewers.web.pages import browser

pytestmark = [pytest.mark.timeout(120), pytest.mark.browser]

TOKEN = Token("0123456789abcdef", "a file")
SEEN = "[...document.querySelectorAll('article')]"


class Cameras:
    """In place of a supervisor: eight cameras, whose state the test sets."""

    def __init__(self) -> None:
        self.watched, self.turned = 0, time.monotonic()
        file = io.BytesIO()
        Image.new("RGB", (160, 90), (90, 70, 40)).save(file, "JPEG")
        self.runners: dict[str, CameraRunner] = {}
        for place in range(8):
            camera = Camera(f"cam{place + 1}", "rtsp://host/", (), Options(), LiveOptions())
            runner = CameraRunner(camera, None, print)  # type: ignore[arg-type]
            light = Vitals(fps=14.6, latency=(0.031, 0.05), silent=0.1, brightness=0.08, noise=3.2, gain=2.5)
            runner.status.state, runner.status.vitals = "live", replace(light, size=(640, 360))
            runner.thumbnail = file.getvalue()
            self.runners[camera.name] = runner

    def watch(self) -> None:
        self.watched += 1

    def summary(self) -> str:
        return "8 of 8 cameras live"


def test_eight_cameras(tmp_path: Path) -> None:
    cameras, address = Cameras(), Address(port=free_port())
    options = WebOptions(address, token=TOKEN)
    server = ServiceServer(options, Access.to(address, TOKEN), cast(Supervisor, cameras))
    try:
        with browser(f"http://127.0.0.1:{address.port}/?token={TOKEN.value}") as page:
            page.wait_for("document.readyState === 'complete'")
            page.wait_for("at('summary').textContent === '8 of 8 live'")
            page.wait_for(f"{SEEN}.every((card) => card.querySelector('img').naturalWidth === 160)")
            assert page.run(f"{SEEN}.map((card) => card.querySelector('h2').textContent.trim())") == [
                f"cam{place} live" for place in range(1, 9)
            ]
            figures = page.run(f"{SEEN}[0].querySelector('.figures').textContent")
            assert figures == "15 frames/s · 31 ms · 0 dropped · 640x360"
            light = page.run(f"{SEEN}[0].querySelector('.light').textContent")
            assert light == "brightness 8 % · noise 3.2 · gain 2.5"
            target = page.run(f"{SEEN}[2].querySelector('a.picture').href")
            assert target.endswith(f"/camera/cam3/?token={TOKEN.value}") and cameras.watched
            assert page.run("document.documentElement.scrollWidth <= innerWidth")

            broken = cameras.runners["cam3"].status
            broken.state, broken.since, broken.last_error = "waiting", time.time() - 5, "<b>refused</b>"
            broken.last_error_at = time.time() - 5
            page.wait_for("at('summary').textContent === '7 of 8 live'")
            assert page.run(f"{SEEN}[2].querySelector('.state').textContent").startswith(
                "waits to start again"
            )
            assert "ago: <b>refused</b>" in page.run(f"{SEEN}[2].querySelector('.error').textContent")
            assert page.run(f"getComputedStyle({SEEN}[2].querySelector('img')).opacity") == "0.35"
            del cameras.runners["cam8"]
            page.wait_for(f"{SEEN}.length === 7")
            server.close()
            page.wait_for("at('summary').textContent.startsWith('server not reachable')")
    finally:
        server.close()
