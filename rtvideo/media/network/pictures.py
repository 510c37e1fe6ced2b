"""JPEG pictures by HTTP, one after the other: MJPEG as cameras send it, and snapshots asked for repeatedly.

FFmpeg reads MJPEG that keeps to the form of its boundaries, and some seconds of it before it begins. Small
cameras do not, or send a picture every 15 seconds. Here pictures are found by their own markers.
"""

from __future__ import annotations

import contextlib
import errno
import re
import threading
import time
from collections.abc import Generator
from http.client import HTTPException
from queue import Empty, Full, Queue
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit

import av

from rtvideo.media.network import http

#: Seconds for which a camera may send no picture, at least.
SILENCE = 30.0

#: FFmpeg's name of the form in which they are handed on, and options by which it begins at the first one.
FORMAT, OPTIONS = "mpjpeg", {"fpsprobesize": "0", "analyzeduration": "1"}

#: Endings of addresses that are known for it.
_ENDINGS = (".mjpg", ".mjpeg")

#: Bytes of a read, of the beginning in which a picture must begin, and of a picture at most.
_READ, _LOOK, _LARGEST = 1 << 16, 1 << 10, 64 << 20

#: What FFmpeg makes of answers.
_REFUSALS: dict[int, type[av.FFmpegError]] = {
    401: av.error.HTTPUnauthorizedError,
    403: av.error.HTTPForbiddenError,
    404: av.error.HTTPNotFoundError,
}

#: Pictures that may wait, and seconds between two checks whether to stop.
_AHEAD, _GLANCE = 4, 0.1

_SOI, _EOI, _SOS = 0xD8, 0xD9, 0xDA
_BEGINNING = b"\xff\xd8\xff"

#: A marker in a scan that is neither a stuffed FF nor a restart.
_AFTER_SCAN = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")


class JpegSplitter:
    """Finds JPEG pictures in a stream of bytes, whatever stands between them."""

    def __init__(self) -> None:
        self._data = b""

    def feed(self, data: bytes) -> list[bytes]:
        """Take the next bytes, and return the pictures that are complete."""
        self._data += data
        found: list[bytes] = []
        while (begin := self._data.find(_BEGINNING)) >= 0:
            end = _end(self._data, begin)
            if end is None:
                self._data = self._data[begin:]
                if len(self._data) > _LARGEST:
                    raise OSError(errno.EIO, "a picture without an end")
                return found
            found.append(self._data[begin:end])
            self._data = self._data[end:]
        self._data = self._data[-len(_BEGINNING) :]
        return found


def _end(data: bytes, begin: int) -> int | None:
    """Return where a picture ends; None if that has not come yet. One without an end ends at the next one."""
    place = begin + 2
    while place + 4 <= len(data) or data[place : place + 2] == bytes([0xFF, _EOI]):
        marker = data[place + 1]
        if data[place] != 0xFF or marker == 0xFF:
            place += 1
        elif marker == _EOI:
            return place + 2
        elif marker == _SOI:
            return place
        else:
            place += 2 + int.from_bytes(data[place + 2 : place + 4], "big")
            if marker == _SOS:
                found = _AFTER_SCAN.search(data, place)
                if found is None:
                    return None
                place = found.start()
    return None


