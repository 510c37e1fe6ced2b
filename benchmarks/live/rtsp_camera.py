"""A camera on 127.0.0.1: RTSP with H.264, which sends, dies, sends garbage or falls silent as it is told."""

from __future__ import annotations

import contextlib
import io
import itertools
import os
import socket
import threading
import time
from collections.abc import Callable
from fractions import Fraction

import av
import numpy as np

from benchmarks.live.time_code import draw, read

#: Seconds of video that a camera sends again and again.
_LOOP = 4


def number(frame: av.VideoFrame) -> int:
    """Return which of the pictures of `night` this is, from 0, also when it has been enhanced."""
    plane = frame.planes[0]
    rows = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)
    return round(1000 * read(rows[:, : frame.width]))


def numbers(rate: int) -> int:
    """Return how many pictures there are until they begin again."""
    return _LOOP * rate


def night(width: int, height: int, rate: int) -> bytes:
    """Return a dark, noisy picture with a lamp that moves, as a transport stream that can be repeated.

    Each picture has its number written into it, see `benchmarks.live.time_code`.
    """
    file, random = io.BytesIO(), np.random.default_rng(1)
    with av.open(file, "w", format="mpegts") as out:
        stream = out.add_stream("libx264", rate=rate, width=width, height=height, pix_fmt="yuv420p")
        stream.codec_context.options = {"preset": "veryfast", "tune": "zerolatency", "crf": "26"}
        stream.codec_context.gop_size = rate
        for index in range(numbers(rate)):
            planes = np.full((height * 3 // 2, width), 128, np.uint8)
            planes[:height] = np.clip(random.normal(34, 5, (height, width)), 16, 235)
            left = index * width // numbers(rate)
            planes[height // 3 : height // 2, left : left + width // 10] = 190
            draw(planes[:height], index / 1000)
            frame = av.VideoFrame.from_ndarray(planes, "yuv420p")
            frame.pts, frame.time_base = index, Fraction(1, rate)
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return file.getvalue()


class RtspCamera:
    """Serves each viewer in a thread; a ``with`` statement starts and ends it.

    Attributes:
        port: where it listens.
        mood: ``good``, ``garbage``, ``silent`` or ``dead``; may be changed at any time.
        sent: pictures sent to the present viewer.
    """

    def __init__(self, clip: bytes, rate: int) -> None:
        """Take what `night` made."""
        self._clip, self._rate = clip, rate
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.mood, self.sent = "good", 0
        self._ended = threading.Event()

    def __enter__(self) -> RtspCamera:
        threading.Thread(target=self._serve, daemon=True).start()
        return self

    def __exit__(self, *raised: object) -> None:
        self._ended.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):  # the listener was closed
            while True:
                connection, _ = self._listener.accept()
                threading.Thread(target=self._talk, args=[connection], daemon=True).start()

    def _talk(self, connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError, av.FFmpegError), connection.makefile("rb") as lines:
            while self.mood != "dead" and (first := lines.readline().decode()):
                method, url, _ = first.split()
                headers = dict(
                    line.split(": ", 1) for line in iter(lambda: lines.readline().decode().strip(), "")
                )
                body, more = "", "Public: DESCRIBE, SETUP, PLAY, TEARDOWN"
                if method == "DESCRIBE":
                    more, body = "Content-Type: application/sdp", _description(url)
                elif method == "SETUP":
                    more = "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\nSession: 1"
                answer = (
                    f"RTSP/1.0 200 OK\r\nCSeq: {headers['CSeq']}\r\n{more}\r\nContent-Length: {len(body)}"
                )
                connection.sendall(f"{answer}\r\n\r\n{body}".encode())
                if method == "PLAY":
                    self._play(connection)
                    return

    def _play(self, connection: socket.socket) -> None:
        def packet(data: bytes) -> None:
            channel = 1 if 192 <= data[1] <= 223 else 0  # RTCP beside RTP
            connection.sendall(b"$" + bytes([channel]) + len(data).to_bytes(2, "big") + data)

        self.sent = 0
        with (
            av.open(io.BytesIO(self._clip), "r") as source,
            av.open(_Wire(packet), "w", format="rtp", buffer_size=1400) as out,
        ):
            stream = out.add_stream_from_template(source.streams.video[0])
            kept = [bytes(each) for each in source.demux(video=0) if each.size]
            began = time.monotonic()
            for index in itertools.count():
                if self._ended.wait(max(0.0, began + index / self._rate - time.monotonic())):
                    return
                if self.mood == "dead":
                    return
                if self.mood == "garbage":
                    packet(os.urandom(1200))
                elif self.mood == "good":
                    sending = av.Packet(kept[index % len(kept)])
                    sending.stream, sending.time_base = stream, Fraction(1, self._rate)
                    sending.pts = sending.dts = index
                    out.mux(sending)
                    self.sent += 1


class _Wire:
    """What a muxer writes to: each piece goes to a function."""

    def __init__(self, send: Callable[[bytes], None]) -> None:
        self._send = send

    def write(self, data: bytes) -> int:
        self._send(data)
        return len(data)


def _description(url: str) -> str:
    return (
        "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=camera\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
        "m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n"
        f"a=fmtp:96 packetization-mode=1\r\na=control:{url}/video\r\n"
    )
