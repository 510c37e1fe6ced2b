"""JPEG pictures by HTTP as small cameras send them: MJPEG without proper boundaries, slowly; snapshots."""

from __future__ import annotations

import io
import itertools
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PIL import Image

from rtvideo.errors import InputError, SourceLostError, UsageError
from rtvideo.live.input import LiveInput
from rtvideo.media.network.connect import connect
from rtvideo.media.network.pictures import JpegSplitter
from rtvideo.options import CaptureOptions, LiveOptions
from tests.helpers.servers import Server, number, pictures, read_request
from tests.rtvideo.live.test_job import decoded, live

pytestmark = [pytest.mark.network, pytest.mark.timeout(60)]

HEADER = b"HTTP/1.1 200 OK\r\nContent-Type: multipart/x-mixed-replace;boundary=FRAME\r\n\r\n"


def jpegs() -> Iterator[bytes]:
    """Yield pictures that `number` can tell apart."""
    for frame in pictures():
        file = io.BytesIO()
        luma = frame.to_ndarray()[: frame.height]
        Image.fromarray(luma).convert("RGB").save(file, "JPEG", quality=95)
        yield file.getvalue()


def camera(header: bytes, before: bytes, after: bytes, most: int | None = None) -> Callable[..., None]:
    """Return a talk that sends pictures between some bytes."""

    def talk(connection: socket.socket, server: Server) -> None:
        read_request(connection)
        connection.sendall(header)
        for data in itertools.islice(jpegs(), most):
            connection.sendall(before.replace(b"SIZE", b"%d" % len(data)) + data + after)
            if server.stopped.wait(0.04):
                return
        server.stopped.wait()

    return talk


PART = b"Content-Type: image/jpeg\r\nContent-Length: SIZE\r\n\r\n"


@pytest.mark.parametrize(
    ("header", "before", "after"),
    [
        (HEADER, b"--FRAME\r\n" + PART, b"\r\n"),
        (HEADER, PART, b"\r\n--FRAME\r\n"),
        (HEADER, b"--WRONG\r\n" + PART, b""),
        (HEADER, b"\r\nFRAME\r\n\r\n", b""),
        (b"HTTP/1.0 200 OK\r\n\r\n", b"--FRAME\r\n" + PART, b"\r\n"),
        (b"HTTP/1.0 200 OK\r\n\r\n", PART, b"\r\n--FRAME\r\n"),
        (b"HTTP/1.0 200 OK\r\nContent-Type: video/x-motion-jpeg\r\n\r\n", b"", b""),
    ],
    ids=["right", "no first boundary", "wrong", "no headers", "no type", "no type, no first", "plain"],
)
def test_motion_jpeg(tmp_path: Path, header: bytes, before: bytes, after: bytes) -> None:
    with Server(camera(header, before, after)) as server:
        # FFmpeg alone reads some of them for ever.
        how = LiveOptions(adapt=False, timeout=1.0)
        report = live(f"http://127.0.0.1:{server.port}/stream", tmp_path / "out.mkv", frames=8, how=how)
    found = decoded(tmp_path / "out.mkv")
    assert report.frames_out == 8 and report.reconnects == report.damaged == 0
    assert len(found) == 8 - report.dropped_at.get(str(tmp_path / "out.mkv"), 0)
    numbers = [number(frame) for frame in found]
    assert numbers == sorted(numbers) and 0.04 * 5 < float(found[-1].time - found[0].time) < 5, "as they came"


def test_the_first_picture_is_there_before_the_second_one(tmp_path: Path) -> None:
    with Server(camera(HEADER, b"--FRAME\r\n" + PART, b"\r\n", most=1)) as server:
        said: list[str] = []
        address = f"http://127.0.0.1:{server.port}/video.mjpg"
        report = live(address, tmp_path / "out.mkv", frames=1, say=said.append)
    assert (
        report.frames_out == 1
        and not said
        and [number(frame) for frame in decoded(tmp_path / "out.mkv")] == [0]
    )
    assert server.accepted == 1, "its name tells what it is"


