"""The protocol, without a browser: pages and sockets against a real server on this machine."""

from __future__ import annotations

import io
import json
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPResponse
from typing import Any

import av
import pytest

pytest.importorskip("websockets", reason="websockets: not installed (pip install 'rtvideo[serve]')")

import itertools

from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from rtvideo.errors import OutputError
from rtvideo.viewers.base import ViewerControls
from rtvideo.viewers.web import server
from rtvideo.viewers.web.address import Address
from rtvideo.viewers.web.send_queue import LIMIT
from rtvideo.viewers.web.tokens import Token
from rtvideo.viewers.web.viewer import WebOptions, WebViewer
from tests.helpers import clips
from tests.helpers.waiting import wait_until
from tests.rtvideo.viewers.web.frames import INFO, halves, pair

pytestmark = [pytest.mark.network, pytest.mark.timeout(60)]


@pytest.fixture
def controls() -> ViewerControls:
    return ViewerControls(strength=0.75, denoise=0.25)


@contextmanager
def viewing(controls: ViewerControls, host: str = "127.0.0.1") -> Iterator[WebViewer]:
    viewer = WebViewer(WebOptions(Address(host)), controls, "/home/somebody/a night")
    try:
        yield viewer
    finally:
        viewer.close()
        assert not [thread for thread in threading.enumerate() if thread.name == "rtvideo_serve"]


@pytest.fixture
def viewer(controls: ViewerControls) -> Iterator[WebViewer]:
    with viewing(controls) as viewer:
        yield viewer


def get(url: str, path: str, **headers: str) -> tuple[HTTPResponse, bytes]:
    host, port = url.removeprefix("http://").split("/")[0].rsplit(":", 1)
    connection = HTTPConnection(host, int(port), timeout=20)
    try:
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        return answer, answer.read()
    finally:
        connection.close()


def live(viewer: WebViewer, query: str = "", **options: Any) -> ClientConnection:
    base, _, token = viewer.url.partition("?")
    place = base.replace("http:", "ws:") + "live?" + "&".join(filter(None, [token, query]))
    return connect(place, proxy=None, max_size=None, **options)


@contextmanager
def stuck_browser(viewer: WebViewer, query: str = "") -> Iterator[ClientConnection]:
    """A browser that has connected and reads nothing, with little room for what it is sent."""
    narrow = socket.socket()
    narrow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16 * 1024)
    narrow.connect(("127.0.0.1", int(viewer.url.rstrip("/").rsplit(":", 1)[1])))
    with live(viewer, query, max_queue=1, sock=narrow) as connection:
        yield connection


def only_browser(viewer: WebViewer) -> server._Browser:
    """The server's side of the one browser, which it counts only after the browser has its answer."""
    wait_until(lambda: viewer._server._browsers)
    (browser,) = viewer._server._browsers
    return browser


def feed(viewer: WebViewer, until: Callable[[], bool], size: tuple[int, int] = (64, 48)) -> int:
    """Show frames, as the live job does, until something has happened; return how many."""
    end, index = time.monotonic() + 30, 0
    while not until():
        assert time.monotonic() < end, "it did not happen"
        viewer.show(*pair(index % 8, *size), INFO)
        index += 1
        time.sleep(0.005)
    return index


def receive(
    socket: ClientConnection, viewer: WebViewer, pictures: int
) -> tuple[list[dict[str, Any]], list[bytes]]:
    """Return the messages that came until there were so many pictures (with their header)."""
    texts, data = [], []

    def read() -> None:
        while len(data) < pictures + 1:
            message = socket.recv(timeout=30)
            if isinstance(message, bytes):
                data.append(message)
            else:
                texts.append(json.loads(message))

    thread = threading.Thread(target=read)
    thread.start()
    feed(viewer, lambda: not thread.is_alive())
    return texts, data


def test_the_page_comes_whole_and_lets_nothing_else_in(viewer: WebViewer) -> None:
    answer, body = get(viewer.url, "/")
    text = body.decode()
    assert answer.status == 200 and "<canvas" in text and "new WebSocket" in text
    assert not re.findall(r"(?:src|href)=\"(?!data:)[^\"]*\"|url\(|@import|https?://", text)
    policy = answer.getheader("Content-Security-Policy", "")
    assert "default-src 'none'" in policy and "unsafe" not in policy and "frame-ancestors 'none'" in policy
    assert answer.getheader("Referrer-Policy") == "no-referrer"
    assert answer.getheader("X-Content-Type-Options") == "nosniff"


