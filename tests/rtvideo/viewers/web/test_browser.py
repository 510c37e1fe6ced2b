"""The page in a real browser: what it shows, and what its controls do."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("websockets", reason="websockets: not installed (pip install 'rtvideo[serve]')")

from benchmarks.live import chromium
from benchmarks.live.chromium import Page
from rtvideo.viewers.base import FrameInfo, ViewerControls
from rtvideo.viewers.web.address import Address
from rtvideo.viewers.web.viewer import WebOptions, WebViewer
from tests.rtvideo.viewers.web.frames import INFO, pair

pytestmark = [pytest.mark.browser, pytest.mark.timeout(120)]

#: Mean brightness of the left and the right half of what is seen, 0..255.
MEANS = """(() => {
  const mean = (x, width) => {
    const {data} = pen.getImageData(x, 0, width, canvas.height);
    let sum = 0;
    for (let i = 0; i < data.length; i += 4) sum += data[i] + data[i + 1] + data[i + 2];
    return sum / data.length * 4 / 3;
  };
  return [mean(0, canvas.width / 2), mean(canvas.width / 2, canvas.width / 2)];
})()"""

#: Collects what the browser does not let the page do, by the page's own policy.
REFUSALS = """
const refused = [];
document.addEventListener("securitypolicyviolation", (event) => refused.push(event.violatedDirective));
"""

SHOWN = "at('message').hidden"


@contextmanager
def browser(url: str) -> Iterator[Page]:
    with ExitStack() as stack:
        try:
            page = stack.enter_context(chromium.browser(url))
        except chromium.NoBrowser as missing:
            pytest.skip(str(missing))
        yield page


@contextmanager
def job(
    controls: ViewerControls,
    host: str = "127.0.0.1",
    info: FrameInfo = INFO,
    size: Callable[[], tuple[int, int]] = lambda: (320, 180),
) -> Iterator[WebViewer]:
    """A live job: frames that move, made brighter as strongly as the controls say."""
    viewer = WebViewer(WebOptions(Address(host)), controls, "a night")
    ended = threading.Event()

    def run() -> None:
        index = 0
        while not ended.wait(0.03):
            index += 1
            viewer.show(*pair(index % 16, *size(), 1 + 2 * round(controls.strength, 1)), info)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield viewer
    finally:
        ended.set()
        thread.join()
        viewer.close()


@contextmanager
def watching(controls: ViewerControls, before: str = "", **given: Any) -> Iterator[Page]:
    with job(controls, **given) as viewer, browser("about:blank") as page:
        page.call("Page.addScriptToEvaluateOnNewDocument", source=REFUSALS + before)
        page.call("Page.navigate", url=viewer.url)
        page.wait_for(f"document.readyState === 'complete' && {SHOWN}", 60)
        yield page


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
    with job(ViewerControls(), "0.0.0.0") as viewer:
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
