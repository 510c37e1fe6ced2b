"""What cameras do at dusk and elsewhere: another codec and size, digest authentication, IPv6."""

from __future__ import annotations

import hashlib
import re
import socket
from pathlib import Path
from urllib.parse import quote

import av
import pytest

from tests.helpers.servers import CYCLE, RATE, Server, http_video, number, pictures, read_request, rtsp_video
from tests.rtvideo.live.test_job import decoded, live

pytestmark = [pytest.mark.timeout(60), pytest.mark.network]


@pytest.mark.slow
def test_a_camera_that_changes_codec_and_size_with_its_lamps(tmp_path: Path) -> None:
    """First H.264; then it hangs up, and comes back with larger pictures in MPEG-4."""

    def talk(connection: socket.socket, server: Server) -> None:
        read_request(connection)
        connection.sendall(b"HTTP/1.0 200 OK\r\n\r\n")
        codec, size = ("libx264", (64, 48)) if server.accepted == 1 else ("mpeg4", (128, 96))
        with connection.makefile("wb", buffering=0) as wire, av.open(wire, "w", format="mpegts") as out:
            stream = out.add_stream(codec, rate=RATE)
            stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
            for frame in pictures(*size):
                ends = codec == "libx264" and frame.pts == 100
                if ends or server.stopped.wait(1 / RATE):
                    return
                out.mux(stream.encode(frame))

    said: list[str] = []
    with Server(talk) as server:
        address = f"http://127.0.0.1:{server.port}/"
        report = live(address, tmp_path / "out.mp4", frames=100, say=said.append)
    found = decoded(tmp_path / "out.mp4")
    assert report.reconnects == 1 and {(frame.width, frame.height) for frame in found} == {(64, 48)}
    assert any("with pictures of 128x96" in line for line in said)


def digest_video(password: str) -> object:
    """Return a talk that asks for digest authentication (RFC 2617), and then sends video by RTSP."""
    video = rtsp_video()

    def talk(connection: socket.socket, server: Server) -> None:
        while True:
            head = connection.recv(4096, socket.MSG_PEEK).decode()
            given = dict(re.findall(r'(\w+)="([^"]*)"', head))
            method = head.split()[0]
            if method == "OPTIONS" or given.get("response") == _response(method, given, password):
                video(connection, server)  # reads the request itself
                return
            _, headers = read_request(connection)
            connection.sendall(
                f"RTSP/1.0 401 Unauthorized\r\nCSeq: {headers['cseq']}\r\n"
                'WWW-Authenticate: Digest realm="camera", nonce="abc"\r\n\r\n'.encode()
            )

    return talk


def _response(method: str, given: dict[str, str], password: str) -> str:
    def md5(text: str) -> str:
        return hashlib.md5(text.encode()).hexdigest()

    first = md5(f"admin:camera:{password}")
    return md5(f"{first}:{given.get('nonce')}:{md5(f'{method}:' + given.get('uri', ''))}")


def test_digest_authentication_with_a_password_of_special_characters(tmp_path: Path) -> None:
    password = "p@ss:w/rd#?%20"
    with Server(digest_video(password)) as server:
        address = f"rtsp://admin:{quote(password, safe='')}@127.0.0.1:{server.port}/x"
        report = live(address, tmp_path / "out.mkv", frames=5)
    assert report.frames_out == 5 and password not in repr(report)


def test_ipv6(tmp_path: Path) -> None:
    try:
        server = Server(http_video(), host="::1")
    except OSError:
        pytest.skip("::1: no IPv6 here")
    with server:
        report = live(f"http://[::1]:{server.port}/", tmp_path / "out.mkv", frames=5)
    assert report.frames_out == 5
    assert all(0 <= number(frame) < CYCLE for frame in decoded(tmp_path / "out.mkv"))