@pytest.mark.parametrize("path", ["/page.js", "/../../setup.cfg", "/%2e%2e/%2e%2e/setup.cfg", "//etc/passwd"])
def test_nothing_else_is_served(viewer: WebViewer, path: str) -> None:
    answer, body = get(viewer.url, path)
    assert answer.status == 404 and len(body) < 100


def test_pictures_come_as_mp4_that_moves_and_is_brighter(viewer: WebViewer) -> None:
    with live(viewer) as socket:
        texts, data = receive(socket, viewer, 12)
    with av.open(io.BytesIO(b"".join(data))) as container:
        frames = list(container.decode(video=0))
    assert len(frames) == 12
    assert all(lit > 1.5 * dark for dark, lit in map(halves, frames))
    assert abs(clips.planes(frames[0])[0] - clips.planes(frames[4])[0]).max() > 50
    stream = next(text for text in texts if text["type"] == "stream")
    assert (stream["width"], stream["height"]) == (64, 48)


def test_the_page_is_told_what_runs(viewer: WebViewer) -> None:
    with live(viewer) as socket:
        texts, _ = receive(socket, viewer, 2)
    state = next(text for text in texts if text["type"] == "state" and text["frame"])
    assert state["name"] == "a night" and state["removes_noise"] is True
    assert (state["strength"], state["denoise"]) == (0.75, 0.25)
    assert (
        state["frame"]["engine"] == "fake"
        and state["frame"]["latency"] >= INFO.latency
        and state["frame"]["dropped"] == 3
    )


def test_the_state_comes_at_its_own_times_and_says_how_long_no_picture_came(viewer: WebViewer) -> None:
    with live(viewer) as socket:
        receive(socket, viewer, 2)
        silent = [0.0]

        def listen() -> None:
            message = socket.recv(timeout=1.5)  # seconds; the page would notice a longer silence
            if isinstance(message, str) and json.loads(message)["type"] == "state":
                silent.append(json.loads(message)["silent"])

        end = time.monotonic() + 20
        while silent[-1] < 2:
            assert time.monotonic() < end
            listen()
        while silent[-1] > 0.5:
            assert time.monotonic() < end
            viewer.show(*pair(0), INFO)
            listen()


def test_who_joins_is_not_told_of_silence_that_nobody_could_see(viewer: WebViewer) -> None:
    viewer.show(*pair(0), INFO)
    time.sleep(1)
    with live(viewer) as socket:
        state = json.loads(socket.recv(timeout=5))
    assert state["silent"] < 0.5


def test_the_last_pictures_arrive_before_the_end(controls: ViewerControls) -> None:
    with viewing(controls) as viewer, live(viewer) as socket:
        receive(socket, viewer, 1)
        drained = 0
        for index in range(20):
            viewer.show(*pair(index % 8), INFO)
        thread = threading.Thread(target=viewer.close)
        thread.start()
        with pytest.raises(ConnectionClosed) as closed:
            while True:
                drained += isinstance(socket.recv(timeout=20), bytes)
        thread.join()
        assert drained >= 20 and closed.value.rcvd is not None and closed.value.rcvd.code == 1001
        viewer.close = lambda: None  # type: ignore[method-assign]


def test_a_name_cannot_steer_a_terminal_or_hide_in_the_page(controls: ViewerControls) -> None:
    viewer = WebViewer(WebOptions(Address()), controls, "/cams/night\x1b[31m\u202egnp.mp4")
    try:
        with live(viewer) as socket:
            assert json.loads(socket.recv(timeout=5))["name"] == "night\\x1b[31m\\u202egnp.mp4"
    finally:
        viewer.close()


def test_a_token_that_was_given_is_needed_even_here_and_is_not_printed(
    controls: ViewerControls, capsys: pytest.CaptureFixture[str]
) -> None:
    options = WebOptions(Address(), token=Token("a-secret-of-23-letters.", "/run/token"))
    for _ in range(2):  # as when the run is started again
        viewer = WebViewer(options, controls, "a night")
        try:
            assert get(viewer.url, "/")[0].status == 403
            with live(viewer) as socket:
                assert json.loads(socket.recv(timeout=5))["type"] == "state"
        finally:
            viewer.close()
    printed = capsys.readouterr().err
    assert "a-secret" not in printed and printed.count("the token is in /run/token") == 2