class PictureReader:
    """Pictures as a file object for `av.open`, in the form `FORMAT`. A thread of its own waits for them."""

    def __init__(self, pictures: Generator[bytes], *stops: threading.Event) -> None:
        """Begin to read.

        Args:
            pictures: whose errors are OSError or HTTPException.
            stops: any of them ends waiting.
        """
        self._closed, self._stops = threading.Event(), stops
        self._pictures: Queue[bytes | av.FFmpegError] = Queue(_AHEAD)
        self._waiting = b""
        threading.Thread(target=self._fetch, args=[pictures], name="rtvideo_pictures", daemon=True).start()

    def read(self, size: int) -> bytes:
        """Return up to ``size`` bytes as soon as there are any; none at the end, or once stopped.

        Raises:
            av.FFmpegError: pictures cannot be had any more. Raised once; after that the stream has ended.
        """
        while not self._waiting and not self._stopped:
            with contextlib.suppress(Empty):
                picture = self._pictures.get(timeout=_GLANCE)
                if isinstance(picture, av.FFmpegError):
                    self.close()
                    raise picture
                if not picture:
                    self.close()
                    return b""
                head = f"--picture\r\nContent-Type: image/jpeg\r\nContent-Length: {len(picture)}\r\n\r\n"
                self._waiting = head.encode() + picture + b"\r\n"
        data, self._waiting = self._waiting[:size], self._waiting[size:]
        return data

    def close(self) -> None:
        """End the thread, once its camera sends something or is silent for too long."""
        self._closed.set()

    @property
    def ended(self) -> bool:
        """Whether any of ``stops`` is set."""
        return any(stop.is_set() for stop in self._stops)

    @property
    def _stopped(self) -> bool:
        return self._closed.is_set() or self.ended

    def _fetch(self, pictures: Generator[bytes]) -> None:
        try:
            for picture in pictures:
                if self._stopped:
                    return
                self._put(picture)
            self._put(b"")
        except (OSError, HTTPException) as error:
            self._put(_as_of_ffmpeg(error))
        finally:
            pictures.close()

    def _put(self, picture: bytes | av.FFmpegError) -> None:
        while not self._stopped:
            with contextlib.suppress(Full):
                self._pictures.put(picture, timeout=_GLANCE)
                return


def _as_of_ffmpeg(error: OSError | HTTPException) -> av.FFmpegError:
    """Return the error with which FFmpeg would have failed."""
    if isinstance(error, HTTPError):
        kind = _REFUSALS.get(
            error.code, av.error.HTTPServerError if error.code >= 500 else av.error.HTTPError
        )
        return kind(error.code, f"{error.code} {error.reason}")
    # The errors of sockets stand inside those of requests.
    cause = error.reason if isinstance(error, URLError) and isinstance(error.reason, OSError) else error
    if isinstance(cause, TimeoutError):
        return av.FFmpegError(errno.ETIMEDOUT, "no picture came in time")
    kind = av.error.ConnectionRefusedError if isinstance(cause, ConnectionRefusedError) else av.error.OSError
    return kind(getattr(cause, "errno", None) or errno.EIO, str(getattr(cause, "strerror", None) or cause))


def is_known(address: str) -> bool:
    """Whether the ending of an address is that of MJPEG."""
    return urlsplit(address).path.lower().endswith(_ENDINGS)


def sends_pictures(address: str, timeout: float, *, insecure: bool) -> bool:
    """Ask whether an address sends MJPEG. What cannot be asked does not."""
    try:
        with http.get(address, timeout, insecure=insecure) as answer:
            multipart = answer.headers.get_content_maintype() == "multipart"
            return multipart or _BEGINNING in answer.read1(_LOOK)
    except (OSError, ValueError, HTTPException):
        return False


def stream(address: str, timeout: float, *, insecure: bool) -> Generator[bytes]:
    """Yield the pictures of an MJPEG stream.

    Args:
        timeout: seconds for which nothing may come.
    """
    with http.get(address, timeout, insecure=insecure) as answer:
        splitter = JpegSplitter()
        while data := answer.read1(_READ):
            yield from splitter.feed(data)


def snapshots(address: str, interval: float, timeout: float, *, insecure: bool) -> Generator[bytes]:
    """Ask for a picture every ``interval`` seconds, and yield each.

    Args:
        timeout: seconds that an answer may take.
    """
    while True:
        due = time.monotonic() + interval
        with http.get(address, timeout, insecure=insecure) as answer:
            data = answer.read(_LARGEST)
        if not data.startswith(_BEGINNING):
            raise OSError(errno.EIO, "what comes is no JPEG picture, as --poll needs")
        yield data
        time.sleep(max(0.0, due - time.monotonic()))
