"""Servers on 127.0.0.1 that send video in real time, and misbehave on request. PyAV encodes and packs."""

from __future__ import annotations

import contextlib
import socket
import socketserver
import threading
import time
from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Any

import av
import numpy as np

RATE = 25

#: Pictures that can be told apart.
CYCLE = 24


def pictures(width: int = 64, height: int = 48, first: int = 0) -> Iterator[av.VideoFrame]:
    """Yield frames for ever; the brightness of the left half counts them, see `number`."""
    index = first
    while True:
        luma = np.full((height, width), 60, np.uint8)
        luma[:, : width // 2] = 16 + 8 * (index % CYCLE)
        frame = av.VideoFrame(width, height, "yuv420p")
        for plane, values in zip(frame.planes, (luma, 128, 128), strict=True):
            rows = np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)
            rows[:] = 128
            if plane.width == width:
                rows[:height, :width] = values
        frame.pts, frame.time_base = index - first, Fraction(1, RATE)
        yield frame
        index += 1


def number(frame: av.VideoFrame) -> int:
    """Return which one of `pictures` this is, modulo `CYCLE`, also after compression."""
    rows, columns = frame.height, frame.width
    seen = float(np.median(frame.to_ndarray()[rows // 4 : rows // 2, columns // 16 : columns * 3 // 8]))
    return round((seen - 16) / 8)


class Wire:
    """What a muxer writes to: each piece goes to a function."""

    def __init__(self, send: Callable[[bytes], None]) -> None:
        self._send = send

    def write(self, data: bytes) -> int:
        self._send(data)
        return len(data)


class Server:
    """Accepts connections and runs ``talk`` for each in a thread; a ``with`` statement ends them all.

    Attributes:
        port: where it listens.
        accepted: connections so far.
    """

    def __init__(
        self, talk: Callable[[socket.socket, Server], None], port: int = 0, host: str = "127.0.0.1"
    ) -> None:
        server = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                server.accepted += 1
                server._open.append(self.request)
                with contextlib.suppress(OSError, av.FFmpegError):
                    talk(self.request, server)

        class Listener(socketserver.ThreadingTCPServer):
            address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
            allow_reuse_address = True
            daemon_threads = True

        self.accepted, self.stopped = 0, threading.Event()
        self._open: list[socket.socket] = []
        self._listener = Listener((host, port), Handler)
        self.port: int = self._listener.server_address[1]
        self._thread = threading.Thread(target=self._listener.serve_forever, args=(0.05,))

    def __enter__(self) -> Server:
        self._thread.start()
        return self

    def __exit__(self, *raised: object) -> None:
        self.stopped.set()
        self._listener.shutdown()
        self._thread.join()
        for connection in self._open:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        self._listener.server_close()


def send_video(
    wire: Wire,
    server: Server,
    *,
    format: str,
    frames: int | None = None,
    speed: float = 1.0,
    size: tuple[int, int] = (64, 48),
    sound: tuple[str, int, str] | None = None,
    mute: int = 0,
    gop: int = 12,
    first: int = 0,
    buffer_size: int = 32768,
    options: dict[str, str] | None = None,
) -> None:
    """Encode and send ``frames``, or until the server stops, ``speed`` times as fast as in reality.

    ``sound`` is a tone: encoder, samples a second, layout; it begins after ``mute`` frames.
    The ``first`` frames are encoded, but not sent:
    whoever listens joined in the middle.
    """
    with av.open(wire, "w", format=format, buffer_size=buffer_size, container_options=options or {}) as out:
        stream = out.add_stream("libx264", rate=RATE)
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        stream.codec_context.options = {"preset": "ultrafast", "tune": "zerolatency", "g": str(gop)}
        tone = _Tone(out, *sound) if sound else None
        began = time.monotonic()
        for frame in pictures(*size):
            sent = max(0.0, (frame.time - first / RATE) / speed)
            if frame.pts == frames or server.stopped.wait(max(0.0, began + sent - time.monotonic())):
                return
            packets = stream.encode(frame) + (tone.encoded(frame.pts) if tone and frame.pts >= mute else [])
            if frame.pts >= first:
                out.mux(packets)


class _Tone:
    """A stream of sound with 440 Hz, for as long as a picture at a time."""

    def __init__(self, out: av.container.OutputContainer, encoder: str, rate: int, layout: str) -> None:
        # Vorbis counts as an experiment.
        self._stream = out.add_stream(encoder, rate=rate, layout=layout, options={"strict": "experimental"})
        self._rate, self._layout = rate, layout

    def encoded(self, index: int) -> list[av.Packet]:
        size = self._rate // RATE
        times = (np.arange(size) + index * size) / self._rate
        wave = np.sin(2 * np.pi * 440 * times) / 4
        samples = np.round(32767 * wave).astype(np.int16)[:, None]
        channels = av.AudioLayout(self._layout).nb_channels
        samples = np.ascontiguousarray(np.repeat(samples, channels, axis=1)).reshape(1, -1)
        frame = av.AudioFrame.from_ndarray(samples, "s16", self._layout)
        frame.pts, frame.sample_rate = index * size, self._rate
        frame.time_base = Fraction(1, self._rate)
        return self._stream.encode(frame)


def read_request(connection: socket.socket) -> tuple[str, dict[str, str]]:
    """Return the first line and the headers of an HTTP or RTSP request."""
    data = b""
    while b"\r\n\r\n" not in data:
        more = connection.recv(4096)
        if not more:
            raise OSError("closed")
        data += more
    first, *lines = data.partition(b"\r\n\r\n")[0].decode().split("\r\n")
    return first, {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}


def http_video(**how: Any) -> Callable[[socket.socket, Server], None]:
    """Return a talk that answers GET with a live transport stream; arguments are those of `send_video`."""

    def talk(connection: socket.socket, server: Server) -> None:
        read_request(connection)
        connection.sendall(b"HTTP/1.0 200 OK\r\nContent-Type: video/mp2t\r\n\r\n")
        send_video(Wire(connection.sendall), server, format="mpegts", **how)

    return talk


def rtsp_video(
    password: str = "", silent: bool = False, **how: Any
) -> Callable[[socket.socket, Server], None]:
    """Return a talk that speaks as much RTSP as a client needs, with RTP in the same connection (H.264).

    Args:
        password: of the user ``admin``, asked for by Basic authentication.
        silent: after PLAY nothing comes.
        how: as for `send_video`.
    """
    import base64

    secret = "Basic " + base64.b64encode(f"admin:{password}".encode()).decode()

    def talk(connection: socket.socket, server: Server) -> None:
        while True:
            first, headers = read_request(connection)
            method, url, _ = first.split()
            sequence = headers["cseq"]

            def answer(status: str, *lines: str, body: str = "", sequence: str = sequence) -> None:
                head = [f"RTSP/1.0 {status}", f"CSeq: {sequence}", *lines, f"Content-Length: {len(body)}"]
                connection.sendall(("\r\n".join(head) + "\r\n\r\n" + body).encode())

            if password and method != "OPTIONS" and headers.get("authorization") != secret:
                answer("401 Unauthorized", 'WWW-Authenticate: Basic realm="camera"')
                continue
            if method == "DESCRIBE":
                sdp = (
                    "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=camera\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
                    f"m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n"
                    f"a=fmtp:96 packetization-mode=1\r\na=control:{url}/video\r\n"
                )
                answer("200 OK", "Content-Type: application/sdp", body=sdp)
            elif method == "SETUP":
                if "TCP" not in headers["transport"]:
                    answer("461 Unsupported Transport")
                else:
                    answer("200 OK", "Transport: RTP/AVP/TCP;unicast;interleaved=0-1", "Session: 1")
            elif method == "PLAY":
                answer("200 OK", "Session: 1")
                if silent:
                    server.stopped.wait()
                    return

                def packet(data: bytes) -> None:
                    channel = 1 if 192 <= data[1] <= 223 else 0  # RTCP beside RTP
                    connection.sendall(b"$" + bytes([channel]) + len(data).to_bytes(2, "big") + data)

                send_video(Wire(packet), server, format="rtp", buffer_size=1400, **how)
                return
            else:
                answer("200 OK", "Public: DESCRIBE, SETUP, PLAY, TEARDOWN")

    return talk
