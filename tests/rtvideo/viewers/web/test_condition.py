"""What the page says of the connection, the server and the camera, in a real browser."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest

pytest.importorskip("websockets", reason="websockets: not installed (pip install 'rtvideo[serve]')")

from rtvideo.viewers.base import ViewerControls
from rtvideo.viewers.web import server
from rtvideo.viewers.web.address import Address
from rtvideo.viewers.web.tokens import Token
from rtvideo.viewers.web.viewer import WebOptions
from tests.helpers.waiting import wait_until
from tests.rtvideo.viewers.web.frames import INFO
from tests.rtvideo.viewers.web.pages import SHOWN, Job, browser, job, opened

pytestmark = [pytest.mark.timeout(120), pytest.mark.browser]

STATUS = "at('status').textContent"
LIVE = f"{SHOWN} && {STATUS} === 'live'"
#: Three seconds, and what a machine adds that runs other tests beside a browser.
SEEN = 5
GREY = "getComputedStyle(canvas).filter.includes('grayscale')"

#: Lets a test decide whether the page is in sight, and says so to it.
SIGHT = """
let sight = INITIAL;
Object.defineProperty(Document.prototype, "hidden", { get: () => !sight });
const setSight = (on) => { sight = on; document.dispatchEvent(new Event("visibilitychange")); };
"""

TOKENS = [Token("the-token-of-this-test", "a test"), Token("another-token-of-tests", "a test")]


def again(running: Job, token: Token | None = None, **given: object) -> Job:
    """Start a job at the same port."""
    options = WebOptions(Address("127.0.0.1", running.viewer._server.port), token=token)
    return Job(ViewerControls(), options, **given)  # type: ignore[arg-type]


def test_silence_of_the_camera_is_seen_within_three_seconds_and_counted() -> None:
    with job(ViewerControls()) as running, opened(running) as page:
        page.wait_for(LIVE, 60)
        assert not page.run(GREY)
        running.silent.set()
        began = time.monotonic()
        page.wait_for(f"{STATUS} === 'camera silent'", 10)
        assert time.monotonic() - began < SEEN
        assert page.run(GREY) and page.run("at('figures').hidden")
        assert "camera sends no pictures" in page.run("at('message').textContent")
        page.wait_for("at('since').textContent === 'for 5 s'", 10)
        assert 4 < time.monotonic() - began < 9
        running.silent.clear()
        page.wait_for(f"{LIVE} && at('since').textContent === ''", 5)
        assert not page.run(GREY)


def test_silence_of_the_server_is_seen_within_three_seconds() -> None:
    with job(ViewerControls()) as running, opened(running) as page:
        page.wait_for(LIVE, 60)
        # Its thread stands still, as in a process that is stopped; the sockets stay open.
        running.viewer._server._loop.call_soon_threadsafe(time.sleep, 6)
        began = time.monotonic()
        page.wait_for(f"{STATUS} === 'server not reachable'", 10)
        assert time.monotonic() - began < SEEN and page.run(GREY)
        page.wait_for(LIVE, 20)


def test_a_server_that_never_answers_is_left_and_found_again() -> None:
    with job(ViewerControls()) as running, opened(running, "") as page:
        page.wait_for(LIVE, 60)
        page.run("window.first = socket")
        running.viewer._server._loop.call_soon_threadsafe(time.sleep, 14)
        page.wait_for("socket !== first", 20)
        page.wait_for(LIVE, 30)


def test_a_camera_that_never_sends_is_noticed_too() -> None:
    with job(ViewerControls()) as running:
        running.silent.set()
        with opened(running) as page:
            page.wait_for(f"{STATUS} === 'camera silent'", 20)
            running.silent.clear()
            page.wait_for(LIVE, 20)


def test_a_clip_that_ends_says_so_until_the_next_run_begins() -> None:
    with job(ViewerControls(), info=replace(INFO, latency=None)) as running, opened(running) as page:
        page.wait_for(f"{SHOWN} && {STATUS} === 'playing'", 60)
        assert page.run("at('delay').textContent") == ""
        running.end()
        page.wait_for(f"{STATUS} === 'ended'", 5)
        assert page.run("at('message').textContent").startswith("The video has ended.")
        time.sleep(4)  # some attempts to connect
        assert page.run(STATUS) == "ended" and not page.run(GREY)
        second = again(running)
        try:
            page.wait_for(LIVE, 20)
        finally:
            second.end()


def test_a_run_with_the_same_token_is_found_and_one_with_another_is_explained() -> None:
    with job(ViewerControls(), WebOptions(Address(), token=TOKENS[0])) as running, opened(running) as page:
        page.wait_for(LIVE, 60)
        running.end()
        second = again(running, TOKENS[0])
        try:
            page.wait_for(LIVE, 20)
        finally:
            second.end()
        third = again(running, TOKENS[1])
        try:
            page.wait_for(f"{STATUS} === 'address not valid'", 20)
            assert "Ask for the new one" in page.run("at('message').textContent")
        finally:
            third.end()


def test_where_all_places_are_taken_the_page_says_so_and_gets_in_later(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(server, "VIEWERS", 0)
    with job(ViewerControls()) as running, opened(running) as page:
        page.wait_for(f"{STATUS} === 'all places taken'", 20)
        monkeypatch.setattr(server, "VIEWERS", 1)
        page.wait_for(LIVE, 20)


def test_a_page_out_of_sight_takes_no_place() -> None:
    with job(ViewerControls()) as running, opened(running, SIGHT.replace("INITIAL", "false")) as page:
        time.sleep(2)
        assert not running.viewer.watched and page.run("socket") is None
        page.run("setSight(true)")
        page.wait_for(LIVE, 20)
        page.run("setSight(false)")
        wait_until(lambda: not running.viewer.watched)
        page.run("setSight(true)")
        page.wait_for(LIVE, 20)


def test_many_tabs_in_the_background_do_not_lock_the_one_in_sight_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(server, "VIEWERS", 2)
    with job(ViewerControls()) as running, browser("about:blank") as page:
        for _ in range(4):
            page.call("Target.createTarget", url=running.viewer.url, background=True)
        page.call("Page.bringToFront")
        page.call("Page.navigate", url=running.viewer.url)
        page.wait_for(f"typeof awaitFrame === 'function' && {LIVE}", 60)
        wait_until(lambda: len(running.viewer._server._browsers) == 1)


def test_a_camera_of_few_pictures_is_not_silent() -> None:
    with job(ViewerControls(), interval=4.0) as running, opened(running) as page:
        page.wait_for(f"Math.min(...gaps) > 3 && {STATUS} === 'live'", 40)  # two of them have come
        end = time.monotonic() + 5
        while time.monotonic() < end:
            assert page.run(STATUS) == "live"
            time.sleep(0.2)
        running.silent.set()
        page.wait_for(f"{STATUS} === 'camera silent'", 20)