def test_snapshots_are_asked_for_again(tmp_path: Path) -> None:
    stock = jpegs()

    def talk(connection: socket.socket, server: Server) -> None:
        first, headers = read_request(connection)
        assert first.startswith("GET /snap.jpg?size=1 ")
        if "authorization" not in headers:
            refusal = (
                b'HTTP/1.0 401 no\r\nWWW-Authenticate: Digest realm="cam", nonce="1", qop="auth"\r\n\r\n'
            )
            connection.sendall(refusal)
            return
        assert 'username="admin"' in headers["authorization"]
        connection.sendall(b"HTTP/1.0 200 OK\r\nContent-Type: image/jpeg\r\n\r\n" + next(stock))

    with Server(talk) as server:
        address = f"http://admin:pass@127.0.0.1:{server.port}/snap.jpg?size=1"
        report = live(address, tmp_path / "out.mkv", frames=4, how=LiveOptions(adapt=False, poll=0.05))
    assert report.reconnects == 0 and report.frames_out == 4 and "pass" not in repr(report)
    assert [number(frame) for frame in decoded(tmp_path / "out.mkv")] == [0, 1, 2, 3]


def test_a_single_picture_names_the_flag() -> None:
    def talk(connection: socket.socket, server: Server) -> None:
        read_request(connection)
        data = next(jpegs())
        head = f"HTTP/1.0 200 OK\r\nContent-Type: image/jpeg\r\nContent-Length: {len(data)}\r\n\r\n"
        connection.sendall(head.encode() + data)

    with Server(talk) as server, pytest.raises(UsageError, match="a single picture; --poll 1 asks"):
        connect(f"http://127.0.0.1:{server.port}/snap.jpg", CaptureOptions())
    with pytest.raises(UsageError, match="--poll 1: rtsp://host/ is no http:// or https:// address"):
        connect("rtsp://host/", CaptureOptions(), how=LiveOptions(poll=1))


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b"HTTP/1.0 404 Not Found\r\n\r\n", "nothing of that name there"),
        (b"HTTP/1.0 401 no\r\nWWW-Authenticate: Basic\r\n\r\n", "user or password refused"),
        (b"HTTP/1.0 200 OK\r\n\r\nno picture", "what comes is no JPEG picture"),
    ],
)
def test_snapshots_that_cannot_be_had(answer: bytes, words: str) -> None:
    def talk(connection: socket.socket, server: Server) -> None:
        read_request(connection)
        connection.sendall(answer)

    with Server(talk) as server, pytest.raises(SourceLostError, match=words):
        connect(f"http://127.0.0.1:{server.port}/snap.jpg", CaptureOptions(), how=LiveOptions(poll=1))


def test_a_camera_that_stops_sending_pictures_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rtvideo.media.network.pictures.SILENCE", 0.5)
    stop = threading.Event()
    with Server(camera(HEADER, b"--FRAME\r\n" + PART, b"", most=3)) as server:
        how = LiveOptions(timeout=0.5)
        source = LiveInput(
            lambda: connect(f"http://127.0.0.1:{server.port}/a.mjpg", CaptureOptions(), stop, how=how),
            "camera",
            stop,
        )
        assert source.traits.timeless and len(list(source.arrivals())) == 3
    assert source.lost == "source lost: no picture came in time"
    source.close()


def test_waiting_for_the_first_picture_can_be_ended() -> None:
    stop = threading.Event()

    def talk(connection: socket.socket, server: Server) -> None:
        read_request(connection)
        connection.sendall(HEADER)
        stop.set()
        server.stopped.wait()

    with Server(talk) as server, pytest.raises((InputError, SourceLostError)):
        connect(f"http://127.0.0.1:{server.port}/a.mjpg", CaptureOptions(), stop)


@pytest.mark.parametrize("step", [1, 7, 10**6])
def test_pictures_are_found_by_their_own_markers(step: int) -> None:
    whole = list(itertools.islice(jpegs(), 3))
    thumbnail = whole[0][:2] + b"\xff\xe1" + (len(whole[1]) + 2).to_bytes(2, "big") + whole[1] + whole[0][2:]
    cut = whole[2][:-2]
    data = b"rubbish\r\n" + thumbnail + b"\xff\xd8--" + cut + whole[2] + b"--"
    splitter = JpegSplitter()
    found = [each for i in range(0, len(data), step) for each in splitter.feed(data[i : i + step])]
    assert found == [thumbnail, cut, whole[2]]
    assert Image.open(io.BytesIO(found[0])).size == (64, 48)