def test_jpeg_for_browsers_without_h264(viewer: WebViewer) -> None:
    with live(viewer, "pictures=jpeg") as socket:
        texts, data = receive(socket, viewer, 3)
    assert {"image/jpeg"} == {text["mime"] for text in texts if text["type"] == "stream"}
    assert all(picture.startswith(b"\xff\xd8") for picture in data)


def test_sliders_reach_the_job_and_the_other_pages(viewer: WebViewer, controls: ViewerControls) -> None:
    with live(viewer) as mine, live(viewer) as other:
        mine.send('{"strength": 0.5, "denoise": 1, "brightness": -0.5}')
        while True:
            state = json.loads(other.recv(timeout=20))
            if state["strength"] == 0.5:
                break
        assert (controls.strength, controls.denoise, state["denoise"]) == (0.5, 1.0, 1.0)
        assert controls.brightness == state["brightness"] == -0.5


@pytest.mark.parametrize(
    "message",
    [
        "{}}",
        "[]",
        "7",
        '{"strength": 2}',
        '{"strength": -0.1}',
        '{"brightness": -1.1}',
        '{"strength": NaN}',
        '{"strength": true}',
        '{"strength": "1"}',
        '{"stop": 1}',
        '{"denoise": 0.5, "strength": null}',
        "[" * 1000,
        '{"strength": ' + "1" * 5000 + "}",
        b"\xff\xfe",
    ],
)
def test_a_page_that_asks_for_nonsense_is_sent_away(
    viewer: WebViewer, controls: ViewerControls, message: str | bytes
) -> None:
    with live(viewer) as socket:
        socket.send(message)
        with pytest.raises(ConnectionClosed):
            while True:
                socket.recv(timeout=20)
    assert (controls.strength, controls.denoise, controls.stop.is_set()) == (0.75, 0.25, False)


def test_beyond_this_machine_nobody_gets_anything_without_the_token(
    controls: ViewerControls, capsys: pytest.CaptureFixture[str]
) -> None:
    with viewing(controls, "0.0.0.0") as viewer:
        token = viewer.url.partition("?token=")[2]
        assert capsys.readouterr().err.count(token) == 1
        port = viewer.url.split("/")[2].rsplit(":", 1)[1]
        near = f"http://127.0.0.1:{port}/"
        for query in ("", "?token=", "?token=wrong", f"?token={token}x"):
            answer, body = get(near, f"/{query}")
            assert (answer.status, body) == (403, b"Forbidden\n")
            with pytest.raises(InvalidStatus, match="403"):
                connect(f"ws://127.0.0.1:{port}/live{query}", proxy=None)
        assert not viewer.watched
        assert get(near, f"/?token={token}")[0].status == 200
        with connect(f"ws://127.0.0.1:{port}/live?token={token}", proxy=None) as socket:
            assert len(receive(socket, viewer, 1)[1]) == 2


def test_other_sites_cannot_connect(viewer: WebViewer) -> None:
    with pytest.raises(InvalidStatus, match="403"):
        live(viewer, origin="https://elsewhere.example")  # type: ignore[arg-type]
    answer, _ = get(viewer.url, "/", Host="elsewhere.example")
    assert answer.status == 403


def test_nothing_is_encoded_while_nobody_looks(viewer: WebViewer, monkeypatch: pytest.MonkeyPatch) -> None:
    composed: list[int] = []
    compose = viewer._compose.__class__.__call__

    def counting(*args: Any) -> Any:
        composed.append(1)
        return compose(*args)

    monkeypatch.setattr(viewer._compose.__class__, "__call__", counting)
    viewer.show(*pair(0), INFO)
    assert not viewer.watched and not composed
    with live(viewer) as socket:
        wait_until(lambda: viewer.watched)
        receive(socket, viewer, 1)
    feed(viewer, lambda: not viewer.watched)
    before = len(composed)
    viewer.show(*pair(0), INFO)
    assert len(composed) == before > 0


