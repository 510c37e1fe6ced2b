"""The page in a real browser: what it shows, and what its controls do."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("websockets", reason="websockets: not installed (pip install 'rtvideo[serve]')")

from rtvideo.viewers.base import ViewerControls
from rtvideo.viewers.web.address import Address
from rtvideo.viewers.web.viewer import WebOptions
from tests.rtvideo.viewers.web.frames import INFO
from tests.rtvideo.viewers.web.pages import MEANS, SHOWN, browser, job, watching

pytestmark = [pytest.mark.timeout(120), pytest.mark.browser]


def test_the_page_shows_moving_brighter_pictures_and_its_controls_work(tmp_path: Path) -> None:
    controls = ViewerControls(strength=1.0, denoise=0.5)
    with watching(controls) as page:
        dark, lit = page.run(MEANS)
        assert lit > 2 * dark > 0
        page.run("window.seen = canvas.toDataURL()")
        page.wait_for("canvas.toDataURL() !== window.seen")
        assert page.run("[canvas.width, canvas.height]") == [320, 180]
        assert page.wait_for("at('rate').textContent") == "25 pictures a second"
        assert page.run("at('delay').textContent").endswith(" s delay")
        assert page.run("document.title") == "a night – rtvideo"

        # The strength, by keyboard: the job hears of it, and the picture follows.
        page.run("at('strength').focus()")
        page.press("Home")
        page.wait_for(f"(([dark, lit]) => lit < 1.3 * dark)({MEANS})")
        assert controls.strength == 0
        page.press("End")
        page.wait_for(f"(([dark, lit]) => lit > 2 * dark)({MEANS})")
        page.run("at('denoise').focus()")
        page.press("End")
        end = time.monotonic() + 20
        while controls.denoise != 1:
            assert time.monotonic() < end
            time.sleep(0.01)

        # The divider, by keyboard and by mouse.
        page.run("at('split').focus()")
        page.press("Home")
        page.wait_for(f"(([left, right]) => left > 2 * {dark})({MEANS})")
        left, top, width, height = page.run(
            "(({x, y, width, height}) => [x, y, width, height])(at('stage').getBoundingClientRect())"
        )
        page.drag((left + 1, top + height / 2), (left + 0.75 * width, top + height / 2))
        assert abs(page.run("at('split').value / 1000") - 0.75) < 0.01
        assert page.run("at('divider').getBoundingClientRect().x") == pytest.approx(
            left + 0.75 * width, abs=2
        )
        assert page.run("document.documentElement.scrollHeight <= innerHeight")
        assert page.run("refused") == []


def test_the_page_follows_pictures_that_change_size() -> None:
    size = [320, 180]
    with watching(ViewerControls(), size=lambda: (size[0], size[1])) as page:
        size[:] = 200, 120
        page.wait_for("canvas.width === 200 && canvas.height === 120 && drawn !== null")
        page.wait_for(f"(([dark, lit]) => lit > 2 * dark)({MEANS})")
        assert page.run("[pictures, video.videoWidth]") == ["h264", 400]


def test_the_page_turns_pictures_upright() -> None:
    with watching(ViewerControls(), info=replace(INFO, turn=90)) as page:
        page.wait_for("canvas.width === 180 && canvas.height === 320")
        # What was on the left is at the top now; the picture is darkest there.
        page.run("at('split').value = 0; setSplit()")
        mean = "pen.getImageData(0, {}, 180, 40).data.reduce((sum, value) => sum + value, 0)"
        page.wait_for(f"{mean.format(0)} < {mean.format(280)}")


def test_a_browser_without_media_source_gets_jpegs() -> None:
    with watching(ViewerControls(), "delete window.MediaSource; delete window.ManagedMediaSource") as page:
        assert page.run("pictures") == "jpeg"
        dark, lit = page.run(MEANS)
        assert lit > 2 * dark > 0


def test_the_page_comes_back_when_the_connection_does() -> None:
    with watching(ViewerControls()) as page:
        page.run("socket.close(); drawn = null; at('message').hidden = false")
        page.wait_for(f"{SHOWN} && at('status').textContent === 'live'")


def test_a_wrong_token_gets_nothing() -> None:
    with job(ViewerControls(), WebOptions(Address("0.0.0.0"))) as running:
        viewer = running.viewer
        port = viewer.url.split("/")[2].rsplit(":", 1)[1]
        with browser(f"http://127.0.0.1:{port}/?token=wrong") as page:
            page.wait_for("document.body && document.body.textContent.includes('Forbidden')")
            assert not page.run("document.querySelector('canvas, script, style')")
            opened = f"""new Promise((done) => {{
                const socket = new WebSocket("ws://127.0.0.1:{port}/live?token=wrong");
                socket.onopen = () => done("open");
                socket.onerror = () => done("refused");
            }})"""
            assert page.run(opened) == "refused"
            assert not viewer.watched
