"""A camera that hangs up after a second, again and again: H.264 and AAC in MPEG-TS, by HTTP."""

from __future__ import annotations

import contextlib
import io
import itertools
import socket
import threading
import time
from fractions import Fraction

import av
import numpy as np

RATE, SAMPLES = 25, 48_000

#: Bytes of the packets of MPEG-TS.
_PACKET = 188


class DroppingCamera:
    """Serves one viewer after the other on 127.0.0.1; a ``with`` statement starts and ends it.

    Attributes:
        port: where it listens.
        served: connections that got the whole second.
    """

    def __init__(self, width: int, height: int, seconds: float = 1.0) -> None:
        """Encode what every connection gets.

        Args:
            seconds: of video in each connection.
        """
        self._data, self._seconds = recording(width, height, seconds), seconds
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.served = 0
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> DroppingCamera:
        self._thread.start()
        return self

    def __exit__(self, *raised: object) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):  # the listener was closed
            while True:
                connection, _ = self._listener.accept()
                with connection, contextlib.suppress(OSError):
                    self._send(connection)
                    self.served += 1

    def _send(self, connection: socket.socket) -> None:
        connection.recv(4096)
        connection.sendall(b"HTTP/1.0 200 OK\r\nContent-Type: video/mp2t\r\n\r\n")
        pieces = [self._data[i : i + 7 * _PACKET] for i in range(0, len(self._data), 7 * _PACKET)]
        began = time.monotonic()
        for index, piece in enumerate(pieces):
            due = began + self._seconds * index / len(pieces)
            time.sleep(max(0.0, due - time.monotonic()))
            connection.sendall(piece)


def recording(width: int, height: int, seconds: float) -> bytes:
    """Return a dark picture with a lamp that moves, and a tone, as a transport stream."""
    file = io.BytesIO()
    with av.open(file, "w", format="mpegts") as out:
        video = out.add_stream("libx264", rate=RATE, width=width, height=height, pix_fmt="yuv420p")
        video.codec_context.options = {"preset": "ultrafast", "tune": "zerolatency"}
        video.codec_context.gop_size = RATE // 2
        sound = out.add_stream("aac", rate=SAMPLES, layout="mono")
        size = SAMPLES // RATE
        tone = np.sin(np.arange(size) * 2 * np.pi * 440 / SAMPLES).astype(np.float32)[None] / 4
        for index in range(round(seconds * RATE)):
            planes = np.full((height * 3 // 2, width), 128, np.uint8)
            planes[:height] = 30
            planes[height // 3 : height // 2, 8 * index : 8 * index + width // 8] = 200
            frame = av.VideoFrame.from_ndarray(planes, "yuv420p")
            frame.pts, frame.time_base = index, Fraction(1, RATE)
            voice = av.AudioFrame.from_ndarray(tone, "fltp", "mono")
            voice.pts, voice.sample_rate = index * size, SAMPLES
            out.mux([*video.encode(frame), *sound.encode(voice)])
        out.mux(list(itertools.chain(video.encode(None), sound.encode(None))))
    return file.getvalue()