def test_all_share_one_encoding(viewer: WebViewer) -> None:
    with live(viewer) as first, live(viewer) as second:
        thread = threading.Thread(target=lambda: feed(viewer, lambda: len(got) == 2))
        got: list[dict[bytes, bool]] = []
        thread.start()
        for socket in (first, second):
            data: list[bytes] = []
            while len(data) < 15:
                message = socket.recv(timeout=20)
                data += [message] if isinstance(message, bytes) else []
            got.append(dict.fromkeys(data, True))
        thread.join()
    assert len(got[0].keys() & got[1].keys()) > 5


def test_one_that_reads_nothing_slows_nobody_and_goes_on_with_a_whole_picture(viewer: WebViewer) -> None:
    with stuck_browser(viewer) as stuck:
        browser = only_browser(viewer)
        shown = feed(viewer, lambda: browser.queue.dropped > LIMIT, size=(640, 360))
        with live(viewer) as other:
            assert len(receive(other, viewer, 5)[1]) == 6
        assert len(browser.queue) <= LIMIT
        # What it has now, and what comes after the gap, must play as one stream.
        _, data = receive(stuck, viewer, shown)
        with av.open(io.BytesIO(b"".join(data))) as container:
            packets = [packet for packet in container.demux(video=0) if packet.size]
        gaps = [
            after
            for before, after in itertools.pairwise(packets)
            if after.pts != before.pts + before.duration
        ]
        assert gaps and all(packet.is_keyframe for packet in gaps)


def test_of_jpegs_only_the_newest_waits(viewer: WebViewer) -> None:
    with stuck_browser(viewer, "pictures=jpeg"):
        browser = only_browser(viewer)
        for dropped in range(3, 300, 3):
            feed(viewer, lambda dropped=dropped: browser.queue.dropped > dropped, size=(640, 360))
            time.sleep(0.05)
            if waiting := len(browser.queue):  # nothing is sent any more: the connection is full
                break
        assert waiting == 1


def test_frames_that_change_size_begin_a_new_stream(viewer: WebViewer) -> None:
    with live(viewer) as socket:
        receive(socket, viewer, 2)
        feed(viewer, until=iter([False, True]).__next__, size=(96, 64))
        while True:
            message = socket.recv(timeout=20)
            if isinstance(message, str) and json.loads(message).get("width") == 96:
                break
        header = socket.recv(timeout=20)
        assert isinstance(header, bytes) and header[4:8] == b"ftyp"


def test_too_many_are_turned_away(viewer: WebViewer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "VIEWERS", 1)
    with live(viewer):
        feed(viewer, lambda: viewer.watched)
        with pytest.raises(InvalidStatus, match="503"):
            live(viewer)


def test_a_port_that_is_taken_is_an_error_of_one_line(viewer: WebViewer, controls: ViewerControls) -> None:
    port = int(viewer.url.rstrip("/").rsplit(":", 1)[1])
    with pytest.raises(
        OutputError, match=rf"--serve 127.0.0.1:{port}: cannot be listened on: Address"
    ) as told:
        WebViewer(WebOptions(Address("127.0.0.1", port)), controls, "again")
    assert "\n" not in str(told.value) and told.value.exit_code == 6


def test_a_host_of_elsewhere_is_an_error(controls: ViewerControls) -> None:
    for host, reason in (("192.0.2.1", "Cannot assign requested address; "), ("no.such.host.invalid", "")):
        with pytest.raises(OutputError, match=rf"{host}:0: cannot be listened on: {reason}"):
            WebViewer(WebOptions(Address(host)), controls, "elsewhere")


def test_localhost_is_each_address_of_this_machine(controls: ViewerControls) -> None:
    with viewing(controls, "localhost") as viewer:
        assert get(viewer.url, "/")[0].status == 200
        near = viewer.url.replace("localhost", "127.0.0.1")
        assert get(near, "/")[0].status == 200


def test_closing_waits_for_no_browser(controls: ViewerControls) -> None:
    with viewing(controls) as viewer:
        place = ("127.0.0.1", int(viewer.url.rstrip("/").rsplit(":", 1)[1]))
        with socket.create_connection(place) as silent, stuck_browser(viewer) as stuck:
            silent.sendall(b"GET / HT")
            browser = only_browser(viewer)
            feed(viewer, lambda: browser.queue.dropped > 0, size=(640, 360))
            began = time.monotonic()
            viewer.close()
            assert time.monotonic() - began < 10
            with pytest.raises(ConnectionClosed):
                while True:
                    stuck.recv(timeout=20)
        viewer.close = lambda: None  # type: ignore[method-assign]
